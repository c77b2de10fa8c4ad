"""Reasons of on-demand backups."""

from __future__ import annotations

from azdiskbackup.core import reasons
from azdiskbackup.core.explanations.explanation import BACKUP, Explanation, goes_on, good, yours

_B = (BACKUP,)

OF_BACKUPS: tuple[Explanation, ...] = (
    good(reasons.COMPLETED, _B, "The backup succeeded; `status.restorePoint` is what it made."),
    yours(
        reasons.DISK_OBJECT_NOT_FOUND,
        _B,
        "There is no ProtectedDisk of that name in the namespace.",
        "Create it: the backup goes on by itself. If the name is wrong, delete this object and create another one.",
    ),
    yours(
        reasons.RETENTION_RULE_MISSING,
        _B,
        "The disk's policy does not have the retention rule that the backup names.",
        "Create another OnDemandBackup with a rule that the message lists.",
    ),
    goes_on(
        reasons.WAITING_FOR_PROTECTION,
        _B,
        "The disk is not protected yet, or moves to another policy.",
        "Look at the disk: `kubectl azdiskbackup describe NAME`. The backup starts when it is protected.",
    ),
    goes_on(
        reasons.QUEUED,
        _B,
        "Another backup of the disk comes first: one of a disk runs at a time, in the order of their creation.",
        "Wait until those that the message names have ended.",
    ),
    goes_on(
        reasons.DAILY_LIMIT_REACHED,
        _B,
        "Azure takes ten on-demand backups of a disk a day.",
        "Wait until the time in the message, or delete the object.",
    ),
    goes_on(
        reasons.STARTING,
        _B,
        "Azure is asked for the backup, or its answer was lost and the job is looked for.",
        "Wait. A lost answer takes some minutes: the backup is never asked for twice.",
    ),
    goes_on(reasons.IN_PROGRESS, _B, "The job runs.", "Wait; small disks take some minutes."),
    yours(
        reasons.FAILED,
        _B,
        "The job failed; Azure's code, words and advice are in `status.error`.",
        "Do what Azure recommends, then create another OnDemandBackup.",
    ),
    yours(
        reasons.TIMED_OUT,
        _B,
        "The job has run for more than a day and is followed no longer.",
        "Look at the job in Azure, and create another OnDemandBackup to try again.",
    ),
)
