"""What passes of ProtectedDisks leave for the next ones: by object, and of all. Losing it costs calls, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, AzureJob, InstanceRequest
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.trust import LastGet
from azdiskbackup.core.protected_disk.validation import NeverRun, Validation, ValidationRefused
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import AlreadyProtected, OperatorError
from azdiskbackup.reconcilers.common import reconciler

BURST_WINDOW = timedelta(minutes=1)
BURST_SIZE = 10

K = TypeVar("K")


@dataclass(slots=True)
class KnownDisk:
    """The disk as a GET returned it, valid for a while."""

    _disk: AzureDisk | None = None
    _valid_until: datetime | None = None

    def get(self, id_: ArmId, now: datetime) -> AzureDisk | None:
        """Return the disk of an id, if it is still valid."""
        is_valid = self._valid_until is not None and now < self._valid_until
        return self.get_stale(id_) if is_valid else None

    def get_stale(self, id_: ArmId) -> AzureDisk | None:
        """Return the disk of an id, however old."""
        return self._disk if self._disk is not None and same_id(self._disk.id, id_) else None

    def set(self, disk: AzureDisk | None, valid_until: datetime | None = None) -> None:
        """Take what a GET returned, or forget it."""
        self._disk, self._valid_until = disk, valid_until

    def expire(self) -> None:
        """Have the disk read again."""
        self._valid_until = None


@dataclass(slots=True)
class KnownInstance:
    """The backup instance as a GET returned it last, and whether it may look otherwise by now.

    Attributes:
        last_get: what it returned, and when; None while there is nothing to go by.
        change_expected: whether the instance changes, or was asked to and does not show it yet: only a GET counts.
        adopted_id: ARM id of an instance in our vault under another name than we would give it.
        was_owner: whether it named the object as its owner when this process last saw it.
        missing_job_at: when it was last noticed that a run of the schedule has no job, not even a failed one.
        needs_get: whether only a GET tells that it is there: an index that does not follow would show it for ever.
    """

    last_get: LastGet | None = None
    change_expected: bool = False
    adopted_id: ArmId | None = None
    was_owner: bool = False
    missing_job_at: datetime | None = None
    needs_get: bool = False

    def note_missing_job(self, missing_since: datetime, every: timedelta, now: datetime) -> bool:
        """Take note that no job shows; return whether that is new, or was noticed more than a run of the schedule ago.

        Args:
            missing_since: by when the first job that is missing should have been there.
            every: how long there is from one run to the next.
            now: the time.
        """
        if self.missing_job_at is not None and self.missing_job_at >= max(missing_since, now - every):
            return False
        self.missing_job_at, self.needs_get = now, True
        return True

    @property
    def value(self) -> AzureInstance | NotFound | None:
        """Return what the last GET returned."""
        return self.last_get.instance if self.last_get is not None else None


@dataclass(slots=True)
class KnownValidation:
    """How far Azure's validation got, and what it was about; its answer says nothing about another request."""

    state: Validation = field(default_factory=NeverRun)
    request: InstanceRequest | None = None

    def reset_unless_about(self, request: InstanceRequest) -> None:
        """Forget the answer to another request."""
        if self.request is not None and self.request != request:
            self.state, self.request = NeverRun(), None


@dataclass(slots=True)
class KnownConflict:
    """The instance because of which Azure refuses ours; searched for once for each refusal.

    Attributes:
        instance: that in another vault.
        searched_for: the refusal that it was searched for.
    """

    instance: AzureInstance | NotFound = field(default_factory=NotFound)
    searched_for: OperatorError | None = None

    def is_search_due(self, refusal: OperatorError | None) -> bool:
        """Return whether Azure refused the disk anew because it is protected elsewhere."""
        return isinstance(refusal, AlreadyProtected) and refusal is not self.searched_for


@dataclass(slots=True)
class RoleRecheck:
    """Why the role on the disk was looked at again; once for each cause."""

    cause: str | None = None

    @property
    def is_for_job(self) -> bool:
        """Return whether the newest backup failed for want of a role."""
        return self.cause is not None and self.cause.startswith("job ")

    def is_new(self, cause: str) -> bool:
        """Take note of a cause; return whether it is another one than before."""
        before, self.cause = self.cause, cause
        return before != cause

    def instance_is_fine(self) -> None:
        """Forget a cause that the instance itself gave."""
        if not self.is_for_job:
            self.cause = None

    def job_is_fine(self) -> None:
        """Forget a cause that a job gave."""
        if self.is_for_job:
            self.cause = None


