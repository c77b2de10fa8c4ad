"""Whether backups happen as the schedule asks: the newest one good, and not too old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

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


def unattended(conditions: Sequence[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]] | None:
    """Return the conditions of a ProtectedDisk from when the operator is uninstalled; None where nothing changes.

    Nobody looks whether backups succeed from then on. It is False, and not Unknown as before the first backup: whoever
    reads the status alone, as Argo CD and Flux do, must not read it as good. All others stay: they are what the next
    installation knows.

    Args:
        conditions: as they are in status.
        now: the time of the uninstallation.
    """
    before = next((each for each in conditions if each.get("type") == reasons.BACKUP_HEALTHY), None)
    if before is None or before.get("reason") == reasons.OPERATOR_UNINSTALLED:
        return None
    after = {
        **before,
        "status": "False",
        "reason": reasons.OPERATOR_UNINSTALLED,
        "message": f"The operator was uninstalled at {clock_time(now)}: whether backups succeed is no longer checked. "
        "Azure continues them.",
    }
    if before.get("status") != after["status"]:
        after["lastTransitionTime"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    return [after if each is before else each for each in conditions]


def next_due(
    schedule: Schedule, jobs: JobHistory, since: datetime, last_success: datetime | None
) -> tuple[datetime, datetime]:
    """Return when the first backup after the newest good one is due, and by when it must have succeeded."""
    return due_and_limit(schedule, [job.duration for job in jobs.recent if job.duration], since, last_success)


def next_job_due(
    schedule: Schedule, jobs: JobHistory, since: datetime, last_success: datetime | None
) -> tuple[datetime, datetime]:
    """Return when the first backup after the newest one is due, and by when its job shows, however it ends."""
    return next_due(schedule, jobs, max([since, *(job.start for job in jobs.recent[:1])]), last_success)


def due_and_limit(
    schedule: Schedule, took: Iterable[timedelta], since: datetime, last_success: datetime | None
) -> tuple[datetime, datetime]:
    """Return the same from how long backups took lately."""
    due = next_backup(schedule, max(since, last_success or since))
    return due, due + START_WINDOW + max([USUAL_JOB_TIME, *took])
