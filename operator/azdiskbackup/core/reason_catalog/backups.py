"""Reasons of on-demand backups."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog.entry import BACKUP, ReasonEntry, action_required, good, in_progress
from azdiskbackup.core.rules import reasons

_B = (BACKUP,)

OF_BACKUPS: tuple[ReasonEntry, ...] = (
    good(reasons.COMPLETED, _B, "The backup succeeded; `status.restorePoint` is what it made."),
    action_required(
        reasons.DISK_OBJECT_NOT_FOUND,
        _B,
        "There is no ProtectedDisk of that name in the namespace.",
        "Create it: the backup goes on by itself. If the name is wrong, delete this object and create another one.",
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
        "The disk is not protected yet, or moves to another policy.",
        "Look at the disk: `kubectl azdiskbackup describe NAME`. The backup starts when it is protected.",
    ),
    in_progress(
        reasons.QUEUED,
        _B,
        "Another backup of the disk comes first: one of a disk runs at a time, in the order of their creation.",
        "Wait until those that the message names have ended.",
    ),
    in_progress(
        reasons.DAILY_LIMIT_REACHED,
        _B,
        "Azure takes ten on-demand backups of a disk a day.",
        "Wait until the time in the message, or delete the object.",
    ),
    in_progress(
        reasons.STARTING,
        _B,
        "Azure is asked for the backup, or its answer was lost and the job is looked for.",
        "Wait. A lost answer takes some minutes: the backup is never asked for twice.",
    ),
    in_progress(reasons.IN_PROGRESS, _B, "The job runs.", "Wait; small disks take some minutes."),
    action_required(
        reasons.FAILED,
        _B,
        "The job failed; Azure's code, words and advice are in `status.error`.",
        "Do what Azure recommends, then create another OnDemandBackup.",
    ),
    action_required(
        reasons.TIMED_OUT,
        _B,
        "The job has run for more than a day and is followed no longer.",
        "Look at the job in Azure, and create another OnDemandBackup to try again.",
    ),
)
