"""The source stands for another disk by now: the object keeps to the earlier one until a person tells it to follow."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.formatting import clock_time
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.markers import FOLLOW_PVC
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.recorded import DISK, id_of_type
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.ownership import is_owner
from azdiskbackup.core.protected_disk.rules.instance import Verdict, with_guard
from azdiskbackup.core.protected_disk.steps import FollowPVC, Step, Stop, Suspend
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.intervals import INSTANCE_CHANGE_TAKES
from azdiskbackup.core.rules.verdicts import act, looked_up, stalled, wait


def is_to_follow(desired: Desired, claim: ClaimedDisk) -> bool:
    """Return whether the object is to change over to the disk of this very PVC."""
    return bool(claim.uid) and desired.follows == claim.uid


def disk_changed(desired: Desired, claim: ClaimedDisk) -> Verdict:
    """Never a silent switch: whoever recreated the PVC may not know of the backups, or may not be meant to follow."""
    return stalled(reasons.DISK_CHANGED, _what_to_do(desired, claim))


def _what_to_do(desired: Desired, claim: ClaimedDisk) -> str:
    changed = (
        f"The source now resolves to another disk ({claim.id.name}) than the one that this object protects. Its "
        "restore points are kept. "
    )
    if not claim.uid:
        return f"{changed}Create another object to protect the new disk; this one may stay."
    return (
        f"{changed}Create another object to protect the new disk; this one may stay. Or have this one protect it, and "
        f"keep those restore points: kubectl annotate protecteddisk {desired.name} -n {desired.namespace} --overwrite "
        f"{FOLLOW_PVC}={claim.uid}"
    )


def follow(desired: Desired, observed: Observed, claim: ClaimedDisk, now: datetime) -> Verdict:
    """End the backups of the earlier disk, and change over to the new one."""
    instance = looked_up(observed.instance, Fact.INSTANCE)
    if not isinstance(instance, AzureInstance):
        visible_at = observed.creation_visible_at
        if visible_at is not None and now < visible_at:
            # To change over now would leave an instance alone that Azure is about to show.
            return wait(
                reasons.FOLLOWING_PVC,
                "Azure may still be creating the backup instance of the earlier disk. Next check at "
                f"{clock_time(visible_at)}.",
                visible_at,
            )
        return _change_over(FollowPVC(None), claim, now)
    if instance.soft_deleted_until is not None or same_id(instance.disk_id, claim.id):
        return _change_over(FollowPVC(None), claim, now)
    if not is_owner(desired, observed, instance):
        left = "The earlier disk has a backup instance whose tags do not name this object; it stays as it is."
        return _change_over(FollowPVC(None), claim, now, left)
    if instance.is_changing or id_of_type(instance.disk_id, DISK) is None:
        return wait(
            reasons.FOLLOWING_PVC,
            f"Azure is changing the backup instance of the earlier disk ({instance.state}). The disk {claim.id.name} "
            "is protected next.",
            every=INSTANCE_CHANGE_TAKES,
        )
    return _leave(desired, observed, instance, claim, now)


def _leave(desired: Desired, observed: Observed, instance: AzureInstance, claim: ClaimedDisk, now: datetime) -> Verdict:
    """The earlier disk gets no new backups. What it has is treated as by a deletion, never destroyed."""
    expires = desired.spec.deletion_policy == "Suspend"
    if instance.is_in_mode("Suspended" if expires else "Stopped"):
        return _change_over(FollowPVC(instance), claim, now)
    step: Step = Suspend(instance.id) if expires else Stop(instance.id)
    kept = "expire by the policy" if expires else "are kept"
    verdict = act(
        step,
        reasons.FOLLOWING_PVC,
        f"Backups of the earlier disk end, and its restore points {kept}. The disk {claim.id.name} is protected next.",
        now + INSTANCE_CHANGE_TAKES,
        hint=f"Until then the disk {claim.id.name} has no backups; another ProtectedDisk of the PVC protects it now.",
    )
    return with_guard(verdict, observed, "suspend backups" if expires else "stop backups and retain data", instance)


def _change_over(step: FollowPVC, claim: ClaimedDisk, now: datetime, left: str = "") -> Verdict:
    message = f"The object changes over to the disk {claim.id.name}. {left}".rstrip()
    return act(step, reasons.FOLLOWING_PVC, message, now)
