"""How far the one attempt of an OnDemandBackup got: found by what this process knows, by Azure's jobs, by the sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from azdiskbackup.azure.gateways.azure import capture_error, capture_if_allowed
from azdiskbackup.azure.gateways.operations import Failed, Pending, Succeeded
from azdiskbackup.azure.inventory.snapshot import InventorySnapshot
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureJob, AzureRestorePoint
from azdiskbackup.core.on_demand_backup.attempt import (
    Attempt,
    Following,
    IntentRecorded,
    NotStarted,
    RequestRefused,
    Sent,
    Unfollowable,
)
from azdiskbackup.core.on_demand_backup.desired import Desired
from azdiskbackup.core.on_demand_backup.observed import DiskView, Recorded
from azdiskbackup.core.on_demand_backup.rules import JOB_APPEARS_WITHIN
from azdiskbackup.core.rules.intervals import JOB_POLL
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import InvalidRequest, RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.reconciler import KindState, NothingNew

# How old what the sweep shows of a running job may be.
SHOWN_JOB_STAYS = timedelta(minutes=2)


async def shown(context: ReconcileContext, vault: ArmId, not_older_than: datetime) -> InventorySnapshot:
    """Return what the sweep shows.

    Raises:
        NothingNew: it is not its turn to ask. It is woken then, and not we: we have to come back by ourselves.
    """
    try:
        return await context.sweep.read(vault, not_older_than)
    except RateLimited:
        raise NothingNew(context.clock.now() + JOB_POLL) from None


@dataclass(slots=True)
class BackupState(KindState):
    """What this process knows about its own attempt, which no crash can make wrong.

    Attributes:
        recorded: when this process recorded the intent, while it surely sent nothing.
        sent: when this process sent the request, or may have.
        operation: URL of the operation of an accepted request; it names the job.
        refused: how Azure refused the request for good.
    """

    recorded: datetime | None = None
    sent: datetime | None = None
    operation: str | None = None
    refused: RequestRefused | None = None


class JobFollower:
    """Finds and follows the job of an attempt."""

    def __init__(self, context: ReconcileContext) -> None:
        self._context = context

    async def look(
        self, desired: Desired, recorded: Recorded, disk: DiskView | NotFound, state: BackupState
    ) -> Attempt:
        """Return how far the attempt got.

        Raises:
            NothingNew: its job runs, and it is not our turn to ask more.
            RateLimited: its job is searched for, and it is woken when that is over.
        """
        if state.refused is not None:
            return state.refused
        if recorded.intent is None:
            return NotStarted()
        if isinstance(disk, NotFound) or disk.instance is None:
            error = InvalidRequest("ProtectedDiskGone", "The ProtectedDisk is gone, so its job cannot be followed")
            return RequestRefused(error, self._context.clock.now())
        if recorded.job is not None:
            return await self._follow(recorded.job, disk.instance)
        if state.operation is not None:
            return await self._accepted(desired, state, disk.instance)
        if state.recorded is not None and state.sent is None:
            return IntentRecorded(state.recorded)
        return await self._search(desired, state.sent or recorded.intent, disk.instance)

    async def _accepted(self, desired: Desired, state: BackupState, instance: ArmId) -> Attempt:
        assert state.operation is not None and state.sent is not None
        match await capture_if_allowed(self._context.azure.operations.check(state.operation)):
            case NotFetched():
                return await self._following(await self._shown(instance, _is_for(desired)), instance)
            case Succeeded(job=str(job)):
                return await self._follow(job, instance)
            case Failed(error=error):
                return RequestRefused(error, self._context.clock.now())
            case Pending():
                return Sent(state.sent, answered=True, jobs_seen=False)
            case _:
                # The operation cannot be read, or tells no job: the jobs themselves do.
                return await self._search(desired, state.sent, instance, answered=True)

    async def _search(self, desired: Desired, since: datetime, instance: ArmId, *, answered: bool = False) -> Attempt:
        """Look for the job of a request whose answer was lost: it carries the request's id.

        What the sweep shows proves that there is a job; that there is none, only all jobs of the vault can, a while
        after the request.
        """
        now, vault = self._context.clock.now(), instance.parent
        found = await capture_error(self._find(instance, _is_for(desired)))
        if isinstance(found, AzureJob):
            return await self._follow(found.id, instance)
        if now < since + JOB_APPEARS_WITHIN:
            return Sent(since, answered=answered, jobs_seen=False)
        me = Key("OnDemandBackup", desired.namespace, desired.name)
        match self._context.job_search.ask(vault, desired.uid, me, since + JOB_APPEARS_WITHIN):
            case None:
                raise RateLimited("its job is searched for")
            case FetchFailed(error):
                return Unfollowable(error)
            case NotFound():
                return Sent(since, answered=answered, jobs_seen=True)
            case job:
                return await self._follow(job.id, instance)

    async def _follow(self, job_id: str, instance: ArmId) -> Attempt:
        job = await capture_if_allowed(self._context.azure.backups.get_job(instance.parent, job_id))
        if isinstance(job, NotFetched):
            job = await self._shown(instance, lambda job: job.id == job_id)
        if isinstance(job, FetchFailed):
            return Unfollowable(job.error)
        if isinstance(job, NotFound):
            error = InvalidRequest("JobNotFound", f"Azure no longer knows the job {job_id}")
            return RequestRefused(error, self._context.clock.now())
        return await self._following(job, instance)

    async def _shown(self, instance: ArmId, fits: Callable[[AzureJob], bool]) -> AzureJob:
        """Return a job as the sweep shows it: of many that run, not each can be asked for by itself."""
        found = await self._find(instance, fits)
        if found is None:
            raise NothingNew(self._context.clock.now() + JOB_POLL)
        return found

    async def _find(self, instance: ArmId, fits: Callable[[AzureJob], bool]) -> AzureJob | None:
        snapshot = await shown(self._context, instance.parent, self._context.clock.now() - SHOWN_JOB_STAYS)
        return next((job for job in snapshot.of(instance).jobs.recent if fits(job)), None)

    async def _following(self, job: AzureJob, instance: ArmId) -> Following:
        return Following(job, await self._restore_point(job, instance))

    async def _restore_point(self, job: AzureJob, instance: ArmId) -> AzureRestorePoint | None:
        if job.running:
            return None
        # The disk shows this job and its point next, and the sweep may learn of it minutes later.
        self._context.sweep.record_finished_job(replace(job, instance_id=str(instance)))
        if job.restore_point_id is None:
            return None
        # Its id is enough to find it; that the backup is done must not wait for the rest.
        found = await capture_if_allowed(self._context.azure.backups.get_restore_point(instance, job.restore_point_id))
        return found if isinstance(found, AzureRestorePoint) else None


def _is_for(desired: Desired) -> Callable[[AzureJob], bool]:
    """Return what tells the job of a backup: it carries the request's id."""
    return lambda job: job.activity_id.lower() == desired.uid.lower()
