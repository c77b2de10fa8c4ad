"""Reasons of on-demand backups."""

from __future__ import annotations

from azdiskbackup.core.formatting import listing
from azdiskbackup.core.objects.restored import RESTORE_LABELS
from azdiskbackup.core.reason_catalog.entry import Meaning, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

OF_BACKUPS: dict[str, Meaning] = {
    reasons.COMPLETED: good(
        "The backup succeeded; `status.restorePoint` is its restore point. Of a DiskRestore: the data is there, as the "
        "PVC or the disk in `status`."
    ),
    reasons.DISK_OBJECT_NOT_FOUND: action_required(
        "The ProtectedDisk does not exist in the namespace.",
        "Create it: the operator continues automatically. If the name is wrong, delete this object and create another "
        "one.",
    ),
    reasons.RETENTION_RULE_MISSING: action_required(
        "The disk's policy does not have the retention rule that the backup names.",
        "Create another OnDemandBackup with a rule that the message lists.",
    ),
    reasons.WAITING_FOR_PROTECTION: in_progress(
        "The disk is not protected yet, or is being migrated to another policy.",
        "See `kubectl azdiskbackup describe NAME`. The backup starts once the disk is protected.",
    ),
    reasons.QUEUED: in_progress(
        "Another backup of the disk is ahead: one runs at a time, in the order of their creation.",
        "Wait until the backups in the message have ended.",
    ),
    reasons.DAILY_LIMIT_REACHED: in_progress(
        "Azure allows ten on-demand backups of a disk a day.",
        "Wait until the time in the message, or delete the object.",
    ),
    reasons.STARTING: in_progress(
        "The operator is requesting the backup or the restore; or the answer was lost, and it searches for the job.",
        "Wait. After a lost answer this takes some minutes: the operator never requests twice what may be running.",
    ),
    reasons.IN_PROGRESS: in_progress("The job runs.", "Wait; small disks take some minutes."),
    reasons.NOT_REPEATED: good(
        "A restore of manifests brought the object back: it carries one of the labels "
        f"{listing(list(RESTORE_LABELS))}. It has finished without a backup or a restore: `Succeeded` is False, since "
        "there is none, and nothing is left to do. To have one, create another object."
    ),
    reasons.FAILED: action_required(
        "The job failed; `status.error` has Azure's code, message and recommendation.",
        "Do what Azure recommends, then create another object. Of a DiskRestore, a PVC that waits may be deleted.",
    ),
    reasons.TIMED_OUT: action_required(
        "The job has been running for more than a day, and the operator stopped following it.",
        "Check the job in Azure, and create another object to retry.",
    ),
}
