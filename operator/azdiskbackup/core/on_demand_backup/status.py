"""The status of an on-demand backup. Once it has ended, nothing in it changes any more."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.on_demand_backup import OnDemandBackupStatus, TakenRestorePoint
from azdiskbackup.core.objects.azure import AzureFailure
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.on_demand_backup.attempt import Attempt, Following, RequestRefused
from azdiskbackup.core.on_demand_backup.steps import RecordIntent, Step
from azdiskbackup.core.protected_disk.status import error_status
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.lookup import NotFetched
from azdiskbackup.core.rules.verdicts import Finding, Plan, Progress


def build_status(
    resource: Resource, attempt: Attempt | NotFetched, plan: Plan[Step], now: datetime
) -> OnDemandBackupStatus:
    """Return the status after a pass."""
    before = parse_status(OnDemandBackupStatus, resource, now)
    if before.completion_time is not None:
        return before
    findings = [
        _open_while_running(finding, plan)
        for finding in conditions.summary(plan, plan.verdict.reason, plan.verdict.message)
    ]
    update: dict[str, object] = {
        "observed_generation": resource.generation,
        "conditions": conditions.build(findings, before.conditions, resource.generation, now),
    }
    if isinstance(plan.step, RecordIntent):
        # In status before the request may be sent: whoever comes after a crash has to look for the job.
        update["start_time"] = now
    match attempt:
        case Following():
            update |= _of_job(attempt)
            if plan.verdict.reason == reasons.TIMED_OUT:
                update["completion_time"] = now
        case RequestRefused(error=error, at=at):
            update |= {
                "completion_time": at,
                "error": error_status(AzureFailure(error.code, error.message, error.action)),
            }
        case _:
            pass
    return before.model_copy(update=update)


def _open_while_running(finding: Finding, plan: Plan[Step]) -> Finding:
    """Succeeded is Unknown until the end, since False would be final; Ready mirrors it."""
    undecided = plan.verdict.progress is Progress.RECONCILING or plan.condition != reasons.SUCCEEDED
    mirrors = finding.type in (reasons.SUCCEEDED, reasons.READY)
    if mirrors and finding.status == "False" and undecided:
        return Finding(finding.type, "Unknown", finding.reason, finding.message)
    return finding


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
