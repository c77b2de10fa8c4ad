"""How many restore points a policy leads to, computed before Azure is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.disk_backup_policy import Retention, Schedule
from azdiskbackup.core.schedule.backup_times import backups_per_day


@dataclass(frozen=True, slots=True)
class Expected:
    """Restore points a disk in the worst case, and the sum that leads to them, for a person."""

    count: int
    sum: str


def expected_restore_points(schedule: Schedule, retention: Retention) -> Expected:
    """Return the most restore points that a disk has at one time by its policy alone.

    Each rule counts on its own, as if no point were kept by two of them: that is the worst case, and how the service
    counts (the sum over the rules).
    """
    per_day = backups_per_day(schedule)
    parts = [(per_day * retention.default.days, f"{per_day} a day for {retention.default.days} days")]
    if retention.daily:
        parts.append((retention.daily.days, f"1 a day for {retention.daily.days} days"))
    if retention.weekly:
        weeks = math.ceil(retention.weekly.days / 7)
        parts.append((weeks, f"1 a week for {retention.weekly.days} days"))
    count = sum(points for points, _ in parts)
    terms = " + ".join(f"{points} ({why})" for points, why in parts)
    return Expected(count, f"{terms} = {count}" if len(parts) > 1 else terms)
