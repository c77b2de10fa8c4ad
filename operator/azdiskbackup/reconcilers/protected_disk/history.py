"""What Azure did for a disk: its jobs and restore points, as far as status does not have them yet."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.azure.transport.request_scope import in_background
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, AzureRestorePoint, JobHistory
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import may_be_shown
from azdiskbackup.core.protected_disk.restore_points import hides_expired, newest_restore_point_expected
from azdiskbackup.core.protected_disk.rules.common import reader_grant
from azdiskbackup.core.protected_disk.status import backup_expected
from azdiskbackup.core.rules.lookup import FetchFailed
from azdiskbackup.errors import RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext, capture_error
from azdiskbackup.reconcilers.common.role_grants import Grants
from azdiskbackup.reconcilers.protected_disk.state import Memory


@dataclass(frozen=True, slots=True)
class _Late:
    """A backup that was due, and the time by which it should have succeeded."""

    due: datetime
    limit: datetime


class History:
    """Gathers what happened."""

    def __init__(self, tools: ReconcileContext, grants: Grants) -> None:
        self._tools = tools
        self._grants = grants

    async def add(
        self, resource: Resource, desired: Desired, observed: Observed, memory: Memory, now: datetime
    ) -> Observed:
        """Add jobs and restore points of a disk that has an instance since an earlier pass."""
        instance = observed.instance
        settled = desired.known_instance is not None and not memory.changing and not desired.deleting
        if not settled or not isinstance(instance, AzureInstance) or not may_be_shown(desired, observed):
            return observed
        stays = self._tools.settings.snapshot_max_age
        picture = await capture_error(self._tools.sweep.read(instance.id.parent, now - stays))
        if isinstance(picture, FetchFailed):
            return replace(observed, jobs=picture)
        shown = picture.of(instance.id)
        observed = replace(observed, jobs=shown.jobs, jobs_at=picture.at, newest_point=shown.newest_point)
        self._doubt(shown.jobs, observed, memory)
        before = parse_status(ProtectedDiskStatus, resource)
        late = _late(before, observed)
        if late is not None and late.due != memory.missed:
            return await self._look_for_missed(late, instance, observed, memory)
        if newest_restore_point_expected(before, shown.jobs, shown.newest_point) or hides_expired(before, now):
            # Scarce, and nobody waits for it: what is known already is said meanwhile.
            with contextlib.suppress(RateLimited), in_background():
                return replace(observed, restore_points=await self._points(instance))
        return observed

    async def _look_for_missed(
        self, late: _Late, instance: AzureInstance, observed: Observed, memory: Memory
    ) -> Observed:
        """See whether a backup that is late only does not show its job; until that is known, it is not late yet."""
        try:
            points = await self._points(instance)
        except RateLimited:
            return replace(observed, jobs_at=late.limit)
        if not isinstance(points, FetchFailed):
            memory.missed = late.due
        return replace(observed, restore_points=points)

    async def _points(self, instance: AzureInstance) -> tuple[AzureRestorePoint, ...] | FetchFailed:
        points = await capture_error(self._tools.azure.backups.list_restore_points(instance.id))
        return points if isinstance(points, FetchFailed) else tuple(points)

    def _doubt(self, jobs: JobHistory, observed: Observed, memory: Memory) -> None:
        """After a failed backup, have the next pass look again at what may be why, once for each failure."""
        ended = jobs.ended_backup
        if ended is not None and not ended.succeeded and memory.failed_job != ended.id:
            # The disk itself may be why.
            memory.failed_job, memory.disk_until = ended.id, None
        elif ended is not None and ended.succeeded:
            memory.failed_job = None
        failure = ended.failure if ended is not None else None
        lacks = failure is not None and failure.about_rights
        if ended is not None and lacks and memory.doubted != f"job {ended.id}" and isinstance(observed.disk, AzureDisk):
            # The right may be why: it is granted again if somebody took it.
            memory.doubted = f"job {ended.id}"
            self._grants.doubt(reader_grant(observed))
        elif not lacks and memory.doubted is not None and memory.doubted.startswith("job"):
            memory.doubted = None


def _late(before: ProtectedDiskStatus, observed: Observed) -> _Late | None:
    """Return which backup is late: its job may only not be shown, so the restore points have to tell."""
    expected = backup_expected(before, observed)
    if expected is None or observed.jobs_at is None or observed.jobs_at <= expected[1]:
        return None
    return _Late(*expected)
