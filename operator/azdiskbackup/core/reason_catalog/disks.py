"""Reasons of protected disks."""

from __future__ import annotations

from azdiskbackup import errors
from azdiskbackup.core.reason_catalog.entry import DISK, ReasonEntry, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

_D = (DISK,)

OF_DISKS: tuple[ReasonEntry, ...] = (
    good(reasons.ACTIVE, _D, "Azure Backup protects the disk with the policy that the object names."),
    good(reasons.SUSPENDED, _D, "`protection: Suspended`: no new backups; restore points expire by the policy."),
    good(reasons.STOPPED, _D, "`protection: Stopped`: no new backups, and nothing expires."),
    good(reasons.RESOLVED, _D, "The PVC resolves to a disk that is eligible for backup."),
    good(reasons.PASSED, _D, "Azure validated the disk for backup."),
    good(reasons.NOT_NEEDED, _D, "The disk already has a backup instance, so no validation is needed."),
    good(reasons.PROTECTION_CONFIGURED, _D, "Azure reports the disk as protected in the desired mode."),
    good(reasons.BACKUP_SUCCEEDED, _D, "The newest backup succeeded, and none is overdue."),
    # --- what the object names --------------------------------------------------------------------
    action_required(
        reasons.NAMESPACE_NOT_ALLOWED,
        _D,
        "The vault does not allow this namespace, or does not allow it to name disks by ARM id. A disk that was "
        "protected before stays protected.",
        "Ask the platform team to label the namespace as the vault's `access` requires, or use a policy of another "
        "vault.",
    ),
    action_required(
        reasons.DUPLICATE_PROTECTED_DISK,
        _D,
        "An older ProtectedDisk protects the same PVC or disk.",
        "Delete one of the two.",
    ),
    action_required(
        reasons.CLAIM_NOT_FOUND,
        _D,
        "The PVC does not exist in the namespace. A disk that was protected before is still backed up.",
        "Create the PVC, or delete this object: its `deletionPolicy` decides about the restore points.",
    ),
    in_progress(
        reasons.CLAIM_NOT_BOUND,
        _D,
        "The PVC has no volume yet, or its volume belongs to another claim.",
        "With `volumeBindingMode: WaitForFirstConsumer` it is bound when a pod uses it. Otherwise see `kubectl "
        "describe pvc NAME`.",
    ),
    action_required(
        reasons.NOT_AN_AZURE_DISK,
        _D,
        "The volume is not provided by disk.csi.azure.com: only managed disks of Azure can be protected.",
        "Use another tool for this volume (Azure Files has its own backup), and delete this object.",
    ),
    action_required(
        reasons.DISK_CHANGED,
        _D,
        "The PVC was recreated and resolves to another disk than the one that this object protects. The operator never "
        "switches silently; the restore points of the old disk are kept.",
        "Delete this object and create another one for the new disk. The old disk's backups stay in the vault: "
        "`kubectl azdiskbackup orphans` shows how to restore them.",
    ),
    action_required(
        reasons.DISK_NOT_FOUND,
        _D,
        "The disk does not exist in Azure, or the operator may not read it. Restore points are kept.",
        "If the disk was deleted, restore it, or delete this object. If it exists, assign the role Reader on its "
        "resource group to the operator's identity.",
    ),
    action_required(
        reasons.REGION_MISMATCH,
        _D,
        "Disk and vault are in different regions, which Azure does not allow.",
        "Name a policy of a vault in the disk's region, in a new object.",
    ),
    action_required(
        reasons.NO_SNAPSHOT_GROUP,
        _D,
        "The vault has no snapshot resource group in the disk's subscription, where Azure keeps its snapshots.",
        "Ask the platform team to add one to the vault's `snapshotResourceGroups`.",
    ),
    action_required(
        reasons.DISK_IN_SNAPSHOT_GROUP,
        _D,
        "The disk is in the resource group in which the vault keeps snapshots.",
        "Use a vault whose snapshot resource group is another one.",
    ),
    action_required(
        reasons.OWNED_ELSEWHERE,
        _D,
        "The disk is already protected by another object, another cluster or another tool; Azure protects a disk only "
        "once.",
        "End the protection where the message says. The operator continues automatically.",
    ),
    action_required(
        reasons.VAULT_MISMATCH,
        _D,
        "`policyRef` names a policy of another vault than the one that protects the disk.",
        "Name a policy of the same vault. To change the vault, delete this object and create another one once the old "
        "backup instance no longer exists.",
    ),
    # --- provisioning ------- --------------------------------------------------------------------
    in_progress(
        reasons.VALIDATING,
        _D,
        "Azure is validating the disk.",
        "Wait a minute.",
    ),
    in_progress(
        errors.PermissionsMissing.reason,
        _D,
        "Azure refuses the vault's identity access to the disk or to its snapshot resource group: role assignments "
        "take up to 30 minutes to propagate.",
        "Wait until the time in the message. After 45 minutes the object is Stalled, and its message names the "
        "identity, the roles and the scopes to check.",
    ),
    in_progress(
        reasons.CONFIGURING,
        _D,
        "Azure is configuring protection.",
        "Wait a few minutes.",
    ),
    in_progress(
        reasons.CHANGING_PROTECTION,
        _D,
        "The operator is changing the protection mode, or migrating the disk to the current version of its policy.",
        "Wait. Disks of an edited policy are migrated one after the other; the policy's `status.succession` counts "
        "them.",
    ),
    in_progress(
        reasons.ADOPTING,
        _D,
        "The operator is adopting a backup instance without an owner that already protects the disk, with its backups.",
        "Wait a minute.",
    ),
    in_progress(
        reasons.UNDELETING,
        _D,
        "The operator is undeleting the disk's soft-deleted backup instance, with its backups.",
        "Wait a few minutes.",
    ),
    in_progress(
        reasons.PROTECTION_ERROR,
        _D,
        "Azure failed to configure protection; the message has its code, its message and its recommendation.",
        "Do what Azure recommends. The operator asks Azure to retry, with increasing pauses.",
    ),
    in_progress(
        reasons.UNKNOWN_STATE,
        _D,
        "Azure reports a protection state that this version does not know. The operator changes nothing.",
        "Check the backup instance in the portal, and upgrade the operator if there is a newer version.",
    ),
    in_progress(
        reasons.WAITING_FOR_LIMITS,
        _D,
        "Many disks are in progress, and this one waits in the queue: the operator uses only its share of Azure's "
        "limits.",
        "Wait. `kubectl azdiskbackup status` counts the disks in progress.",
    ),
    in_progress(
        reasons.LEADER_HANDOVER,
        _D,
        "Another replica was the leader until a moment ago, and its last requests may still arrive in Azure; until "
        "then the operator writes nothing.",
        "Wait a minute.",
    ),
    # --- backups ----------------------------------------------------------------------------------
    in_progress(
        reasons.NO_BACKUP_YET,
        _D,
        "The disk is protected, and no backup was due yet.",
        "Wait until the time in the message, or start one now: `kubectl azdiskbackup backup NAME`.",
    ),
    action_required(
        reasons.BACKUP_FAILED,
        _D,
        "The newest backup failed; the message has Azure's code and message.",
        "Do what Azure recommends. The next scheduled backup retries; to retry now: `kubectl azdiskbackup backup NAME "
        "--wait`.",
    ),
    action_required(
        reasons.BACKUP_OVERDUE,
        _D,
        "No backup succeeded within the scheduled time, the two hours in which Azure may start it, and the time that "
        "backups take.",
        "Check the jobs: `kubectl azdiskbackup jobs NAME`. If there is none, Azure did not start one: check the backup "
        "instance in the portal and Azure's status page.",
    ),
    action_required(
        reasons.DELETION_NOT_ALLOWED,
        _D,
        "The object is being deleted with `deletionPolicy: Delete`, and the vault does not allow this namespace to "
        "delete restore points.",
        "Set `deletionPolicy` to Retain or Suspend, or ask the platform team to label the namespace as the vault's "
        "`access.deletionNamespaces` requires.",
    ),
)
