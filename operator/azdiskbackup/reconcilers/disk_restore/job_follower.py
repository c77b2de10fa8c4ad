"""Finds and follows the job of a DiskRestore. The sweep shows backups alone, so each is looked at by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.core.disk_restore.rules.request import RESTORE_TAKES, job_poll
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.jobs.attempt import Attempt, Following
from azdiskbackup.core.jobs.recorded import Recorded
from azdiskbackup.core.objects.azure import AzureDisk, AzureJob, AzureRestorePoint
from azdiskbackup.core.protected_disk.validation import NeverRun, Validation
from azdiskbackup.reconcilers.common.job_follower import JobFollower, JobState, Wish
from azdiskbackup.reconcilers.common.reconciler import NothingNew


@dataclass(slots=True)
class RestoreState(JobState):
    """What this process knows of a restore.

    Attributes:
        validation: how far Azure's validation got.
        chosen: the restore point as a list shows it, until it is read itself.
        look_at: before this, a look at the running job is a wasted call.
        ended: the job, once it was seen to have ended: nothing changes it any more.
        disk: the restored disk, once it was read.
        is_untaggable: whether Azure refused to write tags on the disk.
    """

    validation: Validation = field(default_factory=NeverRun)
    chosen: AzureRestorePoint | None = None
    look_at: datetime | None = None
    ended: Following | None = None
    disk: AzureDisk | None = None
    is_untaggable: bool = False


class RestoreFollower(JobFollower):
    """Follows the job of a restore, as seldom as people may be kept waiting."""

    kind: ClassVar[str] = "DiskRestore"
    # It waits for its turn: nothing else tells of restores.
    ask = staticmethod(capture_error)

    async def attempt(self, desired: Wish, recorded: Recorded, usual: ArmId | None, state: RestoreState) -> Attempt:
        """Return how far the attempt got.

        Raises:
            NothingNew: its job runs, and it is too early to look again.
            RateLimited: its job is searched for, and it is woken when that is over.
        """
        now = self._context.clock.now()
        if state.ended is not None:
            return state.ended
        if state.job is not None and state.look_at is not None and now < state.look_at:
            raise NothingNew(state.look_at)
        found = await self.look(desired, recorded, usual, state)
        if isinstance(found, Following):
            job = found.job
            state.look_at = max(job.start + RESTORE_TAKES, now + job_poll(now - job.start))
            state.ended = found if not job.running else None
        return found

    async def _follow(self, job_id: str, instance: ArmId, state: JobState) -> Attempt:
        """Follow a job; one that Azure has just started surely runs."""
        if state.operation is None or state.sent is None:
            return await super()._follow(job_id, instance, state)
        state.job = job_id
        return Following(_just_started(job_id, instance, state.sent))

    async def shown(self, instance: ArmId, fits: Callable[[AzureJob], bool]) -> AzureJob | None:
        """Return None: what is known of all instances says nothing of restores."""
        return None

    async def result(self, job: AzureJob, instance: ArmId) -> Following:
        """Return the job; the disk that it made is read by itself."""
        return Following(job)


def _just_started(job_id: str, instance: ArmId, since: datetime) -> AzureJob:
    return AzureJob(
        id=job_id,
        instance_id=str(instance),
        operation="Restore",
        status="InProgress",
        on_demand=True,
        activity_id="",
        start=since,
        end=None,
        duration=None,
    )
