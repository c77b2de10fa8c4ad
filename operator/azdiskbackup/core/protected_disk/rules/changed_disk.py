"""The source stands for another disk by now: the object keeps to the earlier one until a person tells it to follow."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.protected_disk.desired import FOLLOW_PVC, Desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.ownership import is_owner
from azdiskbackup.core.protected_disk.rules.instance import Verdict, with_guard
from azdiskbackup.core.protected_disk.steps import FollowPVC, Step, Stop, Suspend
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.intervals import INSTANCE_CHANGE_TAKES
from azdiskbackup.core.rules.verdicts import act, looked_up, stalled, wait


def disk_changed(desired: Desired, observed: Observed, claim: ClaimedDisk, now: datetime) -> Verdict:
    """Never a silent switch: whoever recreated the PVC may not know of the backups, or may not be meant to follow."""
    if not claim.uid or desired.follows != claim.uid:
        return stalled(reasons.DISK_CHANGED, _what_to_do(desired, claim))
    if observed.new_disk_protected_by is not None:
        return stalled(
            reasons.DUPLICATE_PROTECTED_DISK,
            f"ProtectedDisk {observed.new_disk_protected_by!r} already protects the disk {claim.id.name}, to which the "
            "PVC was recreated. Delete one of the two.",
        )
    instance = looked_up(observed.instance, Fact.INSTANCE)
    if (
        not isinstance(instance, AzureInstance)
        or instance.soft_deleted_until is not None
        or not is_owner(desired, observed, instance)
    ):
        return _follow(FollowPVC(None), claim, now)
    return _leave(desired, observed, instance, claim, now)


def _what_to_do(desired: Desired, claim: ClaimedDisk) -> str:
    changed = (
        f"The source now resolves to another disk ({claim.id.name}) than the one that this object protects. Its "
        "restore points are kept. "
    )
    if not claim.uid:
        return f"{changed}Create another object to protect the new disk; this one may stay."
    return (
        f"{changed}To protect the new disk, and keep those restore points: kubectl annotate protecteddisk "
        f"{desired.name} -n {desired.namespace} --overwrite {FOLLOW_PVC}={claim.uid}. Or create another object for it; "
        "this one may stay."
    )


def _leave(desired: Desired, observed: Observed, instance: AzureInstance, claim: ClaimedDisk, now: datetime) -> Verdict:
    """The earlier disk gets no new backups. What it has is treated as by a deletion, never destroyed."""
    if instance.is_changing:
        return wait(
            reasons.FOLLOWING_PVC,
            f"Azure is changing the backup instance of the earlier disk ({instance.state}). The disk {claim.id.name} "
            "is protected next.",
            now + INSTANCE_CHANGE_TAKES,
        )
    expires = desired.spec.deletion_policy == "Suspend"
    if instance.is_in_mode("Suspended" if expires else "Stopped"):
        return _follow(FollowPVC(instance), claim, now)
    step: Step = Suspend(instance.id) if expires else Stop(instance.id)
    kept = "expire by the policy" if expires else "are kept"
    verdict = act(
        step,
        reasons.FOLLOWING_PVC,
        f"Backups of the earlier disk end, and its restore points {kept}. The disk {claim.id.name} is protected next.",
        now + INSTANCE_CHANGE_TAKES,
    )
    return with_guard(verdict, observed, "suspend backups" if expires else "stop backups and retain data", instance)


def _follow(step: FollowPVC, claim: ClaimedDisk, now: datetime) -> Verdict:
    return act(step, reasons.FOLLOWING_PVC, f"The object changes over to the disk {claim.id.name}.", now)
