"""`orphans`: backup instances in Azure whose cluster, namespace, object or PVC no longer exists."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.errors import OperatorError
from azdiskbackup.kube.watched import CLAIM, NAMESPACE
from azdiskbackup.plugin.cluster.client import (
    DISKS,
    VAULTS,
    Cluster,
    arm_id_of,
    claim_of,
    gather_in_order,
    protected_of,
    vault_ids,
)
from azdiskbackup.plugin.cluster.orphaned import Here, Orphan, VaultHere, orphans
from azdiskbackup.plugin.output.printer import Column, Printer
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest

_OFFERED = 5
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


_COLUMNS: Sequence[Column[Orphan]] = (
    Column("NAMESPACE", lambda orphan: orphan.namespace or "-"),
    # By one of the two it is named to this command.
    Column("NAME", lambda orphan: orphan.name or orphan.instance),
    Column("MISSING", lambda orphan: orphan.missing),
    Column("STATE", lambda orphan: _state(orphan)),
    Column("VAULT", lambda orphan: orphan.vault, spare=True),
    Column("INSTANCE", lambda orphan: orphan.instance, spare=True),
    Column("CLUSTER", lambda orphan: orphan.cluster or "-", wide=True),
    Column("DISK ID", lambda orphan: orphan.disk_id, wide=True),
    Column("INSTANCE ID", lambda orphan: orphan.instance_id, wide=True),
)


async def run(cluster: Cluster, printer: Printer, *, vaults: list[str] | None, instance: str | None) -> ExitCode:
    """Show the instances without an owner here, or how to restore one."""
    place = cluster.namespace
    # Who has permissions in one namespace only sees its orphans all the same.
    vaults_here = cluster.all(VAULTS)
    objects = await (cluster.if_allowed(vaults_here, is_noted=False) if vaults or place else vaults_here)
    disks = await cluster.all(DISKS, place)
    ids = _named(vaults) if vaults else _known(objects, disks)
    here = await _here(cluster, objects or [], disks)
    found = [orphan for vault in ids for orphan in orphans(await _instances(vault), here)]
    if place:
        found = [each for each in found if each.namespace == place]
        if not found:
            await cluster.namespace_is_there()
    if instance is not None:
        found = [_one(found, instance)]
    whose = f"that was of the namespace {place} is" if place else "is"
    printer.table(_COLUMNS, found, f"Every backup instance {whose} owned by a ProtectedDisk of this cluster.")
    if printer.structured:
        return ExitCode.DONE
    if instance is not None:
        printer.show(Text("\nHow to restore", style="bold"))
        # As it is: a line that is folded cannot be typed.
        printer.write("".join(f"{line}\n" for line in found[0].restore_commands))
    elif found:
        for line in _offered(found):
            printer.note(line)
        printer.note("To restore one: kubectl azdiskbackup orphans INSTANCE (or NAMESPACE/NAME)")
    return ExitCode.DONE


def _one(found: list[Orphan], instance: str) -> Orphan:
    """Return the orphan of a name, or of a NAMESPACE/NAME."""
    fitting = [each for each in found if instance in (each.instance, _place(each))]
    if not fitting:
        known = [each.instance for each in found] + [_place(each) for each in found if each.name]
        raise CliError(f"Orphan {instance!r} does not exist.{suggest(instance, known)}")
    if len(fitting) > 1:
        both = ", ".join(each.instance for each in fitting)
        raise CliError(f"{instance} had several backup instances: {both}. Name one of them.")
    return fitting[0]


def _offered(found: list[Orphan]) -> list[str]:
    commands = [each.restore_command for each in found if each.restore_command][:_OFFERED]
    return ["Into a new PVC, where the vault allows it:", *commands] if commands else []


def _place(orphan: Orphan) -> str:
    return f"{orphan.namespace}/{orphan.name}"


def _state(orphan: Orphan) -> str:
    return f"{orphan.state} until {orphan.kept_until:%Y-%m-%d}" if orphan.kept_until else orphan.state


async def _here(cluster: Cluster, vaults: list[Resource], disks: list[Resource]) -> Here:
    namespaces, claims = await gather_in_order(_namespaces(cluster), cluster.all(CLAIM, cluster.namespace))
    system = next((each.uid for each in namespaces if each.name == "kube-system"), "")
    return Here(
        cluster=system,
        disks={(each.namespace, each.name): protected_of(each) for each in disks},
        claims={(each.namespace, each.name): claim_of(each) for each in disks},
        earlier={(each.namespace, each.name): _earlier(each) for each in disks},
        volumes={(each.namespace, each.name): str(each.spec.get("volumeName") or "") for each in claims},
        namespace_uids={each.name: each.uid for each in namespaces},
        vaults={
            str(arm_id_of(each.status.get("vaultID"))).lower(): VaultHere(
                name=each.name,
                adopt_from_clusters=frozenset((each.spec.get("access") or {}).get("adoptFromClusters") or ()),
            )
            for each in vaults
        },
    )


async def _namespaces(cluster: Cluster) -> list[Resource]:
    """Return the namespaces; of one alone, itself and, where it can be read, that whose uid is the cluster's id."""
    if not cluster.namespace:
        return await cluster.all(NAMESPACE)
    # It may be gone, which is what somebody looks for.
    found = await cluster.get_or_none(NAMESPACE, "", cluster.namespace)
    system = await cluster.if_allowed(cluster.get_or_none(NAMESPACE, "", "kube-system"), is_noted=False)
    return [each for each in (found, system) if each is not None]


def _earlier(disk: Resource) -> frozenset[str]:
    return frozenset(each.id.lower() for each in parse_status(ProtectedDiskStatus, disk).earlier_disks or ())


def _named(vaults: list[str]) -> list[ArmId]:
    try:
        return [_vault_id(each) for each in vaults]
    except ValueError as error:
        raise CliError(f"{error}; name a vault by its ARM id", ExitCode.USAGE) from error


def _known(vaults: list[Resource] | None, disks: list[Resource]) -> list[ArmId]:
    """Return the vaults of the cluster; those of the disks, where BackupVaults cannot be read."""
    if vaults is None:
        instances = (arm_id_of(each.status.get("backupInstanceID")) for each in disks)
        ids = [each.parent for each in instances if each is not None]
        missing = "You lack the permission to list BackupVaults, and no ProtectedDisk of the namespace names one"
    else:
        ids, missing = vault_ids(vaults), "No BackupVault of this cluster exists in Azure yet"
    if not ids:
        raise CliError(f"{missing}. Name a vault with --vault-id.")
    return sorted(set(ids), key=str)


def _vault_id(text: str) -> ArmId:
    found = ArmId.parse(text)
    if not _GUID.fullmatch(found.subscription) or found.path[0].lower() != "backupvaults" or len(found.path) != 2:
        raise ValueError(f"{text!r} is not the id of a vault")
    return found


async def _instances(vault: ArmId) -> list[AzureInstance]:
    from azdiskbackup.plugin.cluster.azure_account import azure_of, unreadable_reason

    async with azure_of(vault.subscription) as azure:
        try:
            return [*await azure.instances.list(vault), *await azure.instances.list_deleted(vault)]
        except OperatorError as error:
            raise CliError(unreadable_reason(error, str(vault))) from error