@dataclass(slots=True)
class KnownHistory:
    """What was done about jobs, once for each.

    Attributes:
        failed_job: the failed backup after which the disk is looked at again.
        overdue_checked_for: the due backup for which the restore points were listed, since no job told of it.
        is_made_anew: whether the instance was created since the restore points in status were read.
        none_at: which instance had no restore point, as Azure's index showed it last, and when.
    """

    failed_job: str | None = None
    overdue_checked_for: datetime | None = None
    is_made_anew: bool = False
    none_at: tuple[str, datetime] | None = None

    def is_new_failure(self, ended: AzureJob | None) -> bool:
        """Take note of the newest backup that ended; return whether it is a failure not yet seen."""
        if ended is None:
            return False
        before = self.failed_job
        self.failed_job = None if ended.succeeded else ended.id
        return self.failed_job is not None and self.failed_job != before


@dataclass(slots=True)
class DiskState(reconciler.KindState):
    """What earlier passes over one ProtectedDisk left.

    Attributes:
        is_new: whether nothing was ever written for the object when this process saw it first; None before that.
        migrate_at: when the disk may move to another policy; reserved once, so that it comes.
    """

    is_new: bool | None = None
    disk: KnownDisk = field(default_factory=KnownDisk)
    instance: KnownInstance = field(default_factory=KnownInstance)
    validation: KnownValidation = field(default_factory=KnownValidation)
    conflict: KnownConflict = field(default_factory=KnownConflict)
    role_recheck: RoleRecheck = field(default_factory=RoleRecheck)
    history: KnownHistory = field(default_factory=KnownHistory)
    migrate_at: datetime | None = None

    def forget_disk(self) -> None:
        """Forget what is known of a disk that the object no longer protects."""
        self.disk, self.instance, self.validation = KnownDisk(), KnownInstance(), KnownValidation()
        self.conflict, self.role_recheck, self.history = KnownConflict(), RoleRecheck(), KnownHistory()
        self.migrate_at = None

    def is_operation_in_progress(self, now: datetime) -> bool:
        """Return whether Azure surely is at the last step, so that a GET would show what is known already."""
        return self.steps.operation is not None and now < self.steps.operation.look_at

    @property
    def refusal(self) -> OperatorError | None:
        """Return how Azure refused the disk, or the last step."""
        validation = self.validation.state
        return validation.error if isinstance(validation, ValidationRefused) else self.steps.error


Pass: TypeAlias = reconciler.Pass[Desired, DiskState]


class MigrationPacer:
    """Hands out moments, evenly spaced; a restart begins anew, and what has moved has moved."""

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._next: datetime | None = None

    def reserve(self, now: datetime) -> datetime:
        """Return when the next one may go."""
        turn = now if self._next is None else max(now, self._next)
        self._next = turn + self._every
        return turn


class BurstDetector:
    """Notices when many new objects come within a short time, each of which would ask the same by itself."""

    def __init__(self) -> None:
        # In the order in which they came.
        self._came_at: dict[Key, datetime] = {}

    def add(self, new: Key, now: datetime) -> None:
        """Take note of a new object."""
        drop_before(self._came_at, now - BURST_WINDOW)
        self._came_at.setdefault(new, now)

    def started(self) -> datetime | None:
        """Return since when there is a burst; None while there is none."""
        return next(iter(self._came_at.values())) if len(self._came_at) > BURST_SIZE else None


class Edits:
    """Tells who has just been edited by a person, and is one of a few: such waits for no look at all others."""

    def __init__(self) -> None:
        self._burst = BurstDetector()

    def is_urgent(self, pass_: Pass) -> bool:
        """Return whether an object waits for nobody: its spec is new, and not that of many.

        Whoever is asked about counts as one of them.
        """
        if pass_.resource.status.get("observedGeneration") in (None, pass_.resource.generation):
            return False
        self._burst.add(pass_.key, pass_.now)
        return self._burst.started() is None


def drop_before(came_at: dict[K, datetime], time: datetime) -> None:
    """Drop those that came by a time, from a dict in which they stand in their order: of thousands it is read often."""
    while came_at and came_at[first := next(iter(came_at))] <= time:
        del came_at[first]
