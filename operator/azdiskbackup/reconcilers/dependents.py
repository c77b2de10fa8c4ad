"""Who has to look again when an object changes: those who refer to it, and only when they could see the change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from azdiskbackup.core import reasons
from azdiskbackup.core.on_demand_backup.desired import is_over
from azdiskbackup.core.resource import Resource
from azdiskbackup.engine.cache import Cache, Key, Raw

OURS = ("BackupVault", "DiskBackupPolicy", "ProtectedDisk", "OnDemandBackup")


def affected(cache: Cache, key: Key, before: Raw | None, after: Raw | None) -> Iterator[Key]:
    """Yield the keys that have to be reconciled after a change."""
    if key.kind in OURS and _own(before) != _own(after):
        yield key
    if _visible(key.kind, before) == _visible(key.kind, after):
        return
    for raw in (before, after):
        if raw is not None:
            yield from _referring(cache, key, raw)


def _own(raw: Raw | None) -> object:
    """What of an object its own reconciler must react to: not its own writes to status."""
    if raw is None:
        return None
    metadata = raw["metadata"]
    return metadata["uid"], metadata.get("generation"), metadata.get("deletionTimestamp")


def _visible(kind: str, raw: Raw | None) -> object:
    """What of an object others react to."""
    if raw is None:
        return None
    resource = Resource(raw)
    status, spec = resource.status, resource.spec
    ready = resource.condition(reasons.READY)
    shown: Mapping[str, Any] = {
        "BackupVault": (spec, status.get("vaultID"), status.get("principalID")),
        "DiskBackupPolicy": (spec, status.get("policyID")),
        "ProtectedDisk": (spec, status.get("backupInstanceID")),
        "OnDemandBackup": (is_over(resource), status.get("jobID")),
    }
    if kind in shown:
        return shown[kind], resource.deleting, ready.get("status"), ready.get("message")
    return raw.get("spec"), status, resource.labels


def _referring(cache: Cache, key: Key, raw: Raw) -> Iterator[Key]:
    match key.kind:
        case "BackupVault":
            for policy in _where(cache, "DiskBackupPolicy", ("vaultRef", "name"), key.name):
                yield policy
                yield from _where(cache, "ProtectedDisk", ("policyRef", "name"), policy.name)
        case "DiskBackupPolicy":
            yield Key("BackupVault", "", raw["spec"]["vaultRef"]["name"])
            yield from _where(cache, "ProtectedDisk", ("policyRef", "name"), key.name)
        case "ProtectedDisk":
            yield from _of_disk(cache, key, raw)
        case "OnDemandBackup":
            disk = raw["spec"]["protectedDiskRef"]["name"]
            yield Key("ProtectedDisk", key.namespace, disk)
            for other in _where(cache, "OnDemandBackup", ("protectedDiskRef", "name"), disk):
                if other.namespace == key.namespace and other != key:
                    yield other
        case _:
            yield from _of_cluster(cache, key)


def _of_disk(cache: Cache, key: Key, raw: Raw) -> Iterator[Key]:
    policy = raw["spec"]["policyRef"]["name"]
    yield Key("DiskBackupPolicy", "", policy)
    known = cache.get(Key("DiskBackupPolicy", "", policy))
    if known is not None:
        yield Key("BackupVault", "", known["spec"]["vaultRef"]["name"])
    for backup in _where(cache, "OnDemandBackup", ("protectedDiskRef", "name"), key.name):
        if backup.namespace == key.namespace:
            yield backup
    # Of two objects for one source the older wins: when it goes, the other one's turn has come.
    for other in cache.all("ProtectedDisk"):
        found = Resource(other)
        same = found.namespace == key.namespace and found.spec["source"] == raw["spec"]["source"]
        if same and found.name != key.name:
            yield Key("ProtectedDisk", found.namespace, found.name)


def _of_cluster(cache: Cache, key: Key) -> Iterator[Key]:
    """Namespaces, PVCs and PVs: the disks that depend on them."""
    for raw in cache.all("ProtectedDisk"):
        disk = Resource(raw)
        claim = (disk.spec["source"].get("persistentVolumeClaim") or {}).get("name")
        match key.kind:
            case "Namespace":
                hit = disk.namespace == key.name
            case "PersistentVolumeClaim":
                hit = (disk.namespace, claim) == (key.namespace, key.name)
            case _:
                known = cache.get(Key("PersistentVolumeClaim", disk.namespace, claim or ""))
                hit = known is not None and known["spec"].get("volumeName") == key.name
        if hit:
            yield Key("ProtectedDisk", disk.namespace, disk.name)


def _where(cache: Cache, kind: str, path: tuple[str, str], name: str) -> Iterator[Key]:
    for raw in cache.all(kind):
        if raw["spec"][path[0]][path[1]] == name:
            metadata = raw["metadata"]
            yield Key(kind, str(metadata.get("namespace") or ""), str(metadata["name"]))
