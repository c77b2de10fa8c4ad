"""What Azure did for a disk: its jobs and restore points, as far as status does not have them yet."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.azure.asking import in_background
from azdiskbackup.core.azure_model import AzureDisk, AzureInstance, AzureRestorePoint, JobHistory
from azdiskbackup.core.presence import Unreadable
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import may_be_shown
from azdiskbackup.core.protected_disk.reading import reader_grant
from azdiskbackup.core.protected_disk.restore_points import hides_expired, newest_restore_point_expected
from azdiskbackup.core.protected_disk.status import backup_expected
from azdiskbackup.core.resource import Resource, parse_status
from azdiskbackup.errors import Postponed
from azdiskbackup.reconcilers.grants import Grants
from azdiskbackup.reconcilers.protected_disk_memory import Memory
from azdiskbackup.reconcilers.tools import Tools, read


@dataclass(frozen=True, slots=True)
class _Late:
    """A backup that was due, and the time by which it should have succeeded."""

    due: datetime
    limit: datetime


class History:
    """Gathers what happened."""

    def __init__(self, tools: Tools, grants: Grants) -> None:
        self._tools = tools
        self._grants = grants

    async def add(self, resource: Resource, want: Desired, seen: Observed, memory: Memory, now: datetime) -> Observed:
        """Add jobs and restore points of a disk that has an instance since an earlier pass."""
        instance = seen.instance
        settled = want.known_instance is not None and not memory.changing and not want.deleting
        if not settled or not isinstance(instance, AzureInstance) or not may_be_shown(want, seen):
            return seen
        stays = self._tools.settings.picture_stays
        picture = await read(self._tools.sweep.read(instance.id.parent, now - stays))
        if isinstance(picture, Unreadable):
            return replace(seen, jobs=picture)
        shown = picture.of(instance.id)
        seen = replace(seen, jobs=shown.jobs, jobs_at=picture.at, newest_point=shown.newest_point)
        self._doubt(shown.jobs, seen, memory)
        before = parse_status(ProtectedDiskStatus, resource)
        late = _late(before, seen)
        if late is not None and late.due != memory.missed:
            return await self._look_for_missed(late, instance, seen, memory)
        if newest_restore_point_expected(before, shown.jobs, shown.newest_point) or hides_expired(before, now):
            # Scarce, and nobody waits for it: what is known already is said meanwhile.
            with contextlib.suppress(Postponed), in_background():
                return replace(seen, restore_points=await self._points(instance))
        return seen

    async def _look_for_missed(self, late: _Late, instance: AzureInstance, seen: Observed, memory: Memory) -> Observed:
        """See whether a backup that is late only does not show its job; until that is known, it is not late yet."""
        try:
            points = await self._points(instance)
        except Postponed:
            return replace(seen, jobs_at=late.limit)
        if not isinstance(points, Unreadable):
            memory.missed = late.due
        return replace(seen, restore_points=points)

    async def _points(self, instance: AzureInstance) -> tuple[AzureRestorePoint, ...] | Unreadable:
        points = await read(self._tools.azure.backups.list_restore_points(instance.id))
        return points if isinstance(points, Unreadable) else tuple(points)

    def _doubt(self, jobs: JobHistory, seen: Observed, memory: Memory) -> None:
        """After a failed backup, have the next pass look again at what may be why, once for each failure."""
        ended = jobs.ended_backup
        if ended is not None and not ended.succeeded and memory.failed_job != ended.id:
            # The disk itself may be why.
            memory.failed_job, memory.disk_until = ended.id, None
        elif ended is not None and ended.succeeded:
            memory.failed_job = None
        failure = ended.failure if ended is not None else None
        lacks = failure is not None and failure.about_rights
        if ended is not None and lacks and memory.doubted != f"job {ended.id}" and isinstance(seen.disk, AzureDisk):
            # The right may be why: it is granted again if somebody took it.
            memory.doubted = f"job {ended.id}"
            self._grants.doubt(reader_grant(seen))
        elif not lacks and memory.doubted is not None and memory.doubted.startswith("job"):
            memory.doubted = None


def _late(before: ProtectedDiskStatus, seen: Observed) -> _Late | None:
    """Return which backup is late: its job may only not be shown, so the restore points have to tell."""
    expected = backup_expected(before, seen)
    if expected is None or seen.jobs_at is None or seen.jobs_at <= expected[1]:
        return None
    return _Late(*expected)
