"""The ProtectedDisks of a PVC that got another volume: they follow it, and keep the restore points of its old disk."""

from __future__ import annotations

from azdiskbackup.core.objects.pvc import ClaimedDisk, disk_of
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.protected_disk.desired import FOLLOW_PVC
from azdiskbackup.errors import AccessDenied, OperatorError
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.plugin.cluster.client import DISKS, Cluster, claim_of, protected_of, sentence_of
from azdiskbackup.plugin.cluster.restore_checks import known
from azdiskbackup.plugin.runtime.exit_code import CliError


async def of_claim(cluster: Cluster, claim: str) -> list[Resource]:
    """Return the ProtectedDisks of a PVC, as far as the caller may see them."""
    _, disks = await known(cluster.all(DISKS, cluster.home))
    return [each for each in disks or () if claim_of(each) == claim]


async def follow(cluster: Cluster, claim: Resource, volume: Resource) -> list[str]:
    """Have the ProtectedDisks of a PVC follow it to the disk of its volume; return what happened, a line for each.

    One that protects this disk already makes it unnecessary, and one that has protected none finds it by itself.

    Raises:
        CliError: the API server does not answer.
    """
    found = disk_of(claim.raw, volume.raw)
    if not isinstance(found, ClaimedDisk):
        return []
    disks = [(each, protected_of(each)) for each in await of_claim(cluster, claim.name)]
    current = str(found.id).lower()
    if any(protected is not None and protected.disk_id == current for _, protected in disks):
        return []
    return [await _annotate(cluster, each, claim.uid) for each, protected in disks if protected is not None]


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
