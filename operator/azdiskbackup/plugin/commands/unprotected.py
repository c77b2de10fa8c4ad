"""`unprotected`: PVCs on Azure disks without a ProtectedDisk, and manifests that protect them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from azdiskbackup.api.v1alpha1.base import GROUP, VERSION
from azdiskbackup.core.objects.pvc import DRIVER, ClaimedDisk, disk_of
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.kube.watched import VOLUME
from azdiskbackup.plugin.cluster.client import (
    DISKS,
    OBJECT_NAME,
    WHOLE_CLAIMS,
    Cluster,
    claim_of,
    gather_in_order,
    protected_of,
)
from azdiskbackup.plugin.output.formatting import age, counted
from azdiskbackup.plugin.output.manifests import manifest
from azdiskbackup.plugin.output.printer import Column, Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from azdiskbackup.plugin.runtime.options import Output

_PROVISIONERS = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")
_LONGEST_NAME = 253


class Claim(Shape, frozen=True, kw_only=True):
    """A PVC whose disk nothing protects; the disk is null where the caller may not read volumes."""

    namespace: str
    name: str
    size: str
    storage_class: str
    created: datetime
    volume: str
    disk_id: str | None


async def run(cluster: Cluster, printer: Printer, *, apply_policy: str | None) -> ExitCode:
    """Show the PVCs that nothing protects, or write what protects them by a policy."""
    place = cluster.namespace
    if apply_policy is not None:
        if not OBJECT_NAME.fullmatch(apply_policy):
            raise CliError(f"invalid DiskBackupPolicy name {apply_policy!r}", ExitCode.USAGE)
        await cluster.policy_is_there(apply_policy)
    claims, disks, volumes = await gather_in_order(
        cluster.all(WHOLE_CLAIMS, place), _disks(cluster, place), cluster.all_if_allowed(VOLUME)
    )
    if not claims:
        await cluster.namespace_is_there()
    found = unprotected(claims, disks, volumes)
    if apply_policy is not None:
        taken = {(each.namespace, each.name) for each in disks}
        written = list(manifests(found, apply_policy, taken))
        if printer.form is Output.JSON:
            printer.json({"apiVersion": "v1", "kind": "List", "items": written})
        else:
            printer.write("".join(f"---\n{manifest(each)}" for each in written))
        printer.note(
            f"{counted(len(found), 'ProtectedDisk')} written. Pipe them into `kubectl apply -f -`."
            if found
            else "No PVC is left to protect."
        )
    else:
        where = f"in the namespace {place}" if place else "in any namespace"
        printer.table(_columns(cluster.now), found, f"No PVC on an Azure disk is unprotected {where}.")
        if found and not printer.structured:
            printer.note("To protect them: kubectl azdiskbackup unprotected --apply-policy POLICY | kubectl apply -f -")
    return ExitCode.DONE


async def _disks(cluster: Cluster, place: str) -> list[Resource]:
    """Return the disks that may protect one of the PVCs: by id from any namespace, where the caller sees them."""
    found = await cluster.all_if_allowed(DISKS) if place else None
    return found if found is not None else await cluster.all(DISKS, place)


def unprotected(claims: Iterable[Resource], disks: Iterable[Resource], volumes: list[Resource] | None) -> list[Claim]:
    """Return the claims that stand for disks of Azure which no object protects, or is about to.

    An object protects the disk that it began with: a claim that was made again under its name stands for another one.

    Args:
        claims: all PVCs; what is being deleted is left out.
        disks: all ProtectedDisks.
        volumes: all PersistentVolumes; None where they cannot be read.
    """
    kept = [each for each in disks if not each.deleting]
    ids = {known.disk_id for each in kept if (known := protected_of(each))} | {
        str(_source(each).get("diskID", "")).lower() for each in kept
    }
    # By name only where the status says nothing yet; by volume where volumes cannot be read.
    new = {(each.namespace, claim_of(each)) for each in kept if protected_of(each) is None}
    named = {(each.namespace, claim_of(each), known.volume) for each in kept if (known := protected_of(each))}
    by_name = {each.name: each for each in volumes} if volumes is not None else None
    found = []
    for claim in claims:
        if claim.deleting or (claim.namespace, claim.name) in new:
            continue
        of_azure, disk_id = _disk(claim, by_name)
        protected = disk_id.lower() in ids if disk_id else (claim.namespace, claim.name, _volume_of(claim)) in named
        if of_azure and not protected:
            found.append(_claim(claim, disk_id))
    return sorted(found, key=lambda each: (each.namespace, each.name))


def _source(disk: Resource) -> Mapping[str, Any]:
    return disk.spec.get("source") or {}


def _volume_of(claim: Resource) -> str:
    return str(claim.spec.get("volumeName") or "")


def _disk(claim: Resource, volumes: Mapping[str, Resource] | None) -> tuple[bool, str | None]:
    """Return whether a claim stands for a disk of Azure, and which, if that can be seen."""
    if volumes is None:
        annotations = claim.meta.get("annotations") or {}
        bound = claim.status.get("phase") == "Bound"
        return bound and any(annotations.get(each) == DRIVER for each in _PROVISIONERS), None
    volume = volumes.get(_volume_of(claim))
    disk = disk_of(claim.raw, volume.raw if volume is not None else None)
    return isinstance(disk, ClaimedDisk), str(disk.id) if isinstance(disk, ClaimedDisk) else None


def _claim(claim: Resource, disk_id: str | None) -> Claim:
    capacity = claim.status.get("capacity") or (claim.spec.get("resources") or {}).get("requests") or {}
    return Claim(
        namespace=claim.namespace,
        name=claim.name,
        size=str(capacity.get("storage", "")),
        storage_class=str(claim.spec.get("storageClassName") or ""),
        created=claim.created,
        volume=_volume_of(claim),
        disk_id=disk_id,
    )


def manifests(claims: Iterable[Claim], policy: str, taken: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield a ProtectedDisk for each claim, named as it is unless an object has that name already."""
    taken = set(taken)
    for claim in claims:
        name = _free(claim, taken)
        taken.add((claim.namespace, name))
        yield {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "ProtectedDisk",
            "metadata": {"name": name, "namespace": claim.namespace},
            "spec": {
                "policyRef": {"name": policy},
                "source": {"persistentVolumeClaim": {"name": claim.name}},
            },
        }


def _free(claim: Claim, taken: set[tuple[str, str]]) -> str:
    name, number = claim.name, 1
    while (claim.namespace, name) in taken:
        number += 1
        end = f"-{number}"
        name = claim.name[: _LONGEST_NAME - len(end)].rstrip("-.") + end
    return name


def _columns(now: datetime) -> Sequence[Column[Claim]]:
    return (
        Column("NAMESPACE", lambda claim: claim.namespace),
        Column("PVC", lambda claim: claim.name),
        Column("SIZE", lambda claim: claim.size, right=True),
        Column("STORAGE CLASS", lambda claim: claim.storage_class or "-", spare=True),
        Column("AGE", lambda claim: age(claim.created, now), right=True, spare=True),
        Column("VOLUME", lambda claim: claim.volume, wide=True),
        Column("DISK ID", lambda claim: claim.disk_id or "-", wide=True),
    )
