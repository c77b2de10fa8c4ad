"""The status of a protected disk, rebuilt from what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.base import AzureErrorStatus
from azdiskbackup.api.v1alpha1.protected_disk import (
    RECENT_JOBS,
    RECENT_RESTORE_POINTS,
    DiskStatus,
    JobsStatus,
    JobStatus,
    LastBackupStatus,
    ProtectedDiskStatus,
    RestorePointsStatus,
    RestorePointStatus,
)
from azdiskbackup.core import conditions, reasons
from azdiskbackup.core.arm_ids import same_id
from azdiskbackup.core.azure_model import (
    AzureDisk,
    AzureFailure,
    AzureInstance,
    AzureJob,
    AzureRestorePoint,
)
from azdiskbackup.core.claims import ClaimedDisk
from azdiskbackup.core.policy_view import PolicyView
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.health import backup_health
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.steps import Step
from azdiskbackup.core.resource import Resource, parse_status
from azdiskbackup.core.schedule import next_backup
from azdiskbackup.core.verdicts import Finding, Plan

JOB_HISTORY = timedelta(days=7)
_READY = {
    "Active": (reasons.ACTIVE, "Azure Backup protects the disk."),
    "Suspended": (reasons.SUSPENDED, "Backups are suspended; old ones expire by the policy."),
    "Stopped": (reasons.STOPPED, "Protection is stopped; restore points are kept."),
}


def status(resource: Resource, want: Desired, seen: Observed, plan: Plan[Step], now: datetime) -> ProtectedDiskStatus:
    """Return the status after a pass; what was not looked at this time stays as it was."""
    before = parse_status(ProtectedDiskStatus, resource)
    update: dict[str, object] = {"observed_generation": resource.generation}
    if isinstance(seen.policy, PolicyView):
        update |= {"policy": seen.policy.name, "vault": seen.policy.vault}
    if isinstance(seen.disk, AzureDisk):
        update["disk"] = _disk(seen.disk, seen)
    if isinstance(seen.instance, AzureInstance):
        update |= {
            "backup_instance_id": str(seen.instance.id),
            "protection_state": seen.instance.state,
            "policy_id": seen.instance.policy_id,
        }
    if isinstance(seen.jobs, tuple) and (seen.jobs or before.jobs):
        # No job at all is no news, and a write for every new disk.
        update |= _jobs(seen.jobs, before, now)
    if isinstance(seen.restore_points, tuple):
        update["restore_points"] = _restore_points(seen.restore_points, now)
    after = before.model_copy(update=update)
    active = plan.ready and want.spec.protection == "Active" and not want.deleting
    due = None
    if active and isinstance(seen.policy, PolicyView) and seen.policy.in_force:
        due = next_backup(seen.policy.schedule, now)
    findings = conditions.summary(plan, *_READY[want.spec.protection])
    if not want.deleting:
        findings.insert(len(plan.findings), _health(want, seen, after, now, active=active))
    return after.model_copy(
        update={
            "next_backup_time": due,
            "conditions": conditions.build(findings, before.conditions, resource.generation, now),
        }
    )


def _health(want: Desired, seen: Observed, after: ProtectedDiskStatus, now: datetime, *, active: bool) -> Finding:
    if not active or not isinstance(seen.policy, PolicyView) or not seen.policy.in_force:
        return Finding(
            reasons.BACKUP_HEALTHY,
            "Unknown",
            reasons.NOT_YET_KNOWN,
            "Backups are looked at while the disk is protected, by a policy that Azure has as it is written.",
        )
    if isinstance(seen.instance, AzureInstance) and not same_id(seen.instance.policy_id, seen.policy.id or ""):
        return Finding(
            reasons.BACKUP_HEALTHY,
            "Unknown",
            reasons.NOT_YET_KNOWN,
            f"The disk has yet to move to the policy {seen.policy.name} as it is written now.",
        )
    return backup_health(
        seen.policy.schedule,
        seen.jobs if isinstance(seen.jobs, tuple) else (),
        want.protected_since or now,
        after.last_successful_backup_time,
        now,
    )


def _disk(disk: AzureDisk, seen: Observed) -> DiskStatus:
    volume = seen.claim.volume if isinstance(seen.claim, ClaimedDisk) else ""
    return DiskStatus(
        id=str(disk.id),
        name=disk.id.name,
        size_gib=disk.size_gib,
        sku=disk.sku,
        location=disk.location,
        persistent_volume=volume or None,
    )


def _jobs(jobs: Sequence[AzureJob], before: ProtectedDiskStatus, now: datetime) -> dict[str, object]:
    recent = [job for job in jobs if job.start > now - JOB_HISTORY]
    backups = [job for job in jobs if job.is_backup]
    good = [job.start for job in backups if job.succeeded]
    known = [when for when in (before.last_successful_backup_time, *good) if when is not None]
    return {
        "jobs": JobsStatus(
            completed=sum(job.succeeded for job in recent),
            failed=sum(not job.running and not job.succeeded for job in recent),
            in_progress=sum(job.running for job in recent),
            recent=[_job(job) for job in recent[:RECENT_JOBS]],
        ),
        "last_backup": _last_backup(backups[0]) if backups else before.last_backup,
        "last_successful_backup_time": max(known, default=None),
    }


def _job(job: AzureJob) -> JobStatus:
    return JobStatus(
        id=job.id,
        operation=job.operation,
        status=job.status,
        type=job.type,
        start_time=job.start,
        end_time=job.end,
        duration_seconds=_seconds(job.duration),
        error=error_status(job.failure),
    )


def _last_backup(job: AzureJob) -> LastBackupStatus:
    return LastBackupStatus(
        job_id=job.id,
        status=job.status,
        type=job.type,
        start_time=job.start,
        end_time=job.end,
        duration_seconds=_seconds(job.duration) if job.end else None,
    )


def _seconds(duration: timedelta | None) -> int | None:
    return round(duration.total_seconds()) if duration is not None else None


def error_status(failure: AzureFailure | None) -> AzureErrorStatus | None:
    """Return an error of Azure in the form of the status."""
    if failure is None:
        return None
    return AzureErrorStatus(
        code=failure.code[:1024],
        message=failure.message[:8192],
        recommended_action=failure.action[:8192] if failure.action else None,
    )


def _restore_points(points: Sequence[AzureRestorePoint], now: datetime) -> RestorePointsStatus:
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


def newest_restore_point_expected(before: ProtectedDiskStatus, jobs: Sequence[AzureJob]) -> bool:
    """Return whether a restore point is known to exist that the list in status does not have."""
    ends = [job.end for job in jobs if job.is_backup and job.succeeded and job.end is not None]
    observed = before.restore_points.observed_time if before.restore_points else None
    return bool(ends) and (observed is None or max(ends) > observed)
