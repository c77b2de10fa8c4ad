"""The days of one volume: how its backups went, and whether it could be restored at the end of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from azdiskbackup.plugin.output.calendar import Day, KnownBackups
from azdiskbackup.plugin.report.shapes import VolumeDay

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a volume.

    Attributes:
        created: when its PVC was created.
        backups: what is known of its backups; None for one that nothing protects.
        successes: by day, the newest successful backup that a Prometheus had seen at its end.
        unprotected: why it is not protected, where it is not.
        last_error: how its newest backup failed, if it did.
    """

    created: datetime
    backups: KnownBackups | None
    successes: dict[date, datetime]
    unprotected: str = ""
    last_error: str = ""


def volume_days(known: Known, found: Sequence[Day], now: datetime) -> list[VolumeDay]:
    """Return the days of a volume.

    Args:
        known: what is known of it.
        found: its days by the calendar.
        now: the time.
    """
    days = []
    for each in found:
        end = min(datetime.combine(each.date, time(), tzinfo=UTC) + _DAY, now)
        restorable = _is_restorable(known, each.date, end, now)
        days.append(
            VolumeDay(
                date=each.date,
                backups=each.verdict,
                good=each.good,
                due=each.due,
                failed=each.failed,
                restorable=restorable,
                why_not=_why_not(known, each, end) if restorable is False else "",
            )
        )
    return days


def _is_restorable(known: Known, day: date, end: datetime, now: datetime) -> bool | None:
    """Return whether there was a restore point at the end of a day; None where that is not known any more.

    One that there is today, and that is older than that, was there. Others may have expired since.
    """
    if known.created > end:
        return None
    backups = known.backups
    if backups is None:
        return False
    if backups.points and backups.points[0] <= end:
        return True
    success = known.successes.get(day)
    if success is not None:
        return backups.kept is None or success + backups.kept >= end
    may_have_expired = backups.kept is not None and end < now - backups.kept
    is_complete = backups.complete_since is None or end >= backups.complete_since
    return None if may_have_expired or not is_complete else False


def _why_not(known: Known, day: Day, end: datetime) -> str:
    if known.backups is None:
        return known.unprotected
    since = known.backups.since
    if since is None:
        return known.unprotected
    if since >= end:
        return f"backups are taken since {since:%Y-%m-%d %H:%M} UTC only"
    if day.failed:
        return f"{day.failed} backups failed, and none had succeeded before. {known.last_error}".rstrip()
    return "no backup had succeeded until then"
