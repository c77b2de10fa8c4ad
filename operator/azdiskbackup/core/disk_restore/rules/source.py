"""Whose restore point it is, whether the namespace may have it, and which one."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from azdiskbackup.core.disk_restore.desired import Desired
from azdiskbackup.core.disk_restore.observed import Fact, NoRestorePoint, Observed
from azdiskbackup.core.disk_restore.steps import PinPoint, Step
from azdiskbackup.core.formatting import clock_time
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.jobs.attempt import IntentRecorded, NotStarted
from azdiskbackup.core.objects.azure import AzureInstance, AzureRestorePoint
from azdiskbackup.core.objects.resource import Invalid, selects, unreadable
from azdiskbackup.core.protected_disk.desired import NAMESPACE_UID_TAG
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS as DISK_OWNER_TAGS
from azdiskbackup.core.protected_disk.ownership import names
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.lookup import NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import act, fetched, looked_up, need, parked, satisfied, stalled, wait

Verdict: TypeAlias = verdicts.Verdict[Step]


def is_requested(observed: Observed) -> bool:
    """Return whether a request may have reached Azure: what hinders the next one does not matter then."""
    return not isinstance(observed.attempt, NotFetched | NotStarted | IntentRecorded)


def restores_enabled(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Without restores switched on the operator may create neither PVC nor volume; what runs already is followed."""
    if isinstance(observed.attempt, NotFetched):
        raise need(Fact.ATTEMPT)
    if is_requested(observed) or observed.is_enabled:
        return satisfied(reasons.RESOLVED, "Restores are switched on.")
    return stalled(
        reasons.RESTORES_DISABLED,
        "Restores are switched off in this cluster (`restore.enabled: false` of the chart). Ask the platform team to "
        "enable them.",
    )


