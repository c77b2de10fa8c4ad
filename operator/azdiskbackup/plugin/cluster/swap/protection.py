"""The ProtectedDisk of a PVC that got another volume: it follows, and keeps the restore points of the old disk."""

from __future__ import annotations

from dataclasses import dataclass

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.markers import FOLLOW_PVC
from azdiskbackup.core.objects.pvc import ClaimedDisk, disk_of
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.errors import AccessDenied, OperatorError
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.plugin.cluster.client import DISKS, Cluster, ProtectedVolume, claim_of, protected_of
from azdiskbackup.plugin.cluster.error_sentences import sentence_of
from azdiskbackup.plugin.cluster.restore_checks import known
from azdiskbackup.plugin.runtime.exit_code import CliError


@dataclass(frozen=True, slots=True)
class Protection:
    """The ProtectedDisks of a PVC that protect a disk; one that has protected none yet finds it by itself.

    Attributes:
        is_hidden: whether the caller may not see them.
        disks: the newest first, with what each protects.
    """

    is_hidden: bool
    disks: list[tuple[Resource, ProtectedVolume]]

    def follower(self, left: str) -> Resource | None:
        """Return the one that is to follow when the PVC has lost a volume: that of its disk, else the newest."""
        of_left = [each for each, protected in self.disks if protected.volume == left]
        return next(iter([*of_left, *(each for each, _ in self.disks)]), None)

    def protects(self, disk: ArmId) -> bool:
        """Return whether one protects a disk already."""
        return any(protected.disk_id == str(disk).lower() for _, protected in self.disks)


async def protection_of(cluster: Cluster, claim: str) -> Protection:
    """Return the protection of a PVC, as far as the caller may see it."""
    may_read, disks = await known(cluster.all(DISKS, cluster.home))
    mine = [(each, found) for each in disks or () if claim_of(each) == claim and (found := protected_of(each))]
    return Protection(not may_read, sorted(mine, key=lambda each: each[0].created, reverse=True))


async def follow(cluster: Cluster, claim: Resource, volume: Resource, left: str) -> str | None:
    """Have the ProtectedDisk of a PVC follow it to the disk of its volume; return what came of it, None for nothing.

    Args:
        cluster: where they are.
        claim: the PVC.
        volume: the volume that it has.
        left: name of the one that it had.

    Raises:
        CliError: the API server does not answer.
    """
    found, protection = disk_of(claim.raw, volume.raw), await protection_of(cluster, claim.name)
    if protection.is_hidden:
        return (
            "You may not see ProtectedDisks. One that protects the PVC still protects its other disk; whoever may: "
            f"kubectl annotate protecteddisk NAME -n {cluster.home} --overwrite {FOLLOW_PVC}={claim.uid}"
        )
    disk = protection.follower(left)
    if disk is None or not isinstance(found, ClaimedDisk) or protection.protects(found.id):
        return None
    return await _annotate(cluster, disk, claim.uid)


async def _annotate(cluster: Cluster, disk: Resource, uid: str) -> str:
    path = f"{DISKS.path_in(disk.namespace)}/{disk.name}"
    place = f"ProtectedDisk {disk.namespace}/{disk.name}"
    try:
        await cluster.kube.merge(path, {"metadata": {"annotations": {FOLLOW_PVC: uid}}})
    except AccessDenied:
        return (
            f"{place} still protects the old disk, and you may not change that. Whoever may: kubectl annotate "
            f"protecteddisk {disk.name} -n {disk.namespace} --overwrite {FOLLOW_PVC}={uid}"
        )
    except NotFoundError:
        return f"{place} was deleted meanwhile."
    except OperatorError as error:
        raise CliError(sentence_of(error, cluster.server, DISKS)) from error
    return f"{place} follows the PVC to its disk, and keeps the restore points of the other one."
