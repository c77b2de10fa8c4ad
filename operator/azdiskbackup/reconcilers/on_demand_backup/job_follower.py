"""How far the one attempt of an OnDemandBackup got: found by what this process knows, by Azure's jobs, by the sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from azdiskbackup.azure.gateways.operations import Failed, Pending, Succeeded
from azdiskbackup.azure.inventory.snapshot import InventorySnapshot
from azdiskbackup.azure.transport.request_scope import best_effort
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureJob, AzureRestorePoint
from azdiskbackup.core.on_demand_backup.attempt import (
    Attempt,
    Following,
    NotStarted,
    Recorded,
    Refused,
    Sent,
    Unfollowable,
)
from azdiskbackup.core.on_demand_backup.desired import Desired
from azdiskbackup.core.on_demand_backup.observed import DiskView
from azdiskbackup.core.on_demand_backup.rules import JOB_APPEARS_WITHIN
from azdiskbackup.core.rules.lookup import FetchFailed, NotFound
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import InvalidRequest, RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext, capture_error
from azdiskbackup.reconcilers.common.step_runner import StepRunner

# How old what the sweep shows of a running job may be.
SHOWN_JOB_STAYS = timedelta(minutes=2)


class NothingNew(Exception):
    """A job runs, and nobody can say more about it now."""


async def shown(tools: ReconcileContext, vault: ArmId, not_older_than: datetime) -> InventorySnapshot:
    """Return what the sweep shows.

    Raises:
        NothingNew: it is not its turn to ask. It is woken then, and not we: we have to come back by ourselves.
    """
    try:
        return await tools.sweep.read(vault, not_older_than)
    except RateLimited:
        raise NothingNew from None


@dataclass(slots=True)
class Memory:
    """What this process knows about its own attempt, which no crash can make wrong.

    Attributes:
        recorded: when this process recorded the intent, while it surely sent nothing.
        sent: when this process sent the request, or may have.
        operation: where Azure tells the job of an accepted request.
        refused: how Azure refused it for good.
    """

    attempts: StepRunner = field(default_factory=StepRunner)
    recorded: datetime | None = None
    sent: datetime | None = None
    operation: str | None = None
    refused: Refused | None = None


class Follower:
    """Follows attempts."""

    def __init__(self, tools: ReconcileContext) -> None:
        self._tools = tools

    async def look(self, desired: Desired, disk: DiskView | NotFound, memory: Memory) -> Attempt:
        """Return how far the attempt got.

        Raises:
            NothingNew: its job runs, and it is not our turn to ask more.
            Postponed: its job is searched for, and it is woken when that is over.
        """
        if memory.refused is not None:
            return memory.refused
        if desired.intent is None:
            return NotStarted()
        if isinstance(disk, NotFound) or disk.instance is None:
            error = InvalidRequest("ProtectedDiskGone", "The ProtectedDisk is gone, so its job cannot be followed")
            return Refused(error, self._tools.clock.now())
        if desired.job is not None:
            return await self._follow(desired.job, disk.instance)
        if memory.operation is not None:
            return await self._accepted(desired, memory, disk.instance)
        if memory.recorded is not None and memory.sent is None:
            return Recorded(memory.recorded)
        return await self._search(desired, memory.sent or desired.intent, disk.instance)

    async def _accepted(self, desired: Desired, memory: Memory, instance: ArmId) -> Attempt:
        assert memory.operation is not None and memory.sent is not None
        try:
            with best_effort():
                state = await capture_error(self._tools.azure.operations.check(memory.operation))
        except RateLimited:
            shown = await self._shown(instance, lambda job: job.activity_id.lower() == desired.uid.lower())
            return await self._following(shown, instance)
        match state:
            case Succeeded(job=str(job)):
                return await self._follow(job, instance)
            case Failed(error=error):
                return Refused(error, self._tools.clock.now())
            case Pending():
                return Sent(memory.sent, answered=True, jobs_seen=False)
            case _:
                # The operation cannot be read, or tells no job: the jobs themselves do.
                return await self._search(desired, memory.sent, instance, answered=True)

    async def _search(self, desired: Desired, since: datetime, instance: ArmId, *, answered: bool = False) -> Attempt:
        """Look for the job of a request whose answer was lost: it carries the request's id.

        What the sweep shows proves that there is a job; that there is none, only all jobs of the vault can, a while
        after the request.
        """
        now, vault = self._tools.clock.now(), instance.parent
        picture = await capture_error(shown(self._tools, vault, now - SHOWN_JOB_STAYS))
        if isinstance(picture, InventorySnapshot):
            jobs = picture.of(instance).jobs.recent
            found = next((job for job in jobs if job.activity_id.lower() == desired.uid.lower()), None)
            if found is not None:
                return await self._follow(found.id, instance)
        if now < since + JOB_APPEARS_WITHIN:
            return Sent(since, answered=answered, jobs_seen=False)
        me = Key("OnDemandBackup", desired.namespace, desired.name)
        match self._tools.lost_jobs.ask(vault, desired.uid, me, since + JOB_APPEARS_WITHIN):
            case None:
                raise RateLimited("its job is searched for")
            case FetchFailed(error):
                return Unfollowable(error)
            case NotFound():
                return Sent(since, answered=answered, jobs_seen=True)
            case job:
                return await self._follow(job.id, instance)

    async def _follow(self, job_id: str, instance: ArmId) -> Attempt:
        try:
            with best_effort():
                job = await capture_error(self._tools.azure.backups.get_job(instance.parent, job_id))
        except RateLimited:
            job = await self._shown(instance, lambda job: job.id == job_id)
        if isinstance(job, FetchFailed):
            return Unfollowable(job.error)
        if isinstance(job, NotFound):
            error = InvalidRequest("JobNotFound", f"Azure no longer knows the job {job_id}")
            return Refused(error, self._tools.clock.now())
        return await self._following(job, instance)

    async def _shown(self, instance: ArmId, fits: Callable[[AzureJob], bool]) -> AzureJob:
        """Return a job as the sweep shows it: of many that run, not each can be asked for by itself."""
        picture = await shown(self._tools, instance.parent, self._tools.clock.now() - SHOWN_JOB_STAYS)
        found = next((job for job in picture.of(instance).jobs.recent if fits(job)), None)
        if found is None:
            raise NothingNew
        return found

    async def _following(self, job: AzureJob, instance: ArmId) -> Following:
        return Following(job, await self._restore_point(job, instance))

    async def _restore_point(self, job: AzureJob, instance: ArmId) -> AzureRestorePoint | None:
        if job.running:
            return None
        # The disk shows this job and its point next, and the sweep may learn of it minutes later.
        self._tools.sweep.record_finished_job(replace(job, instance_id=str(instance)))
        if job.restore_point_id is None:
            return None
        try:
            with best_effort():
                found = await capture_error(self._tools.azure.backups.get_restore_point(instance, job.restore_point_id))
        except RateLimited:
            # Its id is enough to find it; that the backup is done must not wait for the rest.
            return None
        return found if isinstance(found, AzureRestorePoint) else None
