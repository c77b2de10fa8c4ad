"""By what objects are found in the cache: who refers to whom, in Kubernetes and in Azure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId
from azdiskbackup.core.identity.naming import restored_volume_name
from azdiskbackup.core.jobs.recorded import is_over, read_recorded
from azdiskbackup.core.objects.markers import RULE
from azdiskbackup.core.objects.recorded import DISK, INSTANCE, POLICY, VAULT, recorded_id
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons
from azdiskbackup.engine.cache import Index, Queue, Raw
from azdiskbackup.errors import PermissionsMissing, Terminal, Waiting


def place(namespace: str, name: str) -> str:
    """Return the value by which something in a namespace is found."""
    return f"{namespace}/{name}"


def source_of(namespace: str, source: Mapping[str, Any]) -> str:
    """Return the value by which the disks of one source are found."""
    return f"{namespace} {json.dumps(source, sort_keys=True)}"


def _namespace(raw: Raw) -> str:
    return str(raw["metadata"]["namespace"])


def _claim(raw: Raw) -> Iterator[str]:
    claim = raw["spec"]["source"].get("persistentVolumeClaim")
    if claim:
        yield place(_namespace(raw), claim["name"])


def _volume(raw: Raw) -> Iterator[str]:
    if raw["spec"].get("volumeName"):
        yield raw["spec"]["volumeName"]


def _id(found: object) -> ArmId | None:
    """Read an id that somebody wrote."""
    try:
        return ArmId.parse(str(found).lower())
    except ValueError:
        return None


def _instance(raw: Raw) -> ArmId | None:
    return recorded_id(Resource(raw), INSTANCE, "backupInstanceID")


def _disk(raw: Raw) -> ArmId | None:
    return recorded_id(Resource(raw), DISK, "disk", "id")


def _lower(*ids: ArmId | ResourceGroupId | None) -> list[str]:
    return [str(each).lower() for each in ids if each is not None]


def _handle(raw: Raw) -> list[str]:
    spec = raw["spec"]
    return _lower(_id((spec.get("csi") or {}).get("volumeHandle") or (spec.get("azureDisk") or {}).get("diskURI")))


def _vault_id(raw: Raw) -> list[str]:
    instance = _instance(raw)
    return _lower(instance.parent if instance is not None else None)


def shared_role(vault: ArmId | None, scope: ArmId | ResourceGroupId) -> str:
    """Return the value by which the disks are found that one role assignment of a vault serves."""
    return f"{vault or ''} {scope}".lower()


def _roles(raw: Raw, *, leaving: bool) -> list[str]:
    disk, instance, resource = _disk(raw), _instance(raw), Resource(raw)
    if disk is None or leaving != (resource.deleting and resource.spec.get("deletionPolicy") == "Delete"):
        return []
    # Where its instance is counts, not where `policyRef` was turned to; without one it may be any vault.
    vault = instance.parent if instance is not None else None
    return [shared_role(vault, scope) for scope in (disk, disk.resource_group)]


def _moving(raw: Raw) -> Iterator[str]:
    """A disk that follows its policy in Azure; one that is stopped does not move before it is resumed."""
    policy, used = raw["spec"]["policyRef"]["name"], recorded_id(Resource(raw), POLICY, "policyID")
    if used and raw["spec"].get("protection") != "Stopped":
        yield policy
        yield follows(policy, used)


def is_refused(disk: Resource) -> bool:
    """Return whether Azure refuses a disk or its backups: somebody may have deleted its policy, or a role."""
    return (
        str(disk.condition(reasons.READY).get("reason")) in _REFUSALS
        or disk.condition(reasons.BACKUP_HEALTHY).get("reason") == reasons.BACKUP_FAILED
    )


def follows(policy: str, policy_id: object) -> str:
    """Return the value by which the disks of a policy that have one policy in Azure are found."""
    return f"{policy} {policy_id}".rstrip("/").lower()


def disk_of_backup(raw: Raw) -> str:
    """Return the value by which the backups of a disk are found."""
    return place(_namespace(raw), raw["spec"]["protectedDiskRef"]["name"])


def _unfinished(raw: Raw) -> list[str]:
    return [] if is_over(Resource(raw)) else [disk_of_backup(raw)]


def _is_restoring(raw: Raw) -> bool:
    return not is_over(Resource(raw)) and not Resource(raw).deleting


def _restored_disk(raw: Raw) -> Iterator[str]:
    source = raw["spec"]["source"].get("protectedDiskRef")
    if source and _is_restoring(raw):
        yield place(_namespace(raw), source["name"])


def _restored_claim(raw: Raw) -> Iterator[str]:
    claim = (raw["spec"].get("target") or {}).get("persistentVolumeClaim")
    if claim and _is_restoring(raw):
        yield place(_namespace(raw), claim["name"])


def _restored_volume(raw: Raw) -> Iterator[str]:
    if _is_restoring(raw):
        yield restored_volume_name(raw["metadata"]["uid"])


def _restoring_namespace(raw: Raw) -> Iterator[str]:
    if _is_restoring(raw):
        yield _namespace(raw)


def _restoring_vault(raw: Raw) -> list[str]:
    return _vault_id(raw) if _is_restoring(raw) else []


def _rule(raw: Raw) -> list[str]:
    name = Resource(raw).labels.get(RULE)
    return [name] if name is not None else []


def _turn(raw: Raw) -> tuple[str, str] | None:
    """The order of backups of a disk: those that have begun, then by creation; within a second the names decide."""
    backup = Resource(raw)
    # One that needs attention holds up nobody.
    if is_over(backup) or backup.deleting or backup.is_true(reasons.STALLED):
        return None
    begun = read_recorded(backup).intent is not None
    return disk_of_backup(raw), f"{'begun' if begun else 'waits'} {backup.meta.get('creationTimestamp')}"


def _start(raw: Raw) -> tuple[str, str] | None:
    recorded = read_recorded(Resource(raw))
    if recorded.intent is None or recorded.job is None:
        return None
    return disk_of_backup(raw), recorded.intent.isoformat()


def _age(raw: Raw) -> tuple[str, str]:
    return source_of(_namespace(raw), raw["spec"]["source"]), str(raw["metadata"].get("creationTimestamp"))


# That a policy is missing is something to wait for, in Azure's table of errors.
_REFUSALS = frozenset({Waiting.reason, PermissionsMissing.reason, Terminal.reason, reasons.PROTECTION_ERROR})
# The value by which every restore is found that has chosen a restore point, and not ended.
IN_PROGRESS = "in progress"
# By the lower-case id of the vault in Azure.
VAULTS_BY_ID = Index("BackupVault", lambda raw: _lower(recorded_id(Resource(raw), VAULT, "vaultID")))
POLICIES_BY_VAULT = Index("DiskBackupPolicy", lambda raw: [raw["spec"]["vaultRef"]["name"]])
DISKS_BY_POLICY = Index("ProtectedDisk", lambda raw: [raw["spec"]["policyRef"]["name"]])
DISKS_BY_NAMESPACE = Index("ProtectedDisk", lambda raw: [_namespace(raw)])
DISKS_BY_CLAIM = Index("ProtectedDisk", _claim)
# By the policy that they name, and by that and the policy that they have in Azure.
DISKS_MOVING = Index("ProtectedDisk", _moving)
# By policy: those that Azure refuses.
DISKS_REFUSED = Index(
    "ProtectedDisk", lambda raw: [raw["spec"]["policyRef"]["name"]] if is_refused(Resource(raw)) else []
)
# By the lower-case ids of the disk and of the backup instance in Azure.
DISKS_BY_AZURE_ID = Index(
    "ProtectedDisk", lambda raw: _lower(_instance(raw), _disk(raw), _id(raw["spec"]["source"].get("diskID")))
)
# By the lower-case id of the vault in which the backup instance is.
DISKS_BY_VAULT_ID = Index("ProtectedDisk", _vault_id)
# By vault and scope of the role assignment by which the disk may be read: those that keep it, and those that let it go.
DISKS_WITH_ROLE = Index("ProtectedDisk", lambda raw: _roles(raw, leaving=False))
DISKS_LEAVING_ROLE = Index("ProtectedDisk", lambda raw: _roles(raw, leaving=True))
# By the rule whose label they have; and, of these, by namespace and name.
DISKS_BY_RULE = Index("ProtectedDisk", _rule)
DISKS_OF_RULES = Index("ProtectedDisk", lambda raw: [place(_namespace(raw), Resource(raw).name)] if _rule(raw) else [])
RULES_BY_POLICY = Index("DiskProtectionRule", lambda raw: [raw["spec"]["policyRef"]["name"]])
# Those that have not ended.
BACKUPS_BY_DISK = Index("OnDemandBackup", _unfinished)
# Those that have not ended: by their ProtectedDisk, by the PVC and the volume that they make, by vault, by namespace.
RESTORES_BY_DISK = Index("DiskRestore", _restored_disk)
RESTORES_BY_CLAIM = Index("DiskRestore", _restored_claim)
RESTORES_BY_VOLUME = Index("DiskRestore", _restored_volume)
RESTORES_BY_NAMESPACE = Index("DiskRestore", _restoring_namespace)
# By the lower-case id of the vault in Azure: those that have chosen a restore point, and not ended.
RESTORES_BY_VAULT_ID = Index("DiskRestore", _restoring_vault)
RESTORES_IN_PROGRESS = Index("DiskRestore", lambda raw: [IN_PROGRESS] if _restoring_vault(raw) else [])
# By the lower-case id of the disk.
VOLUMES_BY_DISK = Index("PersistentVolume", _handle)
CLAIMS_BY_VOLUME = Index("PersistentVolumeClaim", _volume)
CLAIMS_BY_NAMESPACE = Index("PersistentVolumeClaim", lambda raw: [_namespace(raw)])

INDICES = (
    VAULTS_BY_ID,
    POLICIES_BY_VAULT,
    DISKS_BY_POLICY,
    DISKS_BY_NAMESPACE,
    DISKS_BY_CLAIM,
    DISKS_MOVING,
    DISKS_REFUSED,
    DISKS_BY_AZURE_ID,
    DISKS_BY_VAULT_ID,
    DISKS_WITH_ROLE,
    DISKS_LEAVING_ROLE,
    DISKS_BY_RULE,
    DISKS_OF_RULES,
    RULES_BY_POLICY,
    BACKUPS_BY_DISK,
    RESTORES_BY_DISK,
    RESTORES_BY_CLAIM,
    RESTORES_BY_VOLUME,
    RESTORES_BY_NAMESPACE,
    RESTORES_BY_VAULT_ID,
    RESTORES_IN_PROGRESS,
    CLAIMS_BY_VOLUME,
    CLAIMS_BY_NAMESPACE,
    VOLUMES_BY_DISK,
)

# Of two objects for one source the older one wins; the server's times of creation are whole seconds, within which the
# names decide.
SAME_SOURCE = Queue("ProtectedDisk", _age)
# One backup of a disk at a time.
BACKUP_QUEUE = Queue("OnDemandBackup", _turn)
# The jobs of a disk, by when they were started.
BACKUPS_STARTED = Queue("OnDemandBackup", _start)

QUEUES = (SAME_SOURCE, BACKUP_QUEUE, BACKUPS_STARTED)
