"""What must be true at the end of a story: all is as it should be in Azure, or says what a person has to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azure_simulator.model.instance import Instance
from harness.objects import Json
from simulation.actors import VAULT
from simulation.azure_state import condition, disk_of, instances, is_ready, owner_of, vault_tags

if TYPE_CHECKING:
    from world.world import World

_KINDS = ("BackupVault", "DiskBackupPolicy", "ProtectedDisk", "OnDemandBackup", "DiskRestore", "DiskProtectionRule")
# What an object may wait for, since only people bring it.
_WAITS = {
    "BackupFailed",
    "BackupInstanceNotFound",
    "BindPending",
    "BlockedBySoftDelete",
    "ClaimExists",
    "DailyLimitReached",
    "InUse",
    "NamespaceNotAllowed",
    "NoRestorePoint",
    "PersistentVolumeClaimNotBound",
    "PersistentVolumeClaimNotFound",
    "PolicyNotFound",
    "PolicyNotReady",
    "ProtectedDiskNotFound",
    "Queued",
    "VaultNotFound",
    "WaitingForProtection",
}

# What an object may be stalled for at the end: a person did it, or has to choose.
_STALLS = {
    "BackupInstanceNotFound",
    "ClaimDeleted",
    "ClaimExists",
    "DeletionNotAllowed",
    "DiskChanged",
    "DiskNotFound",
    "DuplicateProtectedDisk",
    "Failed",
    # Of a rule, whose withdrawal nobody acknowledged.
    "MassWithdrawal",
    "NamespaceNotAllowed",
    "OwnedElsewhere",
    "Refused",
    "TimedOut",
}


def unfinished(world: World) -> Iterator[str]:
    """Yield what is neither as it should be, nor says why only a person can bring that about."""
    for kind in _KINDS:
        for raw in world.every(kind):
            metadata, status = raw["metadata"], raw.get("status") or {}
            name = f"{kind} {metadata.get('namespace', '')}/{metadata['name']}"
            ready, stalled = condition(raw, "Ready"), condition(raw, "Stalled")
            reason = ready.get("reason", "")
            is_over = ready.get("status") == "True" or stalled.get("reason") in _STALLS or status.get("completionTime")
            if ready and reason not in REASON_CATALOG:
                yield f"{name} has the reason {reason}, which nobody explains"
            elif "deletionTimestamp" not in metadata and status.get("observedGeneration") != metadata["generation"]:
                yield f"{name} was not looked at since it changed"
            elif not is_over and reason not in _WAITS:
                yield f"{name} {ready.get('status')} {reason} {ready.get('message')}"
            elif not is_over and not _is_true(world, raw, reason):
                yield f"{name} waits ({reason}), and what it waits for is there"
            elif "The operator corrects it." in (message := condition(raw, "Synced").get("message", "")):
                # After a pause of up to a day, where others undid it again and again.
                yield f"{name} is not in sync: {message}"


def _is_true(world: World, raw: Json, reason: str) -> bool:
    """Return whether what an object says it waits for is indeed not there."""

    def lacks(kind: str, name: str, is_there: Callable[[Json], bool] = lambda _: True) -> bool:
        namespace = raw["metadata"].get("namespace", "") if kind in ("ProtectedDisk", "PersistentVolumeClaim") else ""
        found = (each for each in world.every(kind, namespace) if each["metadata"]["name"] == name)
        return not any(map(is_there, found))

    match raw["kind"], reason:
        case "ProtectedDisk", "PolicyNotFound":
            return lacks("DiskBackupPolicy", raw["spec"]["policyRef"]["name"])
        case "ProtectedDisk", "PolicyNotReady":
            return lacks("DiskBackupPolicy", raw["spec"]["policyRef"]["name"], is_ready)
        case "ProtectedDisk", "PersistentVolumeClaimNotFound":
            return lacks("PersistentVolumeClaim", raw["spec"]["source"]["persistentVolumeClaim"]["name"])
        case "OnDemandBackup", "ProtectedDiskNotFound":
            return lacks("ProtectedDisk", raw["spec"]["protectedDiskRef"]["name"])
        case "OnDemandBackup", "WaitingForProtection":
            return lacks("ProtectedDisk", raw["spec"]["protectedDiskRef"]["name"], _is_backed_up)
        case "DiskBackupPolicy", "VaultNotFound":
            return lacks("BackupVault", raw["spec"]["vaultRef"]["name"])
    return True


def _is_backed_up(disk: Json) -> bool:
    return is_ready(disk) and disk["spec"].get("protection", "Active") == "Active"


def otherwise_in_azure(world: World) -> Iterator[str]:
    """Yield what an object says is as it should be, and is not in Azure: the policy, the owner, tags of the vault."""
    policies = {each["metadata"]["name"]: each for each in world.every("DiskBackupPolicy")}
    for raw in world.every("ProtectedDisk"):
        instance, policy = _active(world, raw), policies.get(raw["spec"]["policyRef"]["name"])
        yield from owned_by_others(world, raw)
        if instance and policy is not None and is_ready(policy) and not _is_by(instance.policy.name, policy):
            yield f"{_name(raw)} is Ready, and Azure backs it up by {instance.policy.name}"
    for raw in world.every("BackupVault"):
        tags = vault_tags(world, VAULT) or {}
        lacking = [key for key, value in (raw["spec"].get("tags") or {}).items() if tags.get(key.lower()) != value]
        if is_ready(raw) and condition(raw, "Synced").get("status") == "True" and lacking:
            yield f"the vault is in sync, and Azure has other tags: {lacking}"


def miscounted(world: World) -> Iterator[str]:
    """Yield that a vault counts other orphans than there are: instances of this cluster that no object is about."""
    disks = world.every("ProtectedDisk")
    about = {_instance_of(each) for each in disks}
    about |= {earlier["backupInstanceID"].lower() for each in disks for earlier in _earlier(each)}
    places = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in disks if not _instance_of(each)}
    for raw in world.every("BackupVault"):
        told = (raw.get("status") or {}).get("orphanedBackupInstances", 0)
        vault = (raw.get("status") or {}).get("vaultID", "-").lower()
        left = [
            each.name
            for held in world.azure.service.azure.vaults.all.values()
            for each in held.instances.values()
            if held.id.lower() == vault
            and each.state != "SoftDeleted"
            and owner_of(each)[0] == world.cluster
            and owner_of(each)[1:] not in places
            and f"{vault}/backupinstances/{each.name}".lower() not in about
        ]
        is_swept = any(_instance_of(each).startswith(f"{vault}/") for each in disks)
        if told != len(left) and (told or is_swept):
            yield f"the vault counts {told} orphans, and has {len(left)}: {left}"


def _instance_of(raw: Json) -> str:
    return str((raw.get("status") or {}).get("backupInstanceID", "")).lower()


def _earlier(raw: Json) -> list[Json]:
    return [each for each in (raw.get("status") or {}).get("earlierDisks") or () if each.get("backupInstanceID")]


def owned_by_others(world: World, raw: Json) -> Iterator[str]:
    """Yield that a disk is Ready while the tags of its instance name another one as the owner, or nobody."""
    instance, owner = _active(world, raw), (world.cluster, raw["metadata"]["namespace"], raw["metadata"]["name"])
    if instance is not None and owner_of(instance) != owner:
        yield f"{_name(raw)} is Ready, and its owner in Azure is {'/'.join(owner_of(instance))}"


def _active(world: World, raw: Json) -> Instance | None:
    """Return the instance of a disk that is Ready and backed up; what rests keeps policy and tags until resumed."""
    if not is_ready(raw) or not _is_backed_up(raw):
        return None
    found = (each for each in instances(world) if each.state != "SoftDeleted" and each.disk_id.lower() == disk_of(raw))
    return next(found, None)


def _name(raw: Json) -> str:
    return f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"


def _is_by(policy: str, raw: Json) -> bool:
    return str(raw["status"]["policyID"]).lower().endswith(f"/{policy.lower()}")
