"""Reasons of protected disks."""

from __future__ import annotations

from azdiskbackup import errors
from azdiskbackup.core.reason_catalog.entry import Meaning, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

OF_DISKS: dict[str, Meaning] = {
    reasons.ACTIVE: good("Azure Backup protects the disk with the policy that the object names."),
    reasons.SUSPENDED: good(
        "`protection: Suspended`: no new backups; restore points expire by the policy, except the newest, which Azure "
        "keeps, and bills, until it is deleted."
    ),
    reasons.STOPPED: good("`protection: Stopped`: no new backups, and nothing expires."),
    reasons.RESOLVED: good(
        "The PVC resolves to a disk that is eligible for backup. Of a DiskRestore: the restore point is chosen."
    ),
    reasons.PASSED: good("Azure validated the disk for backup, or the restore."),
    reasons.NOT_NEEDED: good(
        "Not needed: the disk already has a backup instance, the restore has no PVC, or the vault's roles are assigned "
        "elsewhere."
    ),
    reasons.PROTECTION_CONFIGURED: good("Azure reports the disk as protected in the desired mode."),
    reasons.BACKUP_SUCCEEDED: good("The newest backup succeeded, and none is overdue."),
    # --- what the object names --------------------------------------------------------------------
    reasons.NAMESPACE_NOT_ALLOWED: action_required(
        "The vault does not allow this namespace, or does not allow it to name disks by ARM id, or to "
        "restore. A disk that was protected before stays protected.",
        "Ask the platform team to label the namespace as the vault's `access` requires, or use a policy of another "
        "vault.",
    ),
    reasons.DUPLICATE_PROTECTED_DISK: action_required(
        "An older ProtectedDisk protects the same PVC or disk.", "Delete one of the two."
    ),
    reasons.CLAIM_NOT_FOUND: action_required(
        "The PVC does not exist in the namespace. A disk that was protected before is still backed up.",
        "Create the PVC, or delete this object: its `deletionPolicy` decides about the restore points.",
    ),
    reasons.CLAIM_NOT_BOUND: in_progress(
        "The PVC has no volume yet, or its volume belongs to another claim.",
        "With `volumeBindingMode: WaitForFirstConsumer` it is bound when a pod uses it. Otherwise see `kubectl "
        "describe pvc NAME`.",
    ),
    reasons.NOT_AN_AZURE_DISK: action_required(
        "The volume is not provided by disk.csi.azure.com: only managed disks of Azure can be protected.",
        "Use another tool for this volume (Azure Files has its own backup), and delete this object.",
    ),
    reasons.DISK_CHANGED: action_required(
        "The PVC was recreated and resolves to another disk than the one that this object protects. The operator never "
        "switches silently; the restore points of the old disk are kept.",
        "Run the command in the condition's message: the object then protects the new disk, and the old one stays in "
        "`status.earlierDisks` with its restore points (`kubectl azdiskbackup restore NAME --earlier-disk DISK`). Or "
        "create another object for the new disk, and let this one stay.",
    ),
    reasons.FOLLOWING_PVC: in_progress(
        "The PVC was recreated with another disk, and the annotation `azdiskbackup.io/follow-pvc` names that PVC: the "
        "object protects its disk from now on. Backups of the earlier disk end first. Its restore points are kept; "
        "with `deletionPolicy: Suspend` they expire.",
        "Nothing. The earlier disk is in `status.earlierDisks` afterwards.",
    ),
    reasons.DISK_NOT_FOUND: action_required(
        "The disk does not exist in Azure, or the operator may not read it. Restore points are kept.",
        "If the disk was deleted, restore it, or delete this object. If it exists, assign the role Reader on its "
        "resource group to the operator's identity.",
    ),
    reasons.REGION_MISMATCH: action_required(
        "Disk and vault are in different regions, which Azure does not allow.",
        "Name a policy of a vault in the disk's region, in a new object.",
    ),
    reasons.NO_SNAPSHOT_GROUP: action_required(
        "The vault has no snapshot resource group in the disk's subscription, where Azure keeps its snapshots.",
        "Ask the platform team to add one to the vault's `snapshotResourceGroups`.",
    ),
    reasons.DISK_IN_SNAPSHOT_GROUP: action_required(
        "The disk is in the resource group in which the vault keeps snapshots.",
        "Use a vault whose snapshot resource group is another one.",
    ),
    reasons.OWNED_ELSEWHERE: action_required(
        "The disk is already protected by another object, another cluster or another tool; Azure protects a disk only "
        "once. Azure Policy is such a tool: its built-in definitions *Configure backup for Azure Disks (Managed "
        "Disks)* back up disks that have a certain tag, or lack it.",
        "End the protection where the message says. The operator continues automatically. Where an Azure Policy made "
        "it, exempt the disk or its resource group first, or give it the tag by which the assignment leaves it out.",
    ),
    reasons.VAULT_MISMATCH: action_required(
        "`policyRef` names a policy of another vault than the one that protects the disk.",
        "Name a policy of the same vault. To change the vault, delete this object and create another one once the old "
        "backup instance no longer exists.",
    ),
    # --- provisioning
    reasons.VALIDATING: in_progress("Azure is validating the disk, or the restore.", "Wait a minute."),
    errors.PermissionsMissing.reason: in_progress(
        "Azure refuses the vault's identity access to the disk, its snapshot resource group or the restore "
        "resource group: role assignments take up to 30 minutes to propagate.",
        "Wait until the time in the message. After 45 minutes the object is Stalled, and its message names the "
        "identity, the roles and the scopes to check.",
    ),
    reasons.CONFIGURING: in_progress("Azure is configuring protection.", "Wait a few minutes."),
    reasons.CHANGING_PROTECTION: in_progress(
        "The operator is changing the protection mode, or migrating the disk to the current version of its policy.",
        "Wait. Disks of an edited policy are migrated one after the other; the policy's `status.succession` counts "
        "them.",
    ),
    reasons.ADOPTING: in_progress(
        "The operator is adopting a backup instance without an owner that already protects the disk, with its backups.",
        "Wait a minute.",
    ),
    reasons.UNDELETING: in_progress(
        "The operator is undeleting the disk's soft-deleted backup instance, with its backups.", "Wait a few minutes."
    ),
    reasons.PROTECTION_ERROR: in_progress(
        "Azure failed to configure protection; the message has its code, its message and its recommendation.",
        "Do what Azure recommends. The operator asks Azure to retry, with increasing pauses.",
    ),
    reasons.UNKNOWN_STATE: in_progress(
        "Azure reports a protection state that this version does not know. The operator changes nothing.",
        "Check the backup instance in the portal, and upgrade the operator if there is a newer version.",
    ),
    reasons.WAITING_FOR_LIMITS: in_progress(
        "Many disks are in progress, and this one waits in the queue: the operator uses only its share of Azure's "
        "limits.",
        "Wait. `kubectl azdiskbackup status` counts the disks in progress.",
    ),
    reasons.LEADER_HANDOVER: in_progress(
        "Another replica was the leader until a moment ago, and its last requests may still arrive in Azure; until "
        "then the operator writes nothing.",
        "Wait a minute.",
    ),
    # --- backups ----------------------------------------------------------------------------------
    reasons.NO_BACKUP_YET: in_progress(
        "The disk is protected, and no backup was due yet.",
        "Wait until the time in the message, or start one now: `kubectl azdiskbackup backup NAME`.",
    ),
    reasons.BACKUP_FAILED: action_required(
        "The newest backup failed; the message has Azure's code and message.",
        "Do what Azure recommends. The next scheduled backup retries; to retry now: `kubectl azdiskbackup backup NAME "
        "--wait`.",
    ),
    reasons.BACKUP_OVERDUE: action_required(
        "No backup succeeded within the scheduled time, the two hours in which Azure may start it, and the time that "
        "backups take.",
        "Check the jobs: `kubectl azdiskbackup jobs NAME`. If there is none, Azure did not start one: check the backup "
        "instance in the portal and Azure's status page.",
    ),
    reasons.OPERATOR_UNINSTALLED: action_required(
        "The operator was uninstalled at the time in the message. Azure continues scheduled backups, and bills them; "
        "what this object says of them stays as it was then.",
        "Install the operator again: it continues with the same backup instance. Or look at the instance in the Azure "
        "portal.",
    ),
    reasons.DELETION_NOT_ALLOWED: action_required(
        "The object is being deleted with `deletionPolicy: Delete`, and the vault does not allow this namespace to "
        "delete restore points.",
        "Set `deletionPolicy` to Retain or Suspend, or ask the platform team to label the namespace as the vault's "
        "`access.deletionNamespaces` requires.",
    ),
}
