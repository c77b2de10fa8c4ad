"""By what objects are found in the cache: who refers to whom, in Kubernetes and in Azure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.engine.cache import Index, Raw


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
    """Read an id in a status, which may be wiped by hand, and written too."""
    try:
        return ArmId.parse(str(found).lower())
    except ValueError:
        return None


def _instance(raw: Raw) -> ArmId | None:
    return _id(Resource(raw).status.get("backupInstanceID"))


def _disk(raw: Raw) -> ArmId | None:
    return _id((Resource(raw).status.get("disk") or {}).get("id"))


def _lower(*ids: ArmId | ResourceGroupId | None) -> list[str]:
    return [str(each).lower() for each in ids if each is not None]


def _handle(raw: Raw) -> list[str]:
    spec = raw["spec"]
    return _lower(_id((spec.get("csi") or {}).get("volumeHandle") or (spec.get("azureDisk") or {}).get("diskURI")))


def _vault_id(raw: Raw) -> list[str]:
    instance = _instance(raw)
    return _lower(instance.parent if instance is not None else None)


def _scopes(raw: Raw) -> list[str]:
    disk = _disk(raw)
    return _lower(disk, disk.resource_group) if disk is not None else []


# By the lower-case id of the vault in Azure.
VAULTS_BY_ID = Index("BackupVault", lambda raw: _lower(_id(Resource(raw).status.get("vaultID"))))
POLICIES_BY_VAULT = Index("DiskBackupPolicy", lambda raw: [raw["spec"]["vaultRef"]["name"]])
DISKS_BY_POLICY = Index("ProtectedDisk", lambda raw: [raw["spec"]["policyRef"]["name"]])
DISKS_BY_NAMESPACE = Index("ProtectedDisk", lambda raw: [_namespace(raw)])
DISKS_BY_CLAIM = Index("ProtectedDisk", _claim)
DISKS_BY_SOURCE = Index("ProtectedDisk", lambda raw: [source_of(_namespace(raw), raw["spec"]["source"])])
# By the lower-case ids of the disk and of the backup instance in Azure.
DISKS_BY_AZURE_ID = Index(
    "ProtectedDisk", lambda raw: _lower(_instance(raw), _disk(raw), _id(raw["spec"]["source"].get("diskID")))
)
# By the lower-case id of the vault in which the backup instance is.
DISKS_BY_VAULT_ID = Index("ProtectedDisk", _vault_id)
# By the lower-case ids of the scopes at which the right to read the disk may be granted.
DISKS_BY_SCOPE = Index("ProtectedDisk", _scopes)
BACKUPS_BY_DISK = Index("OnDemandBackup", lambda raw: [place(_namespace(raw), raw["spec"]["protectedDiskRef"]["name"])])
# By the lower-case id of the disk.
VOLUMES_BY_DISK = Index("PersistentVolume", _handle)
CLAIMS_BY_VOLUME = Index("PersistentVolumeClaim", _volume)

INDICES = (
    VAULTS_BY_ID,
    POLICIES_BY_VAULT,
    DISKS_BY_POLICY,
    DISKS_BY_NAMESPACE,
    DISKS_BY_CLAIM,
    DISKS_BY_SOURCE,
    DISKS_BY_AZURE_ID,
    DISKS_BY_VAULT_ID,
    DISKS_BY_SCOPE,
    BACKUPS_BY_DISK,
    CLAIMS_BY_VOLUME,
    VOLUMES_BY_DISK,
)
