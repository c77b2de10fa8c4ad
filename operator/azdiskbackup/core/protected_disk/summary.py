"""What somebody who watches many disks wants to know of each: a few words and times, no ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.azure import is_running, succeeded
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.health import due_and_limit
from azdiskbackup.core.protected_disk.restore_points import last_success
from azdiskbackup.core.rules import reasons

_GIB = 1024**3
# The part of Azure's limit of snapshots above which somebody should know.
NEAR_LIMIT = 0.9


@dataclass(frozen=True, slots=True)
class DiskSummary:
    """A disk from far away.

    Attributes:
        policy: the policy that it names; vault likewise, empty while no policy of that name is known.
        mode: Active, Suspended or Stopped, as it is wanted.
        reason: that of Ready, empty while nobody looked.
        stalled: whether nothing goes on until somebody edits something.
        protected: whether Azure says so.
        created: when the object was made; all times are seconds since the epoch, None where there is none.
        last_failure: end of the newest of the last seven days' backups that failed.
        next_backup: when the next scheduled backup is due.
        expected_by: when the next good backup must be there at the latest, given Azure's start window and how long
            backups took; in the past it is overdue.
        restore_points: how many there are.
        other_snapshots: how many snapshots of it others took; None if none is known.
        size_bytes: size of the disk.
    """

    policy: str
    vault: str
    mode: str
    reason: str
    stalled: bool
    protected: bool
    created: float
    last_success: float | None
    last_failure: float | None
    next_backup: float | None
    expected_by: float | None
    restore_points: int | None
    size_bytes: int | None
    other_snapshots: int | None = None


def summary(resource: Resource, policy: PolicyView | None) -> DiskSummary:
    """Return what is told of a disk.

    Args:
        resource: the ProtectedDisk; its status may be missing or written by hand.
        policy: the policy that it names, None if there is none that can be read.
    """
    known = parse_status(ProtectedDiskStatus, resource)
    jobs = known.jobs.recent if known.jobs is not None else []
    failures = [job.end_time for job in jobs if not is_running(job.status, job.end_time) and not succeeded(job.status)]
    good = last_success(known)
    expected = None
    # After an edit of the policy a disk keeps the old schedule until it has moved.
    moved = policy is not None and same_id(known.policy_id or "", policy.id or "")
    if known.active_since is not None and policy is not None and policy.in_force and moved:
        took = [timedelta(seconds=job.duration_seconds) for job in jobs if job.duration_seconds is not None]
        expected = due_and_limit(policy.schedule, took, known.active_since, good)[1]
    disk, points = known.disk, known.restore_points
    return DiskSummary(
        policy=str(resource.spec["policyRef"]["name"]),
        vault=policy.vault if policy is not None else "",
        mode=str(resource.spec.get("protection", "Active")),
        reason=str(resource.condition(reasons.READY).get("reason", "")),
        stalled=resource.condition(reasons.STALLED).get("status") == "True",
        protected=resource.condition(reasons.PROTECTED).get("status") == "True",
        created=resource.created.timestamp(),
        last_success=_seconds(good),
        last_failure=_seconds(max((each for each in failures if each is not None), default=None)),
        next_backup=_seconds(known.next_backup_time),
        expected_by=_seconds(expected),
        restore_points=points.count if points is not None else None,
        size_bytes=disk.size_gib * _GIB if disk is not None and disk.size_gib is not None else None,
        other_snapshots=disk.other_snapshots if disk is not None else None,
    )


def needs_attention(disk: DiskSummary, now: float, snapshot_limit: int) -> bool:
    """Return whether any alert may be about a disk.

    Args:
        disk: it.
        now: the time, in seconds since the epoch.
        snapshot_limit: how many snapshots of a disk Azure keeps.
    """
    lacks_roles = disk.reason == reasons.WAITING_FOR_PERMISSIONS
    failed = disk.last_failure is not None and disk.last_failure > (disk.last_success or 0)
    overdue = disk.expected_by is not None and now > disk.expected_by
    snapshots = (disk.restore_points or 0) + (disk.other_snapshots or 0)
    is_full = snapshots > NEAR_LIMIT * snapshot_limit
    return disk.stalled or not disk.protected or lacks_roles or failed or overdue or is_full


def _seconds(when: datetime | None) -> float | None:
    return when.timestamp() if when is not None else None
