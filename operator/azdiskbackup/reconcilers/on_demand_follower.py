"""How far the one attempt of an OnDemandBackup got: found by what this process knows, by Azure's jobs, by the sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from azdiskbackup.azure.asking import if_it_can_be_had
from azdiskbackup.azure.picture import Picture
from azdiskbackup.azure.submission import Failed, Pending, Succeeded
from azdiskbackup.core.arm_ids import ArmId
from azdiskbackup.core.azure_model import AzureJob, AzureRestorePoint
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
from azdiskbackup.core.presence import Absent, Unreadable
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import InvalidRequest, Postponed
from azdiskbackup.reconcilers.steps import Attempts
from azdiskbackup.reconcilers.tools import Tools, read

# How old what the sweep shows of a running job may be.
SHOWN_JOB_STAYS = timedelta(minutes=2)


class NothingNew(Exception):
    """A job runs, and nobody can say more about it now."""


async def shown(tools: Tools, vault: ArmId, not_older_than: datetime) -> Picture:
    """Return what the sweep shows.

    Raises:
        NothingNew: it is not its turn to ask. It is woken then, and not we: we have to come back by ourselves.
    """
    try:
        return await tools.sweep.read(vault, not_older_than)
    except Postponed:
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

    attempts: Attempts = field(default_factory=Attempts)
    recorded: datetime | None = None
    sent: datetime | None = None
    operation: str | None = None
    refused: Refused | None = None


class Follower:
    """Follows attempts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def look(self, want: Desired, disk: DiskView | Absent, memory: Memory) -> Attempt:
        """Return how far the attempt got.

        Raises:
            NothingNew: its job runs, and it is not our turn to ask more.
            Postponed: its job is searched for, and it is woken when that is over.
        """
        if memory.refused is not None:
            return memory.refused
        if want.intent is None:
            return NotStarted()
        if isinstance(disk, Absent) or disk.instance is None:
            error = InvalidRequest("ProtectedDiskGone", "The ProtectedDisk is gone, so its job cannot be followed")
            return Refused(error, self._tools.clock.now())
        if want.job is not None:
            return await self._follow(want.job, disk.instance)
        if memory.operation is not None:
            return await self._accepted(want, memory, disk.instance)
        if memory.recorded is not None and memory.sent is None:
            return Recorded(memory.recorded)
        return await self._search(want, memory.sent or want.intent, disk.instance)

    async def _accepted(self, want: Desired, memory: Memory, instance: ArmId) -> Attempt:
        assert memory.operation is not None and memory.sent is not None
        try:
            with if_it_can_be_had():
                state = await read(self._tools.azure.operations.check(memory.operation))
        except Postponed:
            shown = await self._shown(instance, lambda job: job.activity_id.lower() == want.uid.lower())
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
                return await self._search(want, memory.sent, instance, answered=True)

    async def _search(self, want: Desired, since: datetime, instance: ArmId, *, answered: bool = False) -> Attempt:
        """Look for the job of a request whose answer was lost: it carries the request's id.

        What the sweep shows proves that there is a job; that there is none, only all jobs of the vault can, a while
        after the request.
        """
        now, vault = self._tools.clock.now(), instance.parent
        picture = await read(shown(self._tools, vault, now - SHOWN_JOB_STAYS))
        if isinstance(picture, Picture):
            jobs = picture.of(instance).jobs.recent
            found = next((job for job in jobs if job.activity_id.lower() == want.uid.lower()), None)
            if found is not None:
                return await self._follow(found.id, instance)
        if now < since + JOB_APPEARS_WITHIN:
            return Sent(since, answered=answered, jobs_seen=False)
        me = Key("OnDemandBackup", want.namespace, want.name)
        match self._tools.lost_jobs.ask(vault, want.uid, me, since + JOB_APPEARS_WITHIN):
            case None:
                raise Postponed("its job is searched for")
            case Unreadable(error):
                return Unfollowable(error)
            case Absent():
                return Sent(since, answered=answered, jobs_seen=True)
            case job:
                return await self._follow(job.id, instance)

    async def _follow(self, job_id: str, instance: ArmId) -> Attempt:
        try:
            with if_it_can_be_had():
                job = await read(self._tools.azure.backups.get_job(instance.parent, job_id))
        except Postponed:
            job = await self._shown(instance, lambda job: job.id == job_id)
        if isinstance(job, Unreadable):
            return Unfollowable(job.error)
        if isinstance(job, Absent):
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
        self._tools.sweep.tell(replace(job, instance_id=str(instance)))
        if job.restore_point_id is None:
            return None
        try:
            with if_it_can_be_had():
                found = await read(self._tools.azure.backups.get_restore_point(instance, job.restore_point_id))
        except Postponed:
            # Its id is enough to find it; that the backup is done must not wait for the rest.
            return None
        return found if isinstance(found, AzureRestorePoint) else None
