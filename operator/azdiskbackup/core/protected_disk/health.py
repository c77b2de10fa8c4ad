"""Whether backups happen as the schedule asks: the newest one good, and not too old."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.disk_backup_policy import Schedule
from azdiskbackup.core.formatting import clock_time
from azdiskbackup.core.objects.azure import JobHistory
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.verdicts import ConditionStatus, Finding
from azdiskbackup.core.schedule.backup_times import START_WINDOW, next_backup

# A job of which the length is not known yet.
USUAL_JOB_TIME = timedelta(minutes=30)


def backup_health(
    schedule: Schedule,
    jobs: JobHistory,
    since: datetime,
    last_success: datetime | None,
    now: datetime,
) -> Finding:
    """Return the condition BackupHealthy of a disk that is protected and active.

    Args:
        schedule: when backups should start.
        jobs: the jobs of the disk's instance.
        since: since when backups are taken by this schedule; none was due before.
        last_success: start of the newest good backup, also one that Azure no longer lists.
        now: the time at which the jobs were looked at.
    """
    due, limit = next_due(schedule, jobs, since, last_success)
    ended = jobs.ended_backup
    status: ConditionStatus = "False"
    if now > limit:
        reason = reasons.BACKUP_OVERDUE
        message = (
            f"The backup due at {clock_time(due)} is overdue: it was expected by {clock_time(limit)}. See the jobs in "
            "status."
        )
    elif ended is not None and not ended.succeeded:
        words = f" {ended.failure.words}" if ended.failure else ""
        reason = reasons.BACKUP_FAILED
        message = f"The backup of {clock_time(ended.start)} ended as {ended.status}.{words}"
    elif last_success is None:
        status, reason = "Unknown", reasons.NO_BACKUP_YET
        message = f"No backup was due yet. The first one starts at {clock_time(due)}."
    else:
        status, reason = "True", reasons.BACKUP_SUCCEEDED
        message = f"The backup of {clock_time(last_success)} succeeded."
    return Finding(reasons.BACKUP_HEALTHY, status, reason, message)


def next_due(
    schedule: Schedule, jobs: JobHistory, since: datetime, last_success: datetime | None
) -> tuple[datetime, datetime]:
    """Return when the first backup after the newest good one is due, and by when it must have succeeded."""
    return due_and_limit(schedule, [job.duration for job in jobs.recent if job.duration], since, last_success)


def due_and_limit(
    schedule: Schedule, took: Iterable[timedelta], since: datetime, last_success: datetime | None
) -> tuple[datetime, datetime]:
    """Return the same from how long backups took lately."""
    due = next_backup(schedule, max(since, last_success or since))
    return due, due + START_WINDOW + max([USUAL_JOB_TIME, *took])
