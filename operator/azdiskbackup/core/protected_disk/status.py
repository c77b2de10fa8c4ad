"""The status of a protected disk, rebuilt from what was seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.base import AzureErrorStatus
from azdiskbackup.api.v1alpha1.disk_backup_policy import Schedule
from azdiskbackup.api.v1alpha1.protected_disk import (
    DiskStatus,
    JobsStatus,
    JobStatus,
    LastBackupStatus,
    ProtectedDiskStatus,
)
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.azure import (
    NO_JOBS,
    STATES_OF_MODE,
    AzureDisk,
    AzureFailure,
    AzureInstance,
    AzureJob,
    JobHistory,
)
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.computed_points import known_restore_points
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.earlier_disks import change_over, without
from azdiskbackup.core.protected_disk.health import backup_health, next_due, next_job_due
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import disk_may_be_shown, may_be_shown
from azdiskbackup.core.protected_disk.restore_points import last_success
from azdiskbackup.core.protected_disk.steps import FollowPVC, Step
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import Finding, Plan
from azdiskbackup.core.schedule.backup_times import next_backup

RESTING = STATES_OF_MODE["Suspended"] | STATES_OF_MODE["Stopped"]
_OF_INSTANCE = ("backup_instance_id", "protection_state", "policy_id")
_READY = {
    "Active": (reasons.ACTIVE, "Azure Backup protects the disk."),
    "Suspended": (
        reasons.SUSPENDED,
        "Backups are suspended. Restore points expire by the policy, except the newest, which Azure keeps until it is "
        "deleted.",
    ),
    "Stopped": (reasons.STOPPED, "Protection is stopped. Restore points are kept."),
}


def build_status(
    resource: Resource, desired: Desired, observed: Observed, plan: Plan[Step], now: datetime
) -> ProtectedDiskStatus:
    """Return the status after a pass; what was not looked at this time stays as it was."""
    before = parse_status(ProtectedDiskStatus, resource, now)
    if isinstance(plan.step, FollowPVC):
        findings = conditions.summary(plan, *_READY[desired.spec.protection])
        built = conditions.build(findings, before.conditions, resource.generation, now)
        return change_over(before, plan.step, now).model_copy(
            update={
                "observed_generation": resource.generation,
                "persistent_volume_claim_not_found_since": None,
                "conditions": built,
            }
        )
    update: dict[str, object] = {"observed_generation": resource.generation, **_instance(before, desired, observed)}
    gone_since = before.persistent_volume_claim_not_found_since or now.replace(microsecond=0)
    update["persistent_volume_claim_not_found_since"] = gone_since if isinstance(observed.claim, NotFound) else None
    if isinstance(observed.policy, PolicyView):
        update |= {"policy": observed.policy.name, "vault": observed.policy.vault}
    if isinstance(observed.disk, AzureDisk) and disk_may_be_shown(desired, observed):
        update["disk"] = _disk(observed.disk, observed, before.disk)
        update["earlier_disks"] = without(before.earlier_disks, str(observed.disk.id))
    if isinstance(observed.jobs, JobHistory) and (observed.jobs.recent or before.jobs):
        # No job at all is no news, and a write for every new disk.
        update |= _jobs(observed.jobs, before)
    update["restore_points"] = known_restore_points(before.restore_points, observed, now)
    after = before.model_copy(update=update)
    active = plan.ready and desired.spec.protection == "Active" and not desired.deleting
    due = None
    if active and isinstance(observed.policy, PolicyView) and observed.policy.in_force:
        due = next_backup(observed.policy.schedule, now)
    after = after.model_copy(update={"active_since": _active_since(before, desired, observed, now, active=active)})
    findings = conditions.summary(plan, *_READY[desired.spec.protection])
    if not desired.deleting:
        findings.insert(len(plan.findings), _health(observed, after, now, active=active))
    return after.model_copy(
        update={
            "next_backup_time": due,
            "conditions": conditions.build(findings, before.conditions, resource.generation, now),
        }
    )


def _instance(before: ProtectedDiskStatus, desired: Desired, observed: Observed) -> dict[str, object]:
    instance = observed.instance
    if not isinstance(instance, AzureInstance):
        return {}
    if not may_be_shown(desired, observed):
        # Whatever status says of it was not written by us, or is no longer this object's.
        return dict.fromkeys(_OF_INSTANCE)
    return {
        "backup_instance_id": _id(before.backup_instance_id, instance.id),
        "protection_state": instance.state,
        "policy_id": _id(before.policy_id, instance.policy_id),
    }


def _id(known: str | None, observed: object) -> str:
    """Return an id as it is known: Azure writes it in other letter case here and there, which is no news."""
    return known if known is not None and same_id(known, observed) else str(observed)


def _health(observed: Observed, after: ProtectedDiskStatus, now: datetime, *, active: bool) -> Finding:
    if not active or not isinstance(observed.policy, PolicyView) or not observed.policy.in_force:
        return Finding(
            reasons.BACKUP_HEALTHY,
            "Unknown",
            reasons.NOT_YET_KNOWN,
            "Backups are evaluated while the disk is protected by the current version of its policy.",
        )
    if isinstance(observed.instance, AzureInstance) and not same_id(
        observed.instance.policy_id, observed.policy.id or ""
    ):
        return Finding(
            reasons.BACKUP_HEALTHY,
            "Unknown",
            reasons.NOT_YET_KNOWN,
            f"Waiting for the disk to be migrated to the current version of policy {observed.policy.name!r}.",
        )
    return backup_health(
        observed.policy.schedule,
        observed.jobs if isinstance(observed.jobs, JobHistory) else NO_JOBS,
        after.active_since or now,
        last_success(after),
        observed.jobs_at or now,
    )


def backup_expected(known: ProtectedDiskStatus, observed: Observed) -> tuple[datetime, datetime] | None:
    """Return when the next good backup is due, and by when it must be there; None while none is expected."""
    return _expected(next_due, known, observed)


def job_expected(known: ProtectedDiskStatus, observed: Observed) -> tuple[datetime, datetime] | None:
    """Return when the next backup is due, and by when its job shows, even if it fails; None while none is expected."""
    return _expected(next_job_due, known, observed)


def _expected(
    due: Callable[[Schedule, JobHistory, datetime, datetime | None], tuple[datetime, datetime]],
    known: ProtectedDiskStatus,
    observed: Observed,
) -> tuple[datetime, datetime] | None:
    if known.active_since is None or not isinstance(observed.policy, PolicyView) or not observed.policy.in_force:
        return None
    jobs = observed.jobs if isinstance(observed.jobs, JobHistory) else NO_JOBS
    return due(observed.policy.schedule, jobs, known.active_since, last_success(known))


def deadline(known: ProtectedDiskStatus, observed: Observed, now: datetime) -> datetime | None:
    """Return when the disk has to be looked at although nothing changes; None once what was seen is newer than that.

    Where the jobs were not read, one that has passed is of no use: each sweep would wake the disk in vain.
    """
    # In the order in which they come.
    for look in (backup_expected, job_expected):
        expected = look(known, observed)
        if expected is not None and (observed.jobs_at or now) <= expected[1]:
            return expected[1]
    return None


def _active_since(
    before: ProtectedDiskStatus, desired: Desired, observed: Observed, now: datetime, *, active: bool
) -> datetime | None:
    """Return since when backups are taken by the schedule of the policy that Azure has; a failure does not end that."""
    rests = isinstance(observed.instance, AzureInstance) and observed.instance.state.lower() in RESTING
    if desired.spec.protection != "Active" or desired.deleting or rests:
        return None
    moved = isinstance(observed.instance, AzureInstance) and not same_id(before.policy_id, observed.instance.policy_id)
    if active and (before.active_since is None or moved):
        return now.replace(microsecond=0)
    return before.active_since


def _disk(disk: AzureDisk, observed: Observed, before: DiskStatus | None) -> DiskStatus:
    volume = observed.claim.volume if isinstance(observed.claim, ClaimedDisk) else ""
    snapshots = observed.other_snapshots
    if snapshots is None and before is not None and same_id(before.id, disk.id):
        # Until they were counted anew, the last number stands.
        snapshots = before.other_snapshots
    return DiskStatus(
        id=str(disk.id),
        name=disk.id.name,
        size_gib=disk.size_gib,
        sku=disk.sku,
        location=disk.location,
        other_snapshots=snapshots or None,
        persistent_volume=volume or None,
    )


def _jobs(jobs: JobHistory, before: ProtectedDiskStatus) -> dict[str, object]:
    good = [job.start for job in jobs.recent if job.succeeded]
    known = [when for when in (before.last_successful_backup_time, *good) if when is not None]
    return {
        "jobs": JobsStatus(
            completed=jobs.completed,
            failed=jobs.failed,
            in_progress=jobs.running,
            recent=[_job(job) for job in jobs.recent],
        ),
        "last_backup": _last_backup(jobs.recent[0]) if jobs.recent else before.last_backup,
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
