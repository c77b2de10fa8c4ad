"""Reasons of protected disks."""

from __future__ import annotations

from azdiskbackup import errors
from azdiskbackup.core.reason_catalog.entry import DISK, ReasonEntry, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

_D = (DISK,)

OF_DISKS: tuple[ReasonEntry, ...] = (
    good(reasons.ACTIVE, _D, "Azure Backup protects the disk, by the policy that the object names."),
    good(reasons.SUSPENDED, _D, "`protection: Suspended`: no new backups, old ones expire by the policy."),
    good(reasons.STOPPED, _D, "`protection: Stopped`: no new backups, and nothing expires."),
    good(reasons.RESOLVED, _D, "The PVC stands for a disk that can be protected."),
    good(reasons.PASSED, _D, "Azure has checked that it can back up the disk."),
    good(reasons.NOT_NEEDED, _D, "The disk already has a backup instance: there is nothing to check."),
    good(reasons.PROTECTION_CONFIGURED, _D, "Azure says that the disk is protected in the mode that is wanted."),
    good(reasons.BACKUP_SUCCEEDED, _D, "The newest backup is good, and not older than the schedule asks for."),
    # --- what the object names --------------------------------------------------------------------
    action_required(
        reasons.NAMESPACE_NOT_ALLOWED,
        _D,
        "The vault does not serve this namespace, or does not let it name disks by ARM id. A disk that was protected "
        "before stays protected.",
        "Ask the platform team to label the namespace as the vault's `access` asks, or use a policy of another vault.",
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
        "There is no PVC of that name in the namespace. Backups of a disk that was protected before go on.",
        "Create the PVC, or delete this object: its `deletionPolicy` decides about the restore points.",
    ),
    in_progress(
        reasons.CLAIM_NOT_BOUND,
        _D,
        "The PVC has no volume yet, or its volume belongs to another claim.",
        "With `volumeBindingMode: WaitForFirstConsumer` it is bound when a pod uses it. Otherwise see "
        "`kubectl describe pvc NAME`.",
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
        "The PVC was made again and stands for another disk than the one that this object protects. Nothing is "
        "switched silently; the restore points of the old disk are kept.",
        "Delete this object and create another one for the new disk. The old disk's backups stay in the vault: "
        "`kubectl azdiskbackup orphans` shows the way to them.",
    ),
    action_required(
        reasons.DISK_NOT_FOUND,
        _D,
        "The disk does not exist in Azure, or the operator may not see it. Restore points are kept.",
        "If the disk was deleted, restore it, or delete this object. If it exists, give the operator's identity the "
        "role Reader on its resource group.",
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
        "The disk is in the very resource group where the vault keeps snapshots.",
        "Use a vault whose snapshot resource group is another one.",
    ),
    action_required(
        reasons.OWNED_ELSEWHERE,
        _D,
        "Another object, another cluster or somebody by hand protects the disk already; Azure protects a disk only "
        "once.",
        "End the protection where the message says, and this goes on by itself.",
    ),
    action_required(
        reasons.VAULT_MISMATCH,
        _D,
        "`policyRef` names a policy of another vault than the one that protects the disk.",
        "Name a policy of the same vault. To change the vault, delete this object with its backups, or leave them "
        "and protect the disk anew after its old backup instance is gone.",
    ),
    # --- the way to protection --------------------------------------------------------------------
    in_progress(
        reasons.VALIDATING,
        _D,
        "Azure is checking whether it can back up the disk.",
        "Wait a minute.",
    ),
    in_progress(
        errors.PermissionsMissing.reason,
        _D,
        "Azure does not let the vault's identity read the disk or write its snapshots yet: new rights take up to 30 "
        "minutes to work.",
        "Wait until the time in the message. After 45 minutes the object is Stalled, and its message names the "
        "identity, the roles and the scopes to look at.",
    ),
    in_progress(
        reasons.CONFIGURING,
        _D,
        "Azure is configuring the protection.",
        "Wait a few minutes.",
    ),
    in_progress(
        reasons.CHANGING_PROTECTION,
        _D,
        "The disk changes its mode, or moves to the policy as it is written now.",
        "Wait. Disks of an edited policy move in their turn; the policy's `status.succession` tells how many have.",
    ),
    in_progress(
        reasons.ADOPTING,
        _D,
        "A backup instance that nobody owns already protects the disk and is being taken over, with its backups.",
        "Wait a minute.",
    ),
    in_progress(
        reasons.UNDELETING,
        _D,
        "The disk has a backup instance that was deleted softly; it is being brought back, with its backups.",
        "Wait a few minutes.",
    ),
    in_progress(
        reasons.PROTECTION_ERROR,
        _D,
        "Azure accepted the protection and then failed with it; its code, words and advice are in the message.",
        "Do what Azure recommends. It is asked to try again by itself, less and less often.",
    ),
    in_progress(
        reasons.UNKNOWN_STATE,
        _D,
        "Azure tells a state of the protection that this version does not know. Nothing is done on a guess.",
        "Look at the backup instance in the portal, and whether there is a newer version of the operator.",
    ),
    in_progress(
        reasons.WAITING_FOR_LIMITS,
        _D,
        "Many disks are on their way at once, and this one waits for its turn within our share of Azure's limits.",
        "Wait. `kubectl azdiskbackup status` tells how many are on their way.",
    ),
    in_progress(
        reasons.LEADER_HANDOVER,
        _D,
        "Another replica of the operator led a moment ago, and what it sent last may still arrive in Azure; until "
        "then nothing is written.",
        "Wait a minute.",
    ),
    # --- backups ----------------------------------------------------------------------------------
    in_progress(
        reasons.NO_BACKUP_YET,
        _D,
        "The disk is protected, and no backup was due yet.",
        "Wait for the time in the message, or take one now: `kubectl azdiskbackup backup NAME`.",
    ),
    action_required(
        reasons.BACKUP_FAILED,
        _D,
        "The newest backup failed; Azure's code and words are in the message.",
        "Do what Azure recommends; the next scheduled backup tries again. To try now: `kubectl azdiskbackup backup "
        "NAME --wait`.",
    ),
    action_required(
        reasons.BACKUP_OVERDUE,
        _D,
        "No good backup came within the schedule's time, the two hours within which Azure may start it, and the time "
        "that backups take.",
        "Look at the jobs: `kubectl azdiskbackup jobs NAME`. If there is none, Azure did not start one: look at the "
        "backup instance in the portal and at Azure's status.",
    ),
    action_required(
        reasons.DELETION_NOT_ALLOWED,
        _D,
        "The object was deleted with `deletionPolicy: Delete`, and the vault does not let this namespace delete "
        "restore points.",
        "Set `deletionPolicy` to Retain or Suspend, or ask the platform team to label the namespace as the vault's "
        "`access.deletionNamespaces` asks.",
    ),
)