def source_exists(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The ProtectedDisk, its backup instance and its vault must be known; not any more once the restore runs."""
    if is_requested(observed):
        return satisfied(reasons.RESOLVED, "The restore was requested.")
    if isinstance(observed.source, NotFound):
        return wait(
            reasons.DISK_OBJECT_NOT_FOUND,
            f"ProtectedDisk {desired.protected_disk!r} does not exist in the namespace {desired.namespace!r}. If it "
            "was deleted, restore by its backup instance (`source.backupInstance`).",
        )
    if observed.source is not None and observed.instance_id is None and desired.disk is not None:
        return wait(
            reasons.NO_RESTORE_POINT,
            f"The status of ProtectedDisk {desired.protected_disk!r} lists no disk {desired.disk!r} with a backup "
            f"instance. `kubectl get pdisk {desired.protected_disk} -o yaml` shows those that there are "
            "(`earlierDisks`).",
        )
    if observed.source is not None and observed.instance_id is None:
        return wait(
            reasons.NO_RESTORE_POINT,
            f"ProtectedDisk {desired.protected_disk!r} has no backup instance yet, so there is nothing to restore. See "
            f"`kubectl describe pdisk {desired.protected_disk}`.",
        )
    if isinstance(observed.vault, NotFound):
        named = desired.spec.source.backup_instance
        which = f"BackupVault {named.vault_ref.name!r}" if named else "The BackupVault of the backup instance"
        return wait(reasons.VAULT_NOT_FOUND, f"{which} does not exist. Ask the platform team to create it.")
    if isinstance(observed.vault, Invalid):
        return wait(reasons.VAULT_NOT_READY, unreadable("The BackupVault", observed.vault))
    if observed.vault.id is None or observed.instance_id is None:
        return wait(
            reasons.VAULT_NOT_READY,
            f"BackupVault {observed.vault.name!r} is not ready ({observed.vault.not_ready_reason}). The operator "
            "continues automatically once it is.",
        )
    return satisfied(reasons.RESOLVED, "The backup instance is known.")


def namespace_allowed(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Restoring is reading old data, so the vault says who may; it is asked again right before the request."""
    if is_requested(observed):
        return satisfied(reasons.RESOLVED, "The restore was requested.")
    vault, labels = observed.usable_vault, observed.namespace_labels
    needed = ["access.namespaces", "access.restoreNamespaces"]
    selectors = [vault.access.namespaces, vault.access.restore_namespaces]
    if desired.protected_disk is None:
        needed.append("access.restoreOrphanNamespaces")
        selectors.append(vault.access.restore_orphan_namespaces)
    for field, selector in zip(needed, selectors, strict=True):
        if not selects(selector, labels):
            return stalled(
                reasons.NAMESPACE_NOT_ALLOWED,
                f"BackupVault {vault.name!r} does not allow the namespace {desired.namespace!r} to restore this. Ask "
                f"the platform team to label the namespace as `{field}` requires.",
            )
    return satisfied(reasons.RESOLVED, "The namespace may restore.")


def instance_is_own(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """What a status or a spec names proves nothing: the tags of the backup instance say whose it is."""
    if is_requested(observed):
        return satisfied(reasons.RESOLVED, "The restore was requested.")
    instance = looked_up(observed.instance, Fact.INSTANCE)
    if isinstance(instance, NotFound):
        return stalled(
            reasons.INSTANCE_NOT_FOUND,
            "The backup instance does not exist in the vault, or is soft-deleted. Ask the platform team to undelete "
            "it; the operator continues automatically.",
        )
    assert isinstance(instance, AzureInstance), "it was fetched"
    if desired.protected_disk is not None:
        owner = (desired.owner[DISK_OWNER_TAGS[0]], desired.namespace, desired.protected_disk)
        if names(instance, owner, observed.namespace_uid):
            return satisfied(reasons.RESOLVED, "The backup instance is that of the ProtectedDisk.")
        return stalled(
            reasons.OWNED_ELSEWHERE,
            f"The status of ProtectedDisk {desired.protected_disk!r} names a backup instance that is not its own. See "
            f"`kubectl describe pdisk {desired.protected_disk}`.",
        )
    return _orphan(desired, observed, instance)


def _orphan(desired: Desired, observed: Observed, instance: AzureInstance) -> Verdict:
    """An instance may be restored where its tags place it, and nowhere else. One without tags is the platform's."""
    vault = observed.usable_vault
    cluster, namespace = (instance.tags.get(tag) for tag in DISK_OWNER_TAGS[:2])
    written = instance.tags.get(NAMESPACE_UID_TAG)
    mine = desired.owner[DISK_OWNER_TAGS[0]]
    is_here = namespace == desired.namespace
    # Of another cluster the namespace has another uid in any case; with the id of this one, the vault's owner vouches
    # that a namespace which was deleted and created again is still the same team's.
    is_adopted = cluster is not None and cluster in vault.access.adopt_from_clusters
    is_same = is_adopted or (cluster == mine and (written is None or written == observed.namespace_uid))
    if is_here and is_same:
        return satisfied(reasons.RESOLVED, "The tags of the backup instance name this namespace.")
    if not is_here or cluster is None:
        return stalled(
            reasons.OWNED_ELSEWHERE,
            "The tags of the backup instance do not name this namespace. Ask the platform team to restore it.",
        )
    whose = "a namespace of this name that was deleted" if cluster == mine else "another cluster"
    return stalled(
        reasons.OWNED_ELSEWHERE,
        f"The backup instance belongs to {whose}. Ask the platform team to name the cluster {cluster} in "
        f"`access.adoptFromClusters` of BackupVault {vault.name!r} until the restore has ended; the operator continues "
        "automatically.",
    )


def restore_point_pinned(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Which restore point it is gets decided once: what is newest changes while people wait."""
    recorded, instance = observed.recorded, observed.instance_id
    if is_requested(observed):
        return satisfied(reasons.RESOLVED, _pinned(observed))
    if recorded.point is not None and same_id(recorded.pinned, instance):
        return satisfied(reasons.RESOLVED, _pinned(observed))
    point = fetched(observed.point, Fact.RESTORE_POINT)
    if isinstance(point, NoRestorePoint):
        return _no_point(desired, point)
    assert isinstance(point, AzureRestorePoint) and instance is not None, "it was fetched"
    if point.expiry is not None and point.expiry <= now and desired.spec.restore_point is not None:
        return parked(reasons.RESTORE_POINT_EXPIRED, f"The restore point expired at {clock_time(point.expiry)}.")
    return act(
        PinPoint(observed.usable_vault.name, instance, point),
        reasons.RESOLVING,
        f"Restoring the restore point of {clock_time(point.time)}.",
        now,
    )


def _pinned(observed: Observed) -> str:
    when = observed.recorded.point_time
    return f"The restore point of {clock_time(when)} is restored." if when else "The restore point is chosen."


def _no_point(desired: Desired, found: NoRestorePoint) -> Verdict:
    wanted = desired.spec.restore_point
    if wanted is not None and wanted.id is not None:
        return stalled(
            reasons.NO_RESTORE_POINT,
            f"The disk has no restore point {wanted.id!r}, or it has expired. `kubectl azdiskbackup restore-points` "
            "lists those that there are.",
        )
    if wanted is not None and wanted.not_after is not None and found.oldest is not None:
        return stalled(
            reasons.NO_RESTORE_POINT,
            f"The oldest restore point was taken at {clock_time(found.oldest)}, after {clock_time(wanted.not_after)}. "
            "Create another DiskRestore with a later time.",
        )
    return wait(
        reasons.NO_RESTORE_POINT,
        "The disk has no restore point yet. The operator continues automatically once there is one.",
    )
