"""The status of an on-demand backup. Once it has ended, nothing in it changes any more."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.on_demand_backup import OnDemandBackupStatus, TakenRestorePoint
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.jobs.attempt import Attempt, Following, RequestRefused, Restored
from azdiskbackup.core.jobs.ending import undecided
from azdiskbackup.core.objects.azure import AzureFailure
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.on_demand_backup.steps import RecordIntent, Step
from azdiskbackup.core.protected_disk.status import error_status
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.lookup import NotFetched
from azdiskbackup.core.rules.verdicts import Plan


def build_status(
    resource: Resource, attempt: Attempt | NotFetched, plan: Plan[Step], now: datetime
) -> OnDemandBackupStatus:
    """Return the status after a pass."""
    before = parse_status(OnDemandBackupStatus, resource, now)
    if before.completion_time is not None:
        return before
    update = {"observed_generation": resource.generation} | _progress(before, attempt, plan, now)
    findings = conditions.summary(plan, plan.verdict.reason, plan.verdict.message)
    if "completion_time" not in update:
        findings = [undecided(finding) for finding in findings]
    update["conditions"] = conditions.build(findings, before.conditions, resource.generation, now)
    return before.model_copy(update=update)


def _progress(
    before: OnDemandBackupStatus, attempt: Attempt | NotFetched, plan: Plan[Step], now: datetime
) -> dict[str, object]:
    """Return what is known of the backup, with a time of completion if it has ended."""
    match attempt:
        case Following(job=job):
            known = before.backup_instance_id
            named = known if same_id(known, job.instance_id) else job.instance_id
            ended = {"completion_time": now} if plan.verdict.reason == reasons.TIMED_OUT else {}
            return {"backup_instance_id": named, **_of_job(attempt), **ended}
        case RequestRefused(error=error, at=at):
            told = AzureFailure(error.code, error.message, error.action)
            return {"completion_time": at, "error": error_status(told)}
        case Restored():
            return {"completion_time": now}
        case _ if isinstance(plan.step, RecordIntent):
            # In status before the request may be sent: whoever comes after a crash has to look for the job.
            return {"start_time": now, "backup_instance_id": str(plan.step.instance)}
        case _:
            return {}


def _of_job(following: Following) -> dict[str, object]:
    job = following.job
    update: dict[str, object] = {"job_id": job.id, "start_time": job.start}
    if job.running:
        return update
    update |= {
        "completion_time": job.end or job.start,
        "error": error_status(job.failure),
        "duration_seconds": (round(job.duration.total_seconds()) if job.duration is not None else None),
    }
    if job.restore_point_id:
        point = following.restore_point
        update["restore_point"] = TakenRestorePoint(
            id=job.restore_point_id,
            time=point.time if point else None,
            expiry_time=point.expiry if point else None,
        )
    return update
