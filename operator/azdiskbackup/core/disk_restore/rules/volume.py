"""From the restored disk to a PVC that a pod can mount."""

from __future__ import annotations

from datetime import datetime, timedelta

from azdiskbackup.core.disk_restore.desired import Desired
from azdiskbackup.core.disk_restore.manifests import volume_manifest
from azdiskbackup.core.disk_restore.observed import Fact, Observed
from azdiskbackup.core.disk_restore.rules.source import Verdict
from azdiskbackup.core.disk_restore.steps import CreateVolume, SetReclaimPolicy, TagDisk
from azdiskbackup.core.objects.azure import AzureDisk, has_tags, with_tags
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import act, fetched, housekeeping, looked_up, parked, satisfied, stalled, wait

_BIND_POLL = timedelta(minutes=1)


def disk_exists(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The job has ended well, and the disk itself says zone, size and SKU."""
    disk = looked_up(observed.disk, Fact.DISK)
    if isinstance(disk, AzureDisk):
        return satisfied(reasons.RESTORED, f"Azure restored the disk {disk.id.name}.")
    return stalled(
        reasons.DISK_NOT_FOUND,
        f"The job succeeded, and the disk {desired.disk_name} does not exist, or the operator may not read it. Assign "
        "the operator's role on the restore resource group; the operator continues automatically.",
    )


def disk_tagged(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Without tags nobody could tell later what the disk is. One that cannot be tagged is restored all the same."""
    disk = observed.restored
    is_done = observed.is_untaggable or has_tags(disk.tags, desired.owner)
    step = None if is_done else TagDisk(disk.id, with_tags(disk.tags, desired.owner))
    return housekeeping(reasons.RESTORED, f"Azure restored the disk {disk.id.name}.", step)


def volume_created(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The PersistentVolume is for the PVC that this object made, by its uid; for any other it is not made."""
    claim = desired.claim
    if claim is None:
        return satisfied(reasons.NOT_NEEDED, "The disk alone is restored.")
    if isinstance(observed.claim, NotFound) or not observed.claim.is_ours:
        return parked(
            reasons.CLAIM_DELETED,
            f"The disk {observed.restored.id.name} is restored, and its PVC {claim.name!r} was deleted meanwhile. The "
            "disk stays. Create another DiskRestore to restore into a PVC.",
        )
    if observed.other_volume is not None:
        return stalled(
            reasons.VOLUME_EXISTS,
            f"Another PersistentVolume, {observed.other_volume}, is for the restored disk already: two for one disk "
            "lose data. Delete that one; the operator then continues automatically.",
        )
    if isinstance(observed.volume, NotFound):
        if not observed.is_enabled:
            return stalled(
                reasons.RESTORES_DISABLED,
                f"The disk {observed.restored.id.name} is restored. Its PersistentVolume is missing, since restores "
                "were switched off in this cluster meanwhile (`restore.enabled: false` of the chart). Ask the platform "
                "team to enable them; the operator then continues automatically.",
            )
        source = fetched(observed.source_volume, Fact.SOURCE_VOLUME)
        return act(
            CreateVolume(volume_manifest(desired, source, observed.restored, observed.claim.uid)),
            reasons.CREATING,
            f"Creating the PersistentVolume {desired.volume}.",
        )
    if observed.volume.claim_uid != observed.claim.uid:
        return parked(
            reasons.CLAIM_DELETED,
            f"The PersistentVolume {desired.volume} is for a PVC that was deleted. The disk stays. Create another "
            "DiskRestore to restore into a PVC.",
        )
    return satisfied(reasons.BIND_PENDING, f"The PersistentVolume {desired.volume} exists.")


def volume_bound(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Kubernetes binds the two."""
    if desired.claim is None:
        return satisfied(reasons.NOT_NEEDED, "The disk alone is restored.")
    assert not isinstance(observed.claim, NotFound), "the rule before guarantees it"
    if observed.claim.is_bound:
        return satisfied(reasons.BOUND, f"The PVC {desired.claim.name!r} is bound to the restored disk.")
    return wait(
        reasons.BIND_PENDING,
        f"Waiting for Kubernetes to bind the PVC {desired.claim.name!r} to the PersistentVolume {desired.volume}. "
        "If it lasts, see `kubectl describe pvc`.",
        now + _BIND_POLL,
    )


def reclaim_policy_set(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A volume with Delete whose PVC is not bound yet would be deleted with its disk, so it gets that last."""
    if desired.claim is None or isinstance(observed.volume, NotFound):
        return satisfied(reasons.NOT_NEEDED, "The disk alone is restored.")
    bound = f"The PVC {desired.claim.name!r} is bound to the restored disk."
    if observed.volume.reclaim_policy == desired.spec.reclaim_policy:
        return satisfied(reasons.BOUND, bound)
    if not observed.is_enabled:
        return satisfied(
            reasons.BOUND,
            f"{bound} Its volume keeps the reclaim policy {observed.volume.reclaim_policy}, since restores were "
            "switched off meanwhile.",
        )
    return act(SetReclaimPolicy(desired.volume, desired.spec.reclaim_policy), reasons.CREATING, bound)


def restored(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """All is there."""
    what = f"as PVC {desired.claim.name!r}" if desired.claim else f"as disk {observed.restored.id.name}"
    return satisfied(reasons.COMPLETED, f"The restore succeeded: the data is there {what}.")
