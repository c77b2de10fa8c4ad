"""By what objects are found in the cache: who refers to whom, in Kubernetes and in Azure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.engine.cache import Index, Raw


def place(namespace: str, name: str) -> str:
    """Return the value by which something in a namespace is found."""
    return f"{namespace}/{name}"


def source_of(namespace: str, source: Mapping[str, Any]) -> str:
    """Return the value by which the disks of one source are found."""
    return f"{namespace} {json.dumps(source, sort_keys=True)}"


def _namespace(raw: Raw) -> str:
    return str(raw["metadata"]["namespace"])


def _vault_ref(raw: Raw) -> Iterator[str]:
    yield str(raw["spec"]["vaultRef"]["name"])


def _policy_ref(raw: Raw) -> Iterator[str]:
    yield str(raw["spec"]["policyRef"]["name"])


def _namespace_of(raw: Raw) -> Iterator[str]:
    yield _namespace(raw)


def _claim(raw: Raw) -> Iterator[str]:
    claim = raw["spec"]["source"].get("persistentVolumeClaim")
    if claim:
        yield place(_namespace(raw), str(claim["name"]))


def _source(raw: Raw) -> Iterator[str]:
    yield source_of(_namespace(raw), raw["spec"]["source"])


def _disk_ref(raw: Raw) -> Iterator[str]:
    yield place(_namespace(raw), str(raw["spec"]["protectedDiskRef"]["name"]))


def _volume(raw: Raw) -> Iterator[str]:
    if raw["spec"].get("volumeName"):
        yield str(raw["spec"]["volumeName"])


def _id(found: object) -> ArmId | None:
    """Read an id in a status, which may be wiped by hand, and written too."""
    try:
        return ArmId.parse(str(found).lower())
    except ValueError:
        return None


def _instance(raw: Raw) -> ArmId | None:
    return _id((raw.get("status") or {}).get("backupInstanceID"))


def _disk(raw: Raw) -> ArmId | None:
    return _id(((raw.get("status") or {}).get("disk") or {}).get("id"))


def _azure_ids(raw: Raw) -> Iterator[str]:
    named = _id(raw["spec"]["source"].get("diskID"))
    yield from (str(each).lower() for each in (_instance(raw), _disk(raw), named) if each is not None)


def _handle(raw: Raw) -> Iterator[str]:
    spec = raw["spec"]
    handle = _id((spec.get("csi") or {}).get("volumeHandle") or (spec.get("azureDisk") or {}).get("diskURI"))
    if handle is not None:
        yield str(handle).lower()


def _vault_id(raw: Raw) -> Iterator[str]:
    instance = _instance(raw)
    if instance is not None:
        yield str(instance.parent).lower()


def _id_of_vault(raw: Raw) -> Iterator[str]:
    vault = _id((raw.get("status") or {}).get("vaultID"))
    if vault is not None:
        yield str(vault).lower()


def _scopes(raw: Raw) -> Iterator[str]:
    disk = _disk(raw)
    if disk is not None:
        yield from (str(disk).lower(), str(disk.resource_group).lower())


# By the lower-case id of the vault in Azure.
VAULTS_BY_ID = Index("BackupVault", _id_of_vault)
POLICIES_BY_VAULT = Index("DiskBackupPolicy", _vault_ref)
DISKS_BY_POLICY = Index("ProtectedDisk", _policy_ref)
DISKS_BY_NAMESPACE = Index("ProtectedDisk", _namespace_of)
DISKS_BY_CLAIM = Index("ProtectedDisk", _claim)
DISKS_BY_SOURCE = Index("ProtectedDisk", _source)
# By the lower-case ids of the disk and of the backup instance in Azure.
DISKS_BY_AZURE_ID = Index("ProtectedDisk", _azure_ids)
# By the lower-case id of the vault in which the backup instance is.
DISKS_BY_VAULT_ID = Index("ProtectedDisk", _vault_id)
# By the lower-case ids of the scopes at which the right to read the disk may be granted.
DISKS_BY_SCOPE = Index("ProtectedDisk", _scopes)
BACKUPS_BY_DISK = Index("OnDemandBackup", _disk_ref)
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
