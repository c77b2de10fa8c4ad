"""The content of a policy, which its name in Azure is made from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec
from azdiskbackup.core.identity.naming import policy_name
from azdiskbackup.core.schedule.backup_times import standard_offset, windows_zone

# The schedule repeats from a day in the past. Fixed: another day would be another content, and so another policy.
_YEAR = 2024
_FIRST_DAY = f"{_YEAR}-01-01"
_OFFSET = re.compile(r"[+-]\d\d:\d\d(?=/)")


@dataclass(frozen=True, slots=True)
class PolicyContent:
    """What the service is told.

    Attributes:
        rule_name: name of the backup rule; an on-demand backup names it.
        repeats: ISO 8601 repeating interval, such as ``R/2024-01-01T02:00:00+00:00/PT4H``, with the standard offset of
            the time zone: whether Azure reads it or the zone is not known, and so both mean the same in winter.
        windows_zone: Windows name of the time zone of the schedule.
        retention_days: days of each retention rule by its name in Azure (Default, Daily, Weekly).
    """

    rule_name: str
    repeats: str
    windows_zone: str
    retention_days: Mapping[str, int]

    def name(self, stem: str) -> str:
        """Return the name in Azure of the policy with this content.

        The offset is no part of it. It follows from the zone, and policies that were made with another one stay: their
        disks would be migrated for a change of notation.
        """
        named = {
            "rule_name": self.rule_name,
            "repeats": _OFFSET.sub("+00:00", self.repeats),
            "windows_zone": self.windows_zone,
            "retention_days": dict(self.retention_days),
        }
        return policy_name(stem, named)


def rule_name(spec: DiskBackupPolicySpec) -> str:
    """Return the name that the service wants for the backup rule."""
    return "BackupHourly" if spec.schedule.frequency == "Hourly" else "BackupDaily"


def content(spec: DiskBackupPolicySpec) -> PolicyContent | None:
    """Return the content of a policy; None when its time zone has no Windows name."""
    zone = windows_zone(spec.schedule.time_zone)
    if zone is None:
        return None
    hours = spec.schedule.interval_hours
    period = f"PT{hours}H" if hours else "P1D"
    offset = standard_offset(spec.schedule.time_zone, _YEAR)
    days = {
        "Default": spec.retention.default,
        "Daily": spec.retention.daily,
        "Weekly": spec.retention.weekly,
    }
    return PolicyContent(
        rule_name=rule_name(spec),
        repeats=f"R/{_FIRST_DAY}T{spec.schedule.start_time}:00{offset}/{period}",
        windows_zone=zone,
        retention_days={name: rule.days for name, rule in days.items() if rule is not None},
    )
