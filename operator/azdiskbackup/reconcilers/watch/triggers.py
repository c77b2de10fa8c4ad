"""Who has to look again when an object changes: those who refer to it, and only when they could see the change.

An edge that is too generous costs an Azure call for every write to a status, so each names what travels along it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from azdiskbackup.core.jobs.recorded import is_over
from azdiskbackup.core.objects.markers import MADE_BY
from azdiskbackup.core.objects.recorded import DISK, recorded_id, recorded_text
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons
from azdiskbackup.engine.cache import UNREADABLE, Cache, Key, Queue, Raw, place_in
from azdiskbackup.reconcilers.watch.indices import (
    BACKUP_QUEUE,
    BACKUPS_BY_DISK,
    CLAIMS_BY_VOLUME,
    DISKS_BY_CLAIM,
    DISKS_BY_NAMESPACE,
    DISKS_BY_POLICY,
    POLICIES_BY_VAULT,
    RESTORES_BY_CLAIM,
    RESTORES_BY_DISK,
    RESTORES_BY_NAMESPACE,
    RESTORES_BY_VAULT_ID,
    RESTORES_BY_VOLUME,
    RULES_BY_POLICY,
    SAME_SOURCE,
    VAULTS_BY_ID,
    VOLUMES_BY_DISK,
    is_refused,
    place,
)

OURS = ("BackupVault", "DiskBackupPolicy", "ProtectedDisk", "OnDemandBackup", "DiskRestore", "DiskProtectionRule")

AT_ONCE = timedelta()
# By then, most of what was applied together is there.
_COUNTED_AFTER = timedelta(seconds=10)

Projection = Callable[[Resource], object]
Targets = Callable[[Cache, Resource], Iterable[Key]]


@dataclass(frozen=True, slots=True)
class Trigger:
    """From a kind to those who have to look again.

    Attributes:
        projection: what they see of an object of the kind; they look again when that differs.
        targets: who they are.
        delay: for an object that was just made: who only counts looks once at many that are made together.
    """

    kind: str
    projection: Projection
    targets: Targets
    delay: timedelta = AT_ONCE


class Enqueue(NamedTuple):
    """Who has to look again, and after which time."""

    key: Key
    delay: timedelta = AT_ONCE


def enqueues(cache: Cache, key: Key, before: Raw | None, after: Raw | None) -> Iterator[Enqueue]:
    """Yield the keys that have to be reconciled after a change."""
    if key.kind in OURS and (_own(before) != _own(after) or _is_wiped(before, after)):
        yield Enqueue(key)
    for edge in TRIGGERS:
        if edge.kind != key.kind:
            continue
        old = edge.projection(Resource(before)) if before is not None else None
        new = edge.projection(Resource(after)) if after is not None else None
        if old != new:
            delay = edge.delay if before is None else AT_ONCE
            for raw in (before, after):
                if raw is not None:
                    # A spec that cannot be read wakes nobody through what it lacks.
                    with contextlib.suppress(*UNREADABLE):
                        yield from (Enqueue(target, delay) for target in edge.targets(cache, Resource(raw)))


def _own(raw: Raw | None) -> object:
    """What of an object its own reconciler must react to: not its own writes to status."""
    if raw is None:
        return None
    metadata = raw["metadata"]
    # The cache keeps those alone by which a person asks for something.
    annotations = metadata.get("annotations")
    return metadata["uid"], metadata.get("generation"), metadata.get("deletionTimestamp"), annotations


def _is_wiped(before: Raw | None, after: Raw | None) -> bool:
    """Return whether an object lost its status, as by a restore of manifests: it is rebuilt at once.

    What rests, such as a suspended disk, has no other time to come at which somebody would look.
    """
    if before is None or after is None:
        return False
    had, has = Resource(before).status, Resource(after).status
    return any(member in had and member not in has for member in ("observedGeneration", "conditions"))


# --- what is seen -------------------------------------------------------------------------------


def _usable(resource: Resource) -> object:
    """Whether and how a vault or a policy can be used, and its reason when it cannot."""
    ready = resource.condition(reasons.READY)
    known = (resource.status.get("vaultID"), resource.status.get("principalID"), resource.status.get("policyID"))
    return resource.spec, known, ready.get("status"), ready.get("reason"), resource.deleting


def _refers(resource: Resource) -> object:
    """That an object exists, and what it refers to."""
    return resource.spec.get("vaultRef"), resource.spec.get("policyRef"), resource.spec.get("source")


def _protection(resource: Resource) -> object:
    """What backups see of a disk."""
    protected = resource.condition(reasons.PROTECTED)
    ready = resource.condition(reasons.READY)
    shown = protected.get("status"), protected.get("observedGeneration")
    known = resource.status.get("backupInstanceID"), resource.status.get("policyID")
    return resource.spec, known, shown, ready.get("reason"), resource.deleting


def _held_disk(resource: Resource) -> object:
    """The disk that an object keeps from those of other objects; one that is being deleted keeps it no more."""
    return None if resource.deleting else recorded_id(resource, DISK, "disk", "id")


def _policy_in_azure(resource: Resource) -> object:
    """What a policy that was edited sees of its disks: whether they have moved."""
    return resource.status.get("policyID")


def _refused(resource: Resource) -> object:
    """That Azure refuses a disk: its policy may be gone."""
    return is_refused(resource) or None


def _ended(backup: Resource) -> object:
    return is_over(backup) or None


def _restorable(disk: Resource) -> object:
    """What restores see of a disk."""
    return disk.status.get("backupInstanceID"), recorded_text(disk, "restorePoints", "newest")


def _restoring(restore: Resource) -> object:
    """Whether a restore needs a role of its vault."""
    return bool(restore.status.get("backupInstanceID")) and not is_over(restore) and not restore.deleting


def _binding(claim: Resource) -> object:
    """What of a PVC leads to its disk, and to who made it."""
    return claim.spec.get("volumeName"), claim.status, claim.labels.get(MADE_BY)


def _everything(resource: Resource) -> object:
    return resource.spec, resource.status, resource.labels


# --- who looks ----------------------------------------------------------------------------------


def _disks_and_policies_of_vault(cache: Cache, vault: Resource) -> Iterator[Key]:
    for policy in cache.find(POLICIES_BY_VAULT, vault.name):
        yield policy
        yield from cache.find(DISKS_BY_POLICY, policy.name)


def _policy_and_vault_of_disk(cache: Cache, disk: Resource) -> Iterator[Key]:
    policy = disk.spec["policyRef"]["name"]
    yield Key("DiskBackupPolicy", "", policy)
    known = cache.get(Key("DiskBackupPolicy", "", policy))
    if known is not None:
        yield Key("BackupVault", "", known["spec"]["vaultRef"]["name"])


def _policy_with_predecessors(cache: Cache, disk: Resource) -> Iterator[Key]:
    """The policy of a disk, if it waits for disks to leave its predecessors."""
    policy = Key("DiskBackupPolicy", "", disk.spec["policyRef"]["name"])
    known = cache.get(policy)
    status = Resource(known).status if known is not None else {}
    if status.get("predecessors") or status.get("succession"):
        yield policy


def _backups_of_disk(cache: Cache, disk: Resource) -> list[Key]:
    return cache.find(BACKUPS_BY_DISK, place(disk.namespace, disk.name))


def _disk_and_backup(cache: Cache, backup: Resource) -> Iterator[Key]:
    yield Key("ProtectedDisk", backup.namespace, backup.spec["protectedDiskRef"]["name"])
    # Its time to live begins.
    yield Key("OnDemandBackup", backup.namespace, backup.name)


def _next_in(queue: Queue) -> Trigger:
    """From an object of a queue to the one behind it: that waits for nobody else, however many there are."""

    def behind(cache: Cache, resource: Resource) -> list[Key]:
        found = cache.behind(queue, resource.raw)
        return [found] if found is not None else []

    return Trigger(queue.kind, lambda resource: place_in(queue, resource.raw), behind)


def _disks_of_claim(cache: Cache, claim: Resource) -> list[Key]:
    return cache.find(DISKS_BY_CLAIM, place(claim.namespace, claim.name))


def _disks_of_volume(cache: Cache, volume: Resource | Key) -> Iterator[Key]:
    for claim in cache.find(CLAIMS_BY_VOLUME, volume.name):
        yield from cache.find(DISKS_BY_CLAIM, place(claim.namespace, claim.name))


def _who_waits_for_its_disk(cache: Cache, disk: Resource) -> Iterator[Key]:
    """Those whose claim stands for the disk of another object now, and that wait until that object is gone."""
    for volume in cache.find(VOLUMES_BY_DISK, str(recorded_id(disk, DISK, "disk", "id")).lower()):
        for key in _disks_of_volume(cache, volume):
            waiting = Resource(cache.get(key) or {"metadata": {}})
            if waiting.condition(reasons.READY).get("reason") == reasons.DUPLICATE_PROTECTED_DISK:
                yield key


def _restores_of_disk(cache: Cache, disk: Resource) -> list[Key]:
    return cache.find(RESTORES_BY_DISK, place(disk.namespace, disk.name))


def _restores_of_claim(cache: Cache, claim: Resource) -> list[Key]:
    return cache.find(RESTORES_BY_CLAIM, place(claim.namespace, claim.name))


def _restores_of_vault(cache: Cache, vault: Resource) -> list[Key]:
    return cache.find(RESTORES_BY_VAULT_ID, str(vault.status.get("vaultID")).lower())


def _rules_of_vault(cache: Cache, vault: Resource) -> Iterator[Key]:
    for policy in cache.find(POLICIES_BY_VAULT, vault.name):
        yield from cache.find(RULES_BY_POLICY, policy.name)


def _vault_of_restore(cache: Cache, restore: Resource) -> list[Key]:
    """The vault of a restore, which takes the role back once nobody restores any more."""
    instance = str(restore.status.get("backupInstanceID") or "").lower()
    return cache.find(VAULTS_BY_ID, instance.partition("/backupinstances/")[0])


TRIGGERS = (
    Trigger("BackupVault", _usable, _disks_and_policies_of_vault),
    Trigger("DiskBackupPolicy", _refers, lambda _, policy: [Key("BackupVault", "", policy.spec["vaultRef"]["name"])]),
    Trigger("DiskBackupPolicy", _usable, lambda cache, policy: cache.find(DISKS_BY_POLICY, policy.name)),
    Trigger("ProtectedDisk", _refers, _policy_and_vault_of_disk, _COUNTED_AFTER),
    Trigger("ProtectedDisk", _policy_in_azure, _policy_with_predecessors),
    Trigger("ProtectedDisk", _refused, lambda _, disk: [Key("DiskBackupPolicy", "", disk.spec["policyRef"]["name"])]),
    Trigger("ProtectedDisk", _protection, _backups_of_disk),
    Trigger("OnDemandBackup", _ended, _disk_and_backup),
    _next_in(SAME_SOURCE),
    Trigger("ProtectedDisk", _held_disk, _who_waits_for_its_disk),
    _next_in(BACKUP_QUEUE),
    Trigger("ProtectedDisk", _restorable, _restores_of_disk),
    Trigger("BackupVault", _usable, _restores_of_vault),
    Trigger("BackupVault", _usable, _rules_of_vault),
    Trigger("DiskBackupPolicy", _usable, lambda cache, policy: cache.find(RULES_BY_POLICY, policy.name)),
    Trigger("DiskRestore", _restoring, _vault_of_restore),
    Trigger("DiskRestore", _ended, lambda _, restore: [Key("DiskRestore", restore.namespace, restore.name)]),
    Trigger("Namespace", _everything, lambda cache, namespace: cache.find(RESTORES_BY_NAMESPACE, namespace.name)),
    Trigger("PersistentVolumeClaim", _binding, _restores_of_claim),
    Trigger("PersistentVolume", _everything, lambda cache, volume: cache.find(RESTORES_BY_VOLUME, volume.name)),
    Trigger("Namespace", _everything, lambda cache, namespace: cache.find(DISKS_BY_NAMESPACE, namespace.name)),
    Trigger("PersistentVolumeClaim", _binding, _disks_of_claim),
    Trigger("PersistentVolume", _everything, _disks_of_volume),
)
