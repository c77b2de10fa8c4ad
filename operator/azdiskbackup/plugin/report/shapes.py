"""A report, as ``-o json`` has it; the other forms are made of it."""

from __future__ import annotations

from datetime import date, datetime

from azdiskbackup.plugin.output.calendar import DayState
from azdiskbackup.plugin.output.printer import Shape


class VolumeDay(Shape, frozen=True, kw_only=True):
    """A day of a volume, in UTC.

    Attributes:
        backups: how its backups went.
        good: backups that were due and are there; ``due`` and ``failed`` likewise, null where that is not known.
        restorable: whether the volume could be restored at the end of the day; null where that is not known.
        why_not: why it could not.
    """

    date: date
    backups: DayState
    good: int
    due: int | None
    failed: int
    restorable: bool | None
    why_not: str = ""


class Volume(Shape, frozen=True, kw_only=True):
    """A volume of the cluster, or a ProtectedDisk whose PVC is gone.

    Attributes:
        claim: name of the PVC; null for one that is gone.
        is_protected: whether Azure reports the disk as protected.
        reason: why it is as it is; explanation and remediation in words.
        rule: the DiskProtectionRule that made its ProtectedDisk.
        point_age_hours: how old its newest restore point is.
        promised_hours: how old that may be at most by the policy, the time included that Azure takes.
        is_late: whether it is older.
        restore_points: how many there are; the limit is Azure's, of all snapshots of the disk.
        last_restored: when a restore of it last succeeded; null where none did, as far as DiskRestores exist.
    """

    namespace: str
    claim: str | None
    created: datetime
    size: str
    storage_class: str
    disk: str | None
    is_protected: bool
    reason: str
    explanation: str
    remediation: str
    protected_disk: str | None
    rule: str | None
    policy: str | None
    vault: str | None
    newest_restore_point: datetime | None
    point_age_hours: float | None
    promised_hours: float | None
    is_late: bool
    restore_points: int | None
    last_restored: datetime | None
    last_error: str
    days: list[VolumeDay]

    @property
    def name(self) -> str:
        """Return ``namespace/name`` of the PVC, or of the ProtectedDisk."""
        return f"{self.namespace}/{self.claim or self.protected_disk}"

    def count(self, *states: DayState) -> int:
        """Return how many days were in one of some states."""
        return sum(day.backups in states for day in self.days)


class Total(Shape, frozen=True, kw_only=True):
    """What is summed up over the volumes of a namespace, or of a policy."""

    name: str
    volumes: int
    protected: int
    late: int
    days_missed: int
    days_failed: int


class DayTotal(Shape, frozen=True, kw_only=True):
    """A day of the cluster: how many volumes could be restored at its end, and which could not."""

    date: date
    restorable: int
    unknown: int
    not_restorable: list[str]


class RestoreDone(Shape, frozen=True, kw_only=True):
    """A DiskRestore; its outcome is null while it runs."""

    namespace: str
    name: str
    disk: str | None
    restore_point_time: datetime | None
    completion_time: datetime | None
    succeeded: bool | None
    claim: str | None


class CoverageAt(Shape, frozen=True, kw_only=True):
    """How many PVCs were in which state at a time, by the metric ``azdiskbackup_claims``."""

    time: datetime
    states: dict[str, int]


class Report(Shape, frozen=True, kw_only=True):
    """The report.

    Attributes:
        first: first day; last likewise.
        sources: where what is known comes from, and what that does not have.
        coverage: absent without a Prometheus.
    """

    generated: datetime
    cluster: str
    first: date
    last: date
    snapshot_limit: int
    sources: list[str]
    volumes: list[Volume]
    by_namespace: list[Total]
    by_policy: list[Total]
    days: list[DayTotal]
    restores: list[RestoreDone]
    coverage: list[CoverageAt] | None
