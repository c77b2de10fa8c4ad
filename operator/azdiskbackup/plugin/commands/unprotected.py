"""`unprotected`: PVCs on Azure disks without a ProtectedDisk, and manifests that protect them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import structs

from azdiskbackup.api.v1alpha1.names import GROUP, VERSION
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.plugin.cluster.client import DISKS, OBJECT_NAME, WHOLE_CLAIMS, Cluster, gather_in_order, labelled
from azdiskbackup.plugin.cluster.coverage import Protections, Volumes, protection, visible_volumes, volume_of
from azdiskbackup.plugin.cluster.protection_rules import rules_of
from azdiskbackup.plugin.output.formatting import age, counted
from azdiskbackup.plugin.output.manifests import manifest
from azdiskbackup.plugin.output.printer import Column, Printer, Shape
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode
from azdiskbackup.plugin.runtime.options import Output

_LONGEST_NAME = 253


class Claim(Shape, frozen=True, kw_only=True):
    """A PVC whose disk nothing protects.

    Attributes:
        reason: why no DiskProtectionRule protects it; null where the caller may not read rules.
        disk_id: null where the caller may not read volumes.
    """

    namespace: str
    name: str
    size: str
    storage_class: str
    created: datetime
    volume: str
    disk_id: str | None
    reason: str | None = None


async def run(cluster: Cluster, printer: Printer, *, apply_policy: str | None, selector: str | None) -> ExitCode:
    """Show the PVCs that nothing protects, or write what protects them by a policy."""
    place = cluster.namespace
    if apply_policy is not None:
        if not OBJECT_NAME.fullmatch(apply_policy):
            raise CliError(f"invalid DiskBackupPolicy name {apply_policy!r}", ExitCode.USAGE)
        await cluster.policy_is_there(apply_policy)
    claims, disks, volumes = await gather_in_order(
        cluster.all(WHOLE_CLAIMS, place, **labelled(selector)), _disks(cluster, place), visible_volumes(cluster)
    )
    if not claims:
        await cluster.namespace_is_there()
    found = unprotected(claims, Protections(map(protection, disks)), volumes)
    if apply_policy is None and found:
        found = await _with_reasons(cluster, found, claims, disks, volumes)
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
        printer.table(
            _columns(cluster.now, found), found, f"No PVC on an Azure disk is unprotected {cluster.where}.", _name
        )
        if found and printer.form in (Output.TABLE, Output.WIDE):
            those = f"-n {place}" if place else "-A"
            command = f"kubectl azdiskbackup unprotected {those} --apply-policy POLICY | kubectl apply -f -"
            printer.note(f"To protect them: {command}")
    return ExitCode.DONE


async def _with_reasons(
    cluster: Cluster, found: list[Claim], claims: list[Resource], disks: list[Resource], volumes: Volumes
) -> list[Claim]:
    """Add why no rule protects each of them, where the caller may read the rules."""
    rules = await rules_of(cluster, disks, is_noted=False)
    if rules is None or not rules.book.by_name:
        return found
    known = {(each.namespace, each.name): each for each in claims}
    reasons = (
        rules.assess(rules.read(claim, volumes, volumes.get(volume_of(claim)))).reason
        for claim in (known[each.namespace, each.name] for each in found)
    )
    return [structs.replace(each, reason=reason) for each, reason in zip(found, reasons, strict=True)]


async def _disks(cluster: Cluster, place: str) -> list[Resource]:
    """Return the disks that may protect one of the PVCs: by id from any namespace, where the caller sees them."""
    found = await cluster.if_allowed(cluster.all(DISKS), is_noted=False) if place else None
    return found if found is not None else await cluster.all(DISKS, place)


def unprotected(claims: Iterable[Resource], protections: Protections, volumes: Volumes) -> list[Claim]:
    """Return the PVCs that stand for disks of Azure which no object protects, or is about to."""
    found = []
    for claim in claims:
        of_azure, disk_id = volumes.disk_of(claim)
        if of_azure and not claim.deleting and not protections.cover(claim, disk_id):
            found.append(_claim(claim, disk_id))
    return sorted(found, key=lambda each: (each.namespace, each.name))


def _claim(claim: Resource, disk_id: str | None) -> Claim:
    capacity = claim.status.get("capacity") or (claim.spec.get("resources") or {}).get("requests") or {}
    return Claim(
        namespace=claim.namespace,
        name=claim.name,
        size=str(capacity.get("storage", "")),
        storage_class=str(claim.spec.get("storageClassName") or ""),
        created=claim.created,
        volume=volume_of(claim),
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


def _name(claim: Claim) -> str:
    return f"{WHOLE_CLAIMS.kind.lower()}/{claim.name}"


def _columns(now: datetime, claims: Iterable[Claim]) -> Sequence[Column[Claim]]:
    why: list[Column[Claim]] = [Column("REASON", lambda claim: claim.reason or "-", spare=True)]
    return (
        Column("NAMESPACE", lambda claim: claim.namespace),
        Column("PVC", lambda claim: claim.name),
        Column("SIZE", lambda claim: claim.size, right=True),
        Column("STORAGE CLASS", lambda claim: claim.storage_class or "-", spare=True),
        Column("AGE", lambda claim: age(claim.created, now), right=True, spare=True),
        *(why if any(claim.reason for claim in claims) else []),
        Column("VOLUME", lambda claim: claim.volume, wide=True),
        Column("DISK ID", lambda claim: claim.disk_id or "-", wide=True),
    )
