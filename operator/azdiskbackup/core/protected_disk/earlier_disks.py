"""The disks that an object protected before the one that its PVC stands for now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from azdiskbackup.api.v1alpha1.protected_disk import EARLIER_DISKS, EarlierDiskStatus, ProtectedDiskStatus
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.objects.recorded import DISK, INSTANCE, id_of_type, recorded_id
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.protected_disk.steps import FollowPVC


def change_over(before: ProtectedDiskStatus, step: FollowPVC, now: datetime) -> ProtectedDiskStatus:
    """Return the status of an object that is about to protect another disk: of the earlier one it keeps the way back.

    Args:
        before: the status so far.
        step: what is left.
        now: the time.
    """
    earlier = before.earlier_disks
    if step.instance is not None:
        left = step.instance.disk_id
        points = before.restore_points
        entry = EarlierDiskStatus(
            id=left,
            name=left.rsplit("/", 1)[-1],
            backup_instance_id=str(step.instance.id),
            replaced_time=now.replace(microsecond=0),
            oldest_restore_point=points.oldest if points is not None else None,
            newest_restore_point=points.newest if points is not None else None,
        )
        earlier = [entry, *(without(earlier, left) or [])][:EARLIER_DISKS]
    return ProtectedDiskStatus(vault=before.vault, policy=before.policy, earlier_disks=earlier)


def without(earlier: list[EarlierDiskStatus] | None, disk_id: str) -> list[EarlierDiskStatus] | None:
    """Return the earlier disks but for one, to which the PVC may have been given back; None for none."""
    return [each for each in earlier or () if not same_id(each.id, disk_id)] or None


def instance_of(resource: Resource, name: str) -> ArmId | None:
    """Return the backup instance of a disk of an object, by the disk's name in Azure; of several the newest earlier."""
    for disk, instance in _entries(resource):
        if disk.name.lower() == name.lower():
            return instance
    current = recorded_id(resource, DISK, "disk", "id")
    is_current = current is not None and current.name.lower() == name.lower()
    return recorded_id(resource, INSTANCE, "backupInstanceID") if is_current else None


def is_of_earlier(resource: Resource, instance: ArmId) -> bool:
    """Return whether a backup instance is that of a disk that an object protected before."""
    return any(same_id(instance, each) for _, each in _entries(resource))


def _entries(resource: Resource) -> Iterator[tuple[ArmId, ArmId]]:
    """Yield disk and backup instance of each earlier disk, as status has it; others may write that."""
    listed = resource.status.get("earlierDisks")
    for each in listed if isinstance(listed, list) else ():
        known = each if isinstance(each, Mapping) else {}
        disk, instance = id_of_type(known.get("id"), DISK), id_of_type(known.get("backupInstanceID"), INSTANCE)
        if disk is not None and instance is not None:
            yield disk, instance
