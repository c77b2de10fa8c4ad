"""Which PVCs stand for disks of Azure, and which of these an object protects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from azdiskbackup.core.objects.pvc import DRIVER, ClaimedDisk, disk_of
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.kube.watched import VOLUME
from azdiskbackup.plugin.cluster.client import WHOLE_CLAIMS, Cluster, ProtectedVolume, claim_of, protected_of
from azdiskbackup.plugin.output.printer import Shape

_PROVISIONERS = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")


class Protection(NamedTuple):
    """What of a ProtectedDisk says which disk it protects.

    Attributes:
        claim: the PVC that it names, empty for none.
        disk_id: the disk that it names, in lower case, empty for none.
        known: the disk that it protects, by its status; None as long as that says nothing.
    """

    namespace: str
    claim: str
    disk_id: str
    known: ProtectedVolume | None


class Coverage(Shape, frozen=True, kw_only=True):
    """How many PVCs on Azure disks there are, and how many of them an object protects, or is about to."""

    total: int
    protected: int


def protection(disk: Resource) -> Protection | None:
    """Return what a ProtectedDisk protects; None for one that is being deleted."""
    if disk.deleting:
        return None
    by_id = str((disk.spec.get("source") or {}).get("diskID", "")).lower()
    return Protection(disk.namespace, claim_of(disk), by_id, protected_of(disk))


class Protections:
    """What all ProtectedDisks protect.

    An object protects the disk that it began with: a PVC that was created again under its name has another one.
    """

    def __init__(self, protections: Iterable[Protection | None]) -> None:
        kept = [each for each in protections if each is not None]
        self._ids = {each.known.disk_id for each in kept if each.known} | {each.disk_id for each in kept}
        # By name only where the status says nothing yet; by volume where volumes cannot be read.
        self._new = {(each.namespace, each.claim) for each in kept if each.known is None}
        self._named = {(each.namespace, each.claim, each.known.volume) for each in kept if each.known}

    def cover(self, claim: Resource, disk_id: str | None) -> bool:
        """Return whether a PVC's disk is protected, or about to be; its id is None where it cannot be seen."""
        if (claim.namespace, claim.name) in self._new:
            return True
        if disk_id is not None:
            return disk_id.lower() in self._ids
        return (claim.namespace, claim.name, volume_of(claim)) in self._named


class Volumes:
    """The PersistentVolumes, as far as they can be read.

    Args:
        volumes: all of them; None where the caller may not read them.
    """

    def __init__(self, volumes: Iterable[Resource] | None) -> None:
        self._by_name = {each.name: each for each in volumes} if volumes is not None else None

    def get(self, name: str) -> Resource | None:
        """Return a volume; None if it does not exist, or may not be read."""
        return self._by_name.get(name) if self._by_name is not None else None

    def disk_of(self, claim: Resource) -> tuple[bool, str | None]:
        """Return whether a PVC stands for a disk of Azure, and which, if that can be seen."""
        if self._by_name is None:
            annotations: Mapping[str, str] = claim.meta.get("annotations") or {}
            bound = claim.status.get("phase") == "Bound"
            return bound and any(annotations.get(each) == DRIVER for each in _PROVISIONERS), None
        volume = self._by_name.get(volume_of(claim))
        disk = disk_of(claim.raw, volume.raw if volume is not None else None)
        return isinstance(disk, ClaimedDisk), str(disk.id) if isinstance(disk, ClaimedDisk) else None


def volume_of(claim: Resource) -> str:
    """Return the name of the volume of a PVC, empty for none."""
    return str(claim.spec.get("volumeName") or "")


async def visible_volumes(cluster: Cluster) -> Volumes:
    """Return the volumes, if the caller may read them: without them annotations of the PVCs say the same."""
    return Volumes(await cluster.if_allowed(cluster.all(VOLUME), is_noted=False))


async def coverage(cluster: Cluster, place: str, protections: Protections) -> Coverage | None:
    """Return how many PVCs are protected in a namespace, or in all; None where PVCs cannot be read."""
    volumes = await visible_volumes(cluster)

    async def counted() -> Coverage:
        total = protected = 0
        async for claim in cluster.each(WHOLE_CLAIMS, place):
            of_azure, disk_id = volumes.disk_of(claim)
            if of_azure and not claim.deleting:
                total += 1
                protected += protections.cover(claim, disk_id)
        return Coverage(total=total, protected=protected)

    return await cluster.if_allowed(counted())
