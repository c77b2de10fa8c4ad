"""How far the one attempt of an object got: found by what this process knows, by Azure's jobs, by what a kind sees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from azdiskbackup.azure.gateways.azure import capture_if_allowed
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.jobs.attempt import (
    Attempt,
    Following,
    IntentRecorded,
    NotStarted,
    RequestRefused,
    Restored,
    Sent,
    Unfollowable,
)
from azdiskbackup.core.jobs.recorded import Recorded
from azdiskbackup.core.objects.azure import AzureJob
from azdiskbackup.core.objects.operation import Failed, Pending, Succeeded
from azdiskbackup.core.rules.backoff import pause
from azdiskbackup.core.rules.intervals import JOB_APPEARS_WITHIN, JOB_POLL
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import InvalidRequest, OperatorError, RateLimited, Terminal, Unavailable
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.reconciler import KindState, NothingNew


class Wish(Protocol):
    """An object that asks for a job.

    Attributes:
        uid: travels as the id of the request, and comes back as the job's activity id.
        restored_by: the label by which the object shows that a restore of manifests brought it back.
    """

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def namespace(self) -> str:
        """Return its namespace."""

    @property
    def uid(self) -> str:
        """Return its uid."""

    @property
    def restored_by(self) -> str | None:
        """Return the label of a restore."""


@dataclass(slots=True)
class JobState(KindState):
    """What this process knows about its own attempt, which no crash can make wrong.

    Attributes:
        instance: the backup instance of the recorded intent; None while none is known.
        is_ours: whether this process recorded the intent.
        sent: since when the request may have been sent, by us or, before we looked first, by another process; None
            while surely no job runs by it.
        operation: URL of the operation of an accepted request; it names the job.
        job: id of the job, as Azure told this process.
        foreign_job: id of a job in status that is not this object's.
        error: how the request failed last.
        failures: in a row, and since when.
        not_before: when to send it again, once it has failed.
        refused: how Azure refused the request for good.
    """

    instance: ArmId | None = None
    is_ours: bool = False
    sent: datetime | None = None
    operation: str | None = None
    job: str | None = None
    foreign_job: str | None = None
    error: OperatorError | None = None
    failures: int = 0
    failing_since: datetime | None = None
    not_before: datetime | None = None
    refused: RequestRefused | None = None

    def intend(self, instance: ArmId) -> None:
        """Take note of an intent that was recorded: nothing was sent by it."""
        self.instance, self.is_ours = instance, True
        self.sent, self.operation, self.not_before = None, None, None

    def failed(self, error: OperatorError, now: datetime, jitter: float) -> None:
        """Take note that the request failed."""
        self.error, self.operation = error, None
        self.failures += 1
        self.failing_since = self.failing_since or now
        self.not_before = now + pause(error, self.failures, jitter, now - self.failing_since)
        if isinstance(error, Terminal):
            self.refused = RequestRefused(error, now)

    async def send(self, request: Awaitable[str | None], now: datetime, jitter: float) -> None:
        """Send the request; how it failed is kept, and told by the next pass.

        Raises:
            RateLimited: it is not allowed yet, and was not sent.
        """
        self.sent, self.not_before = now, None
        try:
            self.operation = await request
        except RateLimited:
            self.sent = None
            raise
        except OperatorError as error:
            self.failed(error, now, jitter)
            if not isinstance(error, Unavailable):
                # An answer that refuses proves that no job was made; any other request may have arrived.
                self.sent = None


class JobFollower(ABC):
    """Finds and follows the job of an attempt.

    Attributes:
        kind: the kind whose objects ask for the jobs.
        ask: sends a request that what is shown may answer instead, a minute or two later: only if it is our turn.
    """

    kind: ClassVar[str]
    ask = staticmethod(capture_if_allowed)

    def __init__(self, context: ReconcileContext) -> None:
        self._context = context

    @abstractmethod
    async def shown(self, instance: ArmId, fits: Callable[[AzureJob], bool]) -> AzureJob | None:
        """Return a job as what is known of all instances shows it; None while it shows none that fits."""

    @abstractmethod
    async def result(self, job: AzureJob, instance: ArmId) -> Following:
        """Return a job that is known, with what it made."""

    async def look(self, desired: Wish, recorded: Recorded, usual: ArmId | None, state: JobState) -> Attempt:
        """Return how far the attempt got.

        Args:
            desired: the object.
            recorded: what its status says.
            usual: the instance that the request is for when status does not say.
            state: what this process knows of it.

        Raises:
            NothingNew: its job runs, and it is not our turn to ask more.
            RateLimited: its job is searched for, and it is woken when that is over.
        """
        if state.refused is not None:
            return state.refused
        if state.instance is None and recorded.begun:
            # Of an intent without an instance that can be believed, the disk's own is the one to look at.
            state.instance = recorded.instance or usual
            # The process before may have sent it until a moment ago, however old the intent is.
            state.sent = self._context.clock.now()
        if state.instance is None:
            return Restored(desired.restored_by) if desired.restored_by else NotStarted()
        known = state.job or recorded.job
        if known is not None and known != state.foreign_job:
            job = await self._read(known, state.instance)
            if state.job is not None or not isinstance(job, AzureJob) or _is_of(desired, state.instance)(job):
                return await self._told(known, job, state.instance, state)
            state.foreign_job = known
        if state.operation is not None:
            return await self._accepted(desired, state.operation, state.instance, state)
        return await self._search(desired, state.instance, state)

    async def _accepted(self, desired: Wish, operation: str, instance: ArmId, state: JobState) -> Attempt:
        match await self.ask(self._context.azure.operations.check(operation)):
            case NotFetched():
                return await self.result(await self._known(instance, _is_of(desired, instance)), instance)
            case Succeeded(job=str(job)):
                return await self._follow(job, instance, state)
            case Failed(error=error):
                # Whether it made a job before it failed, the jobs tell; only then it may be sent again.
                state.failed(error, self._context.clock.now(), self._context.jitter())
                return state.refused or await self._search(desired, instance, state)
            case Pending():
                return Sent(state.error)
            case _:
                # The operation cannot be read, or tells no job: the jobs themselves do.
                return await self._search(desired, instance, state)

    async def _search(self, desired: Wish, instance: ArmId, state: JobState) -> Attempt:
        """Look for the job of a request whose answer was lost: it carries the request's id.

        What the sweep shows proves that there is a job; that there is none, only all jobs of the vault can, a while
        after the request.
        """
        if state.sent is None:
            return IntentRecorded(instance, state.error, state.not_before)
        shown_by = state.sent + JOB_APPEARS_WITHIN
        found = await self.shown(instance, _is_of(desired, instance))
        if isinstance(found, AzureJob):
            return await self._follow(found.id, instance, state)
        if self._context.clock.now() < shown_by:
            return Sent(state.error)
        me = Key(self.kind, desired.namespace, desired.name)
        match self._context.job_search.ask(instance.parent, desired.uid, me, shown_by):
            case None:
                raise RateLimited("its job is searched for")
            case FetchFailed(error):
                return Unfollowable(error)
            case AzureJob() as job if _is_of(desired, instance)(job):
                return await self._follow(job.id, instance, state)
            case _:
                return _without_job(desired, instance, state)

    async def _follow(self, job_id: str, instance: ArmId, state: JobState) -> Attempt:
        state.job = job_id
        return await self._told(job_id, await self._read(job_id, instance), instance, state)

    async def _read(self, job_id: str, instance: ArmId) -> AzureJob | NotFound | FetchFailed:
        job = await self.ask(self._context.azure.backups.get_job(instance.parent, job_id))
        if isinstance(job, NotFetched):
            return await self._known(instance, lambda job: job.id == job_id)
        return job

    async def _told(
        self, job_id: str, job: AzureJob | NotFound | FetchFailed, instance: ArmId, state: JobState
    ) -> Attempt:
        now = self._context.clock.now()
        state.prove_absence(instance.parent.child("backupJobs", job_id), job, now, was_there=True)
        match job:
            case AzureJob():
                return await self.result(job, instance)
            case FetchFailed(error):
                return Unfollowable(error)
            case _:
                error = InvalidRequest("JobNotFound", f"Azure no longer knows the job {job_id}")
                return RequestRefused(error, now, job_id)

    async def _known(self, instance: ArmId, fits: Callable[[AzureJob], bool]) -> AzureJob:
        """Return a job as it is shown: of many that run, not each can be asked for by itself."""
        found = await self.shown(instance, fits)
        if found is None:
            raise NothingNew(self._context.clock.now() + JOB_POLL)
        return found


def _without_job(desired: Wish, instance: ArmId, state: JobState) -> Attempt:
    """Return how far a request got of which surely no job is known."""
    if state.operation is not None:
        # Azure accepted it: the job has to come.
        return Sent(state.error)
    if desired.restored_by and not state.is_ours:
        # Restored with its status: the intent is that of the object before.
        return Restored(desired.restored_by)
    state.sent = None
    return IntentRecorded(instance, state.error, state.not_before)


def _is_of(desired: Wish, instance: ArmId) -> Callable[[AzureJob], bool]:
    """Return what tells the job of an object: it carries the request's id, and is about the instance."""
    return lambda job: job.activity_id.lower() == desired.uid.lower() and same_id(job.instance_id, instance)
