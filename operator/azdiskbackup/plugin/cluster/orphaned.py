"""Backup instances in Azure that no object of this cluster owns, and what of it they have lost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from shlex import quote

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.protected_disk.desired import NAMESPACE_UID_TAG, OWNER_TAGS
from azdiskbackup.plugin.cluster.client import (
    OBJECT_NAME,
    ProtectedVolume,
)
from azdiskbackup.plugin.output.printer import Shape
from azdiskbackup.plugin.output.restore_commands import restore_commands


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
    """What is in this cluster, or in the one namespace that is looked at.

    Attributes:
        cluster: its id; empty where the caller may not read it.
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
    if here.cluster and cluster != here.cluster:
        return "Cluster"
    # One that was created again under the same name has another uid; and none of another cluster has the same, so that
    # it tells the cluster, too, to who may not read that.
    uid = here.namespace_uids.get(namespace)
    if uid is None or instance.tags.get(NAMESPACE_UID_TAG, uid if here.cluster else None) != uid:
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
