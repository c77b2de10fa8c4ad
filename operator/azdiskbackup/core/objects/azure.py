"""What Azure answers, as values: the language between the gateways and the rules.

States are open strings: the service sends some that no enumeration knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.protected_disk import RECENT_JOBS
from azdiskbackup.core.identity.arm_ids import ArmId


def has_tags(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether tags hold others; Azure compares their names without letter case, and their values with it."""
    values = {name.lower(): value for name, value in tags.items()}
    return all(values.get(name.lower()) == value for name, value in wanted.items())


def with_tags(tags: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return tags with others in them: Azure refuses two names that differ in letter case only."""
    replaced = {name.lower() for name in wanted}
    return {name: value for name, value in tags.items() if name.lower() not in replaced} | dict(wanted)


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """The settings of a vault that a spec can name."""

    redundancy: str
    soft_delete_state: str
    soft_delete_days: int
    immutability: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AzureVault:
    """A backup vault as it is.

    Attributes:
        principal_id: object id of its own identity.
        is_guarded: whether a Resource Guard protects it, so that some requests need somebody's approval.
        assigned: object ids of its user-assigned identities, by lower-case ARM id.
    """

    id: ArmId
    location: str
    provisioning_state: str
    principal_id: str | None
    settings: VaultSettings
    is_guarded: bool = False
    assigned: Mapping[str, str] = field(default_factory=dict)

    def principal_of(self, identity: str | None) -> str | None:
        """Return the object id of a user-assigned identity of the vault, or of its own."""
        return self.principal_id if identity is None else self.assigned.get(identity.lower())


@dataclass(frozen=True, slots=True)
class AzureDisk:
    """A managed disk as it is.

    Attributes:
        zones: its availability zones, by number; empty for one that is in none.
        tags: on it; only a GET of the disk itself tells them.
    """

    id: ArmId
    location: str
    size_gib: int | None
    sku: str | None
    zones: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AzureGroup:
    """A resource group as it is."""

    location: str


@dataclass(frozen=True, slots=True)
class AzureFailure:
    """An error that Azure shows on a resource or a job; ``about_rights`` says that the vault's identity lacks one."""

    code: str
    message: str
    action: str | None = None
    about_rights: bool = False

    @property
    def words(self) -> str:
        """Return code, message and what Azure recommends, in sentences."""
        return f"{self.code}: {self.message}{f' Azure recommends: {self.action}' if self.action else ''}"


STATES_OF_MODE = {
    "Active": {"protectionconfigured"},
    # The service sends BackupsSuspended; its documents say BackupSchedulesSuspended.
    "Suspended": {"backupssuspended", "backupschedulessuspended"},
    "Stopped": {"protectionstopped"},
}
CHANGING_STATES = {"configuringprotection", "updatingprotection", "softdeleting"}


@dataclass(frozen=True, slots=True)
class AzureInstance:
    """A backup instance as it is.

    Attributes:
        soft_deleted_until: set for one that was deleted and can be brought back.
        identity: the user-assigned identity that works for it; None for the vault's own.
    """

    id: ArmId
    disk_id: str
    policy_id: str
    snapshot_group_id: str | None
    state: str
    tags: Mapping[str, str] = field(default_factory=dict)
    failure: AzureFailure | None = None
    soft_deleted_until: datetime | None = None
    identity: str | None = None

    @property
    def is_changing(self) -> bool:
        """Return whether Azure is changing it right now."""
        return self.state.lower() in CHANGING_STATES

    def is_in_mode(self, mode: str) -> bool:
        """Return whether it is Active, Suspended or Stopped."""
        return self.state.lower() in STATES_OF_MODE[mode]

    def looks_like(self, other: AzureInstance) -> bool:
        """Return whether another answer tells the same; Azure does not keep the letter case of ids."""
        return self._essence() == other._essence()

    def _essence(self) -> tuple[object, ...]:
        ids = (self.id, self.disk_id, self.policy_id, self.snapshot_group_id, self.identity, self.state)
        lower = tuple(str(each).lower() for each in ids)
        return *lower, dict(self.tags), self.failure and self.failure.code, self.soft_deleted_until


@dataclass(frozen=True, slots=True)
class AzureJob:
    """A job of Azure Backup."""

    id: str
    instance_id: str
    operation: str
    status: str
    on_demand: bool
    activity_id: str
    start: datetime
    end: datetime | None
    duration: timedelta | None
    failure: AzureFailure | None = None
    restore_point_id: str | None = None
    retention_rule: str | None = None

    @property
    def type(self) -> str:
        """Return Scheduled or OnDemand."""
        return "OnDemand" if self.on_demand else "Scheduled"

    @property
    def is_backup(self) -> bool:
        """Return whether the job makes a restore point."""
        return self.operation.lower() == BACKUP

    @property
    def running(self) -> bool:
        """Return whether the job has not ended."""
        return is_running(self.status, self.end)

    @property
    def succeeded(self) -> bool:
        """Return whether the job ended well."""
        return succeeded(self.status)


def succeeded(status: str) -> bool:
    """Return whether a state of a job is a good end."""
    return status.lower() in GOOD_STATES


def is_running(status: str, end: datetime | None) -> bool:
    """Return whether a job has not ended; a state that nobody knows counts as running until it has an end."""
    return status.lower() in RUNNING_STATES or (status.lower() not in ENDED_STATES and end is None)


# In lower case; the query to Resource Graph is made of them.
RUNNING_STATES = ("inprogress", "started", "cancelling")
GOOD_STATES = ("completed", "completedwithwarnings", "succeeded")
ENDED_STATES = (*GOOD_STATES, "failed", "cancelled")
BACKUP = "backup"


JOB_HISTORY = timedelta(days=7)
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class JobHistory:
    """The backups of an instance in the last seven days; of other jobs, such as restores, it says nothing.

    Attributes:
        completed: how many ended well.
        failed: how many ended otherwise.
        running: how many have not ended.
        recent: the newest ones, newest first, at most ``RECENT_JOBS``.
        on_demand: when those of the last day that somebody asked for started, by the ids of their jobs.
    """

    completed: int = 0
    failed: int = 0
    running: int = 0
    recent: tuple[AzureJob, ...] = ()
    on_demand: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def ended_backup(self) -> AzureJob | None:
        """Return the newest backup that has ended."""
        return next((job for job in self.recent if not job.running), None)

    def with_job(self, job: AzureJob) -> JobHistory:
        """Return the history as it is with a job that was seen to end, which an index that lags may not show yet."""
        known = next((each for each in self.recent if each.id == job.id), None)
        if known is not None and not known.running:
            return self
        others = [each for each in self.recent if each.id != job.id]
        newest_first = sorted([*others, job], key=lambda each: each.start, reverse=True)
        return JobHistory(
            completed=self.completed + job.succeeded,
            failed=self.failed + (not job.succeeded),
            running=self.running - (known is not None),
            recent=tuple(newest_first[:RECENT_JOBS]),
            on_demand={**self.on_demand, job.id: job.start} if job.on_demand else self.on_demand,
        )


NO_JOBS = JobHistory()


def job_history(jobs: Iterable[AzureJob], now: datetime) -> JobHistory:
    """Return the history that a list of jobs tells."""
    backups = (job for job in jobs if job.is_backup and job.start > now - JOB_HISTORY)
    newest_first = sorted(backups, key=lambda job: job.start)[::-1]
    return JobHistory(
        completed=sum(job.succeeded for job in newest_first),
        failed=sum(not job.running and not job.succeeded for job in newest_first),
        running=sum(job.running for job in newest_first),
        recent=tuple(newest_first[:RECENT_JOBS]),
        on_demand={job.id: job.start for job in newest_first if job.on_demand and job.start > now - A_DAY},
    )


@dataclass(frozen=True, slots=True)
class AzureRestorePoint:
    """A restore point (Azure: recovery point).

    Attributes:
        size_gib: size of the disk that was backed up, where the point tells it.
    """

    id: str
    time: datetime
    expiry: datetime | None
    retention_rule: str | None
    type: str | None
    size_gib: int | None = None


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """The restore that is wanted: always into a new disk.

    Attributes:
        instance: the backup instance.
        point: id of the restore point.
        disk: ARM id of the disk to be, which may not exist.
        location: region of the snapshots, which is that of the disk.
        identity: the user-assigned identity that works for the instance; None for the vault's own.
    """

    instance: ArmId
    point: str
    disk: ArmId
    location: str
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceRequest:
    """The backup instance that is wanted; ``identity`` is a user-assigned one, None the vault's own."""

    id: ArmId
    disk: AzureDisk
    policy_id: str
    snapshot_group_id: str
    tags: Mapping[str, str]
    identity: str | None = None
