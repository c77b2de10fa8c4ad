"""Reasons of on-demand backups."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog.entry import BACKUP, ReasonEntry, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

_B = (BACKUP,)

OF_BACKUPS: tuple[ReasonEntry, ...] = (
    good(reasons.COMPLETED, _B, "The backup succeeded; `status.restorePoint` is its restore point."),
    action_required(
        reasons.DISK_OBJECT_NOT_FOUND,
        _B,
        "The ProtectedDisk does not exist in the namespace.",
        "Create it: the operator continues automatically. If the name is wrong, delete this object and create another "
        "one.",
    ),
    action_required(
        reasons.RETENTION_RULE_MISSING,
        _B,
        "The disk's policy does not have the retention rule that the backup names.",
        "Create another OnDemandBackup with a rule that the message lists.",
    ),
    in_progress(
        reasons.WAITING_FOR_PROTECTION,
        _B,
        "The disk is not protected yet, or is being migrated to another policy.",
        "See `kubectl azdiskbackup describe NAME`. The backup starts once the disk is protected.",
    ),
    in_progress(
        reasons.QUEUED,
        _B,
        "Another backup of the disk is ahead: one runs at a time, in the order of their creation.",
        "Wait until the backups in the message have ended.",
    ),
    in_progress(
        reasons.DAILY_LIMIT_REACHED,
        _B,
        "Azure allows ten on-demand backups of a disk a day.",
        "Wait until the time in the message, or delete the object.",
    ),
    in_progress(
        reasons.STARTING,
        _B,
        "The operator is requesting the backup; or the answer was lost, and it searches for the job.",
        "Wait. After a lost answer this takes some minutes: the operator never requests a backup twice.",
    ),
    in_progress(reasons.IN_PROGRESS, _B, "The job runs.", "Wait; small disks take some minutes."),
    action_required(
        reasons.FAILED,
        _B,
        "The job failed; `status.error` has Azure's code, message and recommendation.",
        "Do what Azure recommends, then create another OnDemandBackup.",
    ),
    action_required(
        reasons.TIMED_OUT,
        _B,
        "The job has been running for more than a day, and the operator stopped following it.",
        "Check the job in Azure, and create another OnDemandBackup to retry.",
    ),
)
