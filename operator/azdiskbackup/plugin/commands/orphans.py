"""`orphans`: backup instances in Azure whose cluster, namespace, object or PVC no longer exists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from shlex import quote

from rich.text import Text

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.desired import NAMESPACE_UID_TAG, OWNER_TAGS
from azdiskbackup.errors import OperatorError
from azdiskbackup.kube.watched import CLAIM, NAMESPACE
from azdiskbackup.plugin.cluster.client import (
    DISKS,
    OBJECT_NAME,
    VAULTS,
    Cluster,
    ProtectedVolume,
    arm_id_of,
    claim_of,
    gather_in_order,
    protected_of,
    vault_ids,
)
from azdiskbackup.plugin.output.printer import Column, Printer, Shape
from azdiskbackup.plugin.output.restore_commands import restore_commands
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest

_OFFERED = 5
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Orphan(Shape, frozen=True, kw_only=True):
    """A backup instance that no object of this cluster owns.

    Attributes:
        namespace: where its ProtectedDisk was; name and cluster likewise. Empty for one that was deleted: Azure keeps
            no tags of it.
        cluster: the uid of the kube-system namespace of its cluster.
        missing: what no longer exists: Cluster (another one, which may well exist), Namespace, ProtectedDisk,
            PersistentVolumeClaim, or BackupInstance, which was deleted.
        state: Azure's state of the protection.
        kept_until: until when Azure keeps one that was deleted.
        restore_command: makes a PVC of it in its namespace here; null where its tags do not name one.
        restore_commands: commands that restore its data.
    """

    namespace: str
    name: str
    cluster: str
    missing: str
    state: str
    kept_until: datetime | None
    vault: str
    instance: str
    disk_id: str
    instance_id: str
    restore_command: str | None
    restore_commands: list[str]


class VaultHere(Shape, frozen=True, kw_only=True):
    """A vault of this cluster: the name of its object, and the clusters whose backups it may use."""

    name: str
    adopt_from_clusters: frozenset[str] = frozenset()


class Here(Shape, frozen=True, kw_only=True):
    """What is in this cluster.

    Attributes:
        disks: by namespace and name, what each protects; None as long as it says nothing.
        claims: by namespace and name, the PVC that each of the disks names, empty for none.
        earlier: by namespace and name, the ids of the disks that each protected before, in lower case.
        volumes: by namespace and name, the volume of each PVC.
        namespace_uids: the uid of each namespace.
        vaults: by ARM id in lower case.
    """

    cluster: str
    disks: dict[tuple[str, str], ProtectedVolume | None]
    claims: dict[tuple[str, str], str]
    volumes: dict[tuple[str, str], str]
    namespace_uids: dict[str, str]
    earlier: dict[tuple[str, str], frozenset[str]] = {}
    vaults: dict[str, VaultHere] = {}

    @property
    def disk_ids(self) -> frozenset[str]:
        """Return the ids of the disks that are protected here, in lower case."""
        return frozenset(each.disk_id for each in self.disks.values() if each)


_COLUMNS: Sequence[Column[Orphan]] = (
    Column("NAMESPACE", lambda orphan: orphan.namespace or "-"),
    Column("NAME", lambda orphan: orphan.name or "-"),
    Column("MISSING", lambda orphan: orphan.missing),
    Column("STATE", lambda orphan: _state(orphan), spare=True),
    Column("VAULT", lambda orphan: orphan.vault, spare=True),
    Column("INSTANCE", lambda orphan: orphan.instance),
    Column("CLUSTER", lambda orphan: orphan.cluster or "-", wide=True),
    Column("DISK ID", lambda orphan: orphan.disk_id, wide=True),
    Column("INSTANCE ID", lambda orphan: orphan.instance_id, wide=True),
)


async def run(cluster: Cluster, printer: Printer, *, vaults: list[str] | None, instance: str | None) -> ExitCode:
    """Show the instances without an owner here, or how to restore one."""
    objects = await cluster.all_if_allowed(VAULTS) if vaults else await cluster.all(VAULTS)
    here = await _here(cluster, objects or [])
    found = [orphan for vault in _vaults(objects or [], vaults) for orphan in orphans(await _instances(vault), here)]
    if cluster.namespace:
        found = [each for each in found if each.namespace == cluster.namespace]
    if instance is not None:
        found = [_one(found, instance)]
    printer.table(_COLUMNS, found, "Every backup instance is owned by a ProtectedDisk of this cluster.")
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


async def _here(cluster: Cluster, vaults: list[Resource]) -> Here:
    namespaces, disks, claims = await gather_in_order(cluster.all(NAMESPACE), cluster.all(DISKS), cluster.all(CLAIM))
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


def _earlier(disk: Resource) -> frozenset[str]:
    return frozenset(each.id.lower() for each in parse_status(ProtectedDiskStatus, disk).earlier_disks or ())


def _vaults(objects: list[Resource], named: list[str] | None) -> list[ArmId]:
    if named:
        try:
            return [_vault_id(each) for each in named]
        except ValueError as error:
            raise CliError(f"{error}; name a vault by its ARM id", ExitCode.USAGE) from error
    ids = vault_ids(objects)
    if not ids:
        raise CliError("No BackupVault of this cluster exists in Azure yet. Name a vault with --vault-id.")
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


def orphans(instances: Iterable[AzureInstance], here: Here) -> list[Orphan]:
    """Return the instances that carry our tags, or a name of ours, and that no object of this cluster owns."""
    found = []
    for each in instances:
        cluster, namespace, name = (each.tags.get(key, "") for key in OWNER_TAGS)
        missing = _missing(each, here) if cluster else _deleted(each, here)
        if missing:
            command = restore_command(each, missing, here)
            found.append(
                Orphan(
                    namespace=namespace,
                    name=name,
                    cluster=cluster,
                    missing=missing,
                    state=each.state,
                    kept_until=each.soft_deleted_until,
                    vault=each.id.path[1],
                    instance=each.id.name,
                    disk_id=each.disk_id,
                    instance_id=str(each.id),
                    restore_command=command,
                    restore_commands=[*_by_operator(command), *restore_commands(each, namespace, name)],
                )
            )
    return sorted(found, key=lambda each: (each.cluster != here.cluster, each.namespace, each.name, each.instance))


def _by_operator(command: str | None) -> list[str]:
    if command is None:
        return []
    return [
        "# Into a new PVC, where the vault allows it (class and file system as the old PVC had them; of a Block volume",
        "# --volume-mode Block in place of the file system):",
        command,
        "# Or with the Azure CLI.",
    ]


def restore_command(instance: AzureInstance, missing: str, here: Here) -> str | None:
    """Return the command that makes a PVC of an instance, where its tags name a namespace of this cluster."""
    cluster, namespace, name = (instance.tags.get(key, "") for key in OWNER_TAGS)
    vault = here.vaults.get(str(instance.id.parent).lower())
    uid = here.namespace_uids.get(namespace)
    if vault is None or uid is None or instance.soft_deleted_until is not None or not OBJECT_NAME.fullmatch(name):
        return None
    # A namespace of the same name that was made later is somebody else's, unless the vault's owner says otherwise.
    is_same = cluster == here.cluster and instance.tags.get(NAMESPACE_UID_TAG, uid) == uid
    if not is_same and cluster not in vault.adopt_from_clusters:
        return None
    if missing == "PersistentVolumeClaim":
        return f"kubectl azdiskbackup restore {name} -n {namespace}"
    return (
        f"kubectl azdiskbackup restore -n {namespace} --vault {vault.name} --instance {quote(instance.id.name)} "
        f"--pvc {name}-restored --storage-class CLASS --fs-type TYPE"
    )


def _deleted(instance: AzureInstance, here: Here) -> str:
    """Return what is missing of an instance that was deleted and was ours, by its name: the tags went with it."""
    if instance.soft_deleted_until is None or instance.disk_id.lower() in here.disk_ids:
        return ""
    try:
        ours = instance_name(ArmId.parse(instance.disk_id))
    except ValueError:
        return ""
    return "BackupInstance" if instance.id.name.lower() == ours.lower() else ""


def _missing(instance: AzureInstance, here: Here) -> str:
    cluster, namespace, name = (instance.tags.get(key, "") for key in OWNER_TAGS)
    if cluster != here.cluster:
        return "Cluster"
    # One that was created again under the same name has another uid.
    uid = here.namespace_uids.get(namespace)
    if uid is None or instance.tags.get(NAMESPACE_UID_TAG, uid) != uid:
        return "Namespace"
    if (namespace, name) not in here.disks:
        return "ProtectedDisk"
    if instance.disk_id.lower() in here.earlier.get((namespace, name), ()):
        # `restore-points --all-disks` lists it.
        return ""
    protected, claim = here.disks[namespace, name], here.claims[namespace, name]
    # An object, and a claim, that were made again under the same name are those of another disk.
    if protected is not None and protected.disk_id != instance.disk_id.lower():
        return "ProtectedDisk"
    volume = here.volumes.get((namespace, claim))
    gone = volume is None or (protected is not None and bool(protected.volume) and volume != protected.volume)
    return "PersistentVolumeClaim" if claim and gone else ""
