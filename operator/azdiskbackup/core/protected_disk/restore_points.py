"""What status shows of restore points: when they are read, what of that expires, and what jobs tell since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.protected_disk import (
    RECENT_RESTORE_POINTS,
    ProtectedDiskStatus,
    RestorePointsStatus,
    RestorePointStatus,
)
from azdiskbackup.core.objects.azure import STATES_OF_MODE, AzureJob, AzureRestorePoint, JobHistory

# A restore point is taken so soon after the start of its job.
ONE_BACKUP = timedelta(minutes=30)
# So many that were computed are checked by a read.
CHECKED_AFTER = 12
# Resource Graph rounds the time of a restore point.
SAME_POINT = timedelta(seconds=1)


def last_success(known: ProtectedDiskStatus) -> datetime | None:
    """Return when the newest good backup was taken: as its job says, or its restore point if the job was not seen."""
    job = known.last_successful_backup_time
    point = known.restore_points.newest if known.restore_points is not None else None
    return point if point is not None and (job is None or point > job + ONE_BACKUP) else job


def made_since(known: RestorePointsStatus, jobs: JobHistory) -> list[AzureJob]:
    """Return the jobs that made restore points after these were read, and name them."""
    ids = {_id(point.id) for point in known.recent}
    return [
        job
        for job in jobs.recent
        if _is_newer(job, known) and job.restore_point_id is not None and _id(job.restore_point_id) not in ids
    ]


def _is_newer(job: AzureJob, known: RestorePointsStatus) -> bool:
    return job.succeeded and job.end is not None and job.end > known.observed_time


def _id(point: str) -> str:
    # Written with hyphens and without them.
    return point.replace("-", "").lower()


def listed(points: Sequence[AzureRestorePoint], now: datetime) -> RestorePointsStatus:
    """Return the restore points as status shows them, from all that Azure lists."""
    newest_first = sorted(points, key=lambda point: point.time, reverse=True)
    return RestorePointsStatus(
        count=len(newest_first),
        oldest=newest_first[-1].time if newest_first else None,
        newest=newest_first[0].time if newest_first else None,
        recent=[
            RestorePointStatus(
                id=point.id,
                time=point.time,
                expiry_time=point.expiry,
                retention_rule=point.retention_rule,
                type=point.type,
            )
            for point in newest_first[:RECENT_RESTORE_POINTS]
        ],
        observed_time=now.replace(microsecond=0),
    )


def unexpired(known: RestorePointsStatus, state: str, now: datetime) -> RestorePointsStatus:
    """Return what is left of the restore points that were listed: when each expires was said then.

    Where status does not show all of them they stay, until they are listed again; see ``hides_expired``.

    Args:
        known: the points as they were listed.
        state: Azure's state of the protection.
        now: the time.
    """
    gone = _expiring(known, state, before=now)
    if not gone or known.count > len(known.recent):
        return known
    left = [point for point in known.recent if point not in gone]
    return known.model_copy(update={"count": len(left), "oldest": left[-1].time, "recent": left})


def hides_expired(before: ProtectedDiskStatus, now: datetime) -> bool:
    """Return whether points have expired, and older ones with them that status does not show: they are listed anew."""
    known = before.restore_points
    if known is None or known.count <= len(known.recent):
        return False
    return bool(_expiring(known, before.protection_state or "", before=now))


def next_expiry(known: RestorePointsStatus | None, state: str, now: datetime) -> datetime | None:
    """Return when the next restore point expires of a disk that gets no new ones, with which it would be noticed."""
    if known is None or state.lower() not in STATES_OF_MODE["Suspended"]:
        return None
    ends = (point.expiry_time for point in _expiring(known, state))
    return min((end for end in ends if end is not None and end > now), default=None)


def _expiring(known: RestorePointsStatus, state: str, before: datetime | None = None) -> list[RestorePointStatus]:
    """Return those that expire: never the newest one, which Azure keeps, nor any while protection is stopped."""
    if state.lower() in STATES_OF_MODE["Stopped"]:
        return []
    ends = ((point, point.expiry_time) for point in known.recent[1:])
    return [point for point, end in ends if end is not None and (before is None or end <= before)]


def none_since(when: datetime | None) -> RestorePointsStatus | None:
    """Return the restore points of an instance that had none at a time; None where that is not known."""
    return None if when is None else listed((), when)


def is_read_due(
    known: RestorePointsStatus | None, jobs: JobHistory, newest: datetime | None, now: datetime, every: timedelta
) -> bool:
    """Return whether the restore points have to be read: the jobs do not tell of all, or have told of many.

    Args:
        known: the restore points so far; None while nothing is known.
        jobs: the jobs of the disk's instance.
        newest: when the newest restore point was taken, as far as the sweep knows.
        now: the time.
        every: how long there is from one scheduled backup to the next.
    """
    if known is None:
        return newest is not None or any(job.succeeded and job.end is not None for job in jobs.recent)
    made = made_since(known, jobs)
    computed = len(made) + sum(bool(point.computed) for point in known.recent)
    if computed >= CHECKED_AFTER or (computed and now >= known.observed_time + CHECKED_AFTER * every):
        return True
    if any(_is_newer(job, known) and job.restore_point_id is None for job in jobs.recent):
        return True
    if newest is None or (known.newest is not None and newest <= known.newest + SAME_POINT):
        return False
    # An index may show the restore point before it shows the end of its job.
    told = {_id(point.id) for point in known.recent}
    tell = (job for job in jobs.recent if job.running or job in made or _id(job.restore_point_id or "") in told)
    return not any(job.start <= newest + SAME_POINT and newest <= job.start + ONE_BACKUP for job in tell)
