"""Reasons of restores."""

from __future__ import annotations

from azdiskbackup import errors
from azdiskbackup.core.reason_catalog.entry import Meaning, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

# Reasons of other kinds that restores have, too.
SHARED_BY_RESTORES = {
    errors.PermissionsMissing.reason,
    reasons.COMPLETED,
    reasons.CREATING,
    reasons.DISK_NOT_FOUND,
    reasons.DISK_OBJECT_NOT_FOUND,
    reasons.FAILED,
    reasons.GRANTED,
    reasons.GRANTING,
    reasons.IDENTITY_MISSING,
    reasons.IN_PROGRESS,
    reasons.LEADER_HANDOVER,
    reasons.NAMESPACE_NOT_ALLOWED,
    reasons.NOT_NEEDED,
    reasons.NOT_REPEATED,
    reasons.OWNED_ELSEWHERE,
    reasons.PASSED,
    reasons.RESOLVED,
    reasons.STARTING,
    reasons.TIMED_OUT,
    reasons.VALIDATING,
    reasons.VAULT_NOT_FOUND,
    reasons.VAULT_NOT_READY,
}

_ANOTHER = "Create another DiskRestore."

OF_RESTORES: dict[str, Meaning] = {
    reasons.RESTORED: good("The job succeeded, and the disk exists."),
    reasons.BOUND: good("The PVC is bound to the restored disk."),
    reasons.RESTORES_DISABLED: action_required(
        "Restores are switched off in this cluster, and the operator has no permission to create volumes.",
        "Ask the platform team to install the chart with `restore.enabled: true`.",
    ),
    reasons.RESOLVING: in_progress("The restore point is being chosen; it is chosen once.", "Wait a moment."),
    reasons.NO_RESTORE_POINT: action_required(
        "The disk has no restore point yet, none of the id that the object names, or none as old as it asks for.",
        "List those that there are: `kubectl azdiskbackup restore-points NAME`. Create another DiskRestore that names "
        "one; or wait for the first backup.",
    ),
    errors.RestorePointGone.reason: action_required(
        "The restore point expired before the restore was requested. Another one holds other data, so the operator "
        "does not choose one automatically.",
        _ANOTHER,
    ),
    errors.SnapshotGone.reason: action_required(
        "The snapshot behind the restore point was deleted or moved in Azure, by another client than Azure Backup.",
        "Restore another restore point. Find out which client deletes snapshots in the snapshot resource group."
        " Only Azure Backup may.",
    ),
    reasons.INSTANCE_NOT_FOUND: action_required(
        "The backup instance does not exist in the vault, or was deleted softly.",
        "Ask the platform team to undelete it (`az dataprotection backup-instance deleted-backup-instance undelete`), "
        "or correct the name in another DiskRestore.",
    ),
    reasons.TARGET_GROUP_NOT_CONFIGURED: action_required(
        "The vault names no resource group that takes restored disks of the disk's subscription.",
        "Ask the platform team to add one to the vault's `restoreResourceGroups`.",
    ),
    errors.RestoreGroupMissing.reason: action_required(
        "The resource group that is to take the restored disk does not exist.",
        "Create it, or set `create: true` for it in the vault's `restoreResourceGroups`.",
    ),
    reasons.TARGET_UNDERSPECIFIED: action_required(
        "The PVC or the volume of the source no longer exists, and a backup does not contain file system or storage "
        "class.",
        "Create another DiskRestore that sets the fields which the message names, or one without a PVC. A Block volume "
        "needs `volumeMode: Block` in place of `fsType`.",
    ),
    errors.TargetDiskExists.reason: action_required(
        "A disk of the name that this restore makes exists already, and a restore never replaces one.", _ANOTHER
    ),
    reasons.CLAIM_EXISTS: action_required(
        "A PVC of the wanted name exists, and nothing that exists is touched.",
        "Create another DiskRestore with another name, or delete that PVC.",
    ),
    reasons.CLAIM_DELETED: action_required(
        "The PVC was deleted while the disk was being restored. A disk that is restored already stays, with its tags.",
        _ANOTHER,
    ),
    reasons.VOLUME_EXISTS: action_required(
        "Another PersistentVolume is for the restored disk already: two for one disk lose data.",
        "Delete that PersistentVolume. The operator continues automatically.",
    ),
    reasons.BIND_PENDING: in_progress(
        "The PVC waits for its volume, until the disk is restored and Kubernetes has bound the two.",
        "Wait. If the disk is restored and it stays, see `kubectl describe pvc NAME`.",
    ),
    errors.NamespaceQuotaExceeded.reason: action_required(
        "A ResourceQuota of the namespace refuses the PVC. No request was sent to Azure.",
        "Raise the quota, or delete what is not needed. The operator retries at least once an hour.",
    ),
    errors.AdmissionDenied.reason: action_required(
        "An admission webhook or policy of the cluster refuses the PVC or its volume; the message has its words.",
        "Do what the message says, or ask the owner of the policy. The operator retries at least once an hour.",
    ),
}
