"""Finds and follows the job of an OnDemandBackup: also by what the sweep shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from azdiskbackup.azure.gateways.azure import capture_if_allowed
from azdiskbackup.azure.inventory.snapshot import InventorySnapshot
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.jobs.attempt import Following
from azdiskbackup.core.objects.azure import AzureJob, AzureRestorePoint
from azdiskbackup.core.rules.intervals import JOB_POLL
from azdiskbackup.errors import OperatorError, RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.job_follower import JobFollower
from azdiskbackup.reconcilers.common.reconciler import NothingNew

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


class BackupFollower(JobFollower):
    """Finds and follows the job of a backup, and the restore point that it makes."""

    kind: ClassVar[str] = "OnDemandBackup"

    async def shown(self, instance: ArmId, fits: Callable[[AzureJob], bool]) -> AzureJob | None:
        """Return a job as the sweep shows it."""
        try:
            snapshot = await shown(self._context, instance.parent, self._context.clock.now() - SHOWN_JOB_STAYS)
        except OperatorError:
            # All jobs of the vault tell more; that the sweep fails is told elsewhere.
            return None
        return next((job for job in snapshot.of(instance).jobs.recent if fits(job)), None)

    async def result(self, job: AzureJob, instance: ArmId) -> Following:
        """Return the job, with its restore point."""
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
