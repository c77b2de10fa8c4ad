"""The status of a restore. Once it has ended, nothing in it changes any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from azdiskbackup.api.v1alpha1.disk_restore import DiskRestoreStatus, PinnedRestorePoint, RestoredDisk
from azdiskbackup.core.disk_restore.desired import Desired
from azdiskbackup.core.disk_restore.observed import Observed
from azdiskbackup.core.disk_restore.steps import PinPoint, RecordIntent, Step
from azdiskbackup.core.jobs.attempt import Following, RequestRefused
from azdiskbackup.core.jobs.ending import undecided
from azdiskbackup.core.objects.azure import AzureDisk, AzureFailure
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.status import error_status
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import Finding, Plan

# With which a restore is over, although not well: nothing but another object restores then.
FINAL = {
    reasons.FAILED,
    reasons.REFUSED,
    reasons.TIMED_OUT,
    reasons.NOT_REPEATED,
    reasons.CLAIM_DELETED,
    reasons.TARGET_UNDERSPECIFIED,
    reasons.RESTORE_POINT_EXPIRED,
    reasons.SNAPSHOT_GONE,
}
_ORDER = (
    reasons.SOURCE_RESOLVED,
    reasons.ACCESS_GRANTED,
    reasons.VALIDATED,
    reasons.DISK_RESTORED,
    reasons.VOLUME_BOUND,
)


def build_status(
    resource: Resource, desired: Desired, observed: Observed, plan: Plan[Step], now: datetime
) -> DiskRestoreStatus:
    """Return the status after a pass."""
    before = parse_status(DiskRestoreStatus, resource, now)
    if before.completion_time is not None:
        return before
    update = {"observed_generation": resource.generation} | _progress(desired, observed, plan, now)
    if is_over(plan):
        update["completion_time"] = now.replace(microsecond=0)
    findings = conditions.summary(plan, plan.verdict.reason, plan.verdict.message)
    findings = [_unless_waiting(finding) for finding in findings]
    if not plan.ready:
        findings = [_as_decided(finding, plan) for finding in findings]
    if "completion_time" not in update:
        findings = [undecided(finding) for finding in findings]
    findings.sort(key=lambda each: _ORDER.index(each.type) if each.type in _ORDER else len(_ORDER))
    update["conditions"] = conditions.build(findings, before.conditions, resource.generation, now)
    return before.model_copy(update=update)


def is_over(plan: Plan[Step]) -> bool:
    """Return whether the restore has ended: all is there, or nothing will ever be."""
    if plan.step is not None:
        return False
    return plan.ready or (plan.verdict.reason in FINAL and plan.verdict.requeue_at is None)


def _unless_waiting(finding: Finding) -> Finding:
    """A PVC that waits for its volume is not bound, although the rule on it holds."""
    if finding.type == reasons.VOLUME_BOUND and finding.reason == reasons.BIND_PENDING:
        return replace(finding, status="False")
    return finding


def _as_decided(finding: Finding, plan: Plan[Step]) -> Finding:
    """Succeeded says what an earlier condition decided: how the restore ended, or what it waits for."""
    if finding.type == reasons.SUCCEEDED:
        return Finding(finding.type, "False", plan.verdict.reason, plan.verdict.message)
    return finding


def _progress(desired: Desired, observed: Observed, plan: Plan[Step], now: datetime) -> dict[str, object]:
    """Return what is known of the restore."""
    update: dict[str, object] = {}
    match plan.step:
        case PinPoint(vault=vault, instance=instance, point=point):
            pinned = PinnedRestorePoint(id=point.id, time=point.time, expiry_time=point.expiry, size_gib=point.size_gib)
            update |= {"vault": vault, "backup_instance_id": str(instance), "restore_point": pinned}
        case RecordIntent(instance=instance, disk=disk):
            # In status before the request may be sent: whoever comes after a crash has to look for the job.
            update |= {"start_time": now, "backup_instance_id": str(instance), "target_disk_id": str(disk)}
    update |= _of_attempt(observed, plan)
    if isinstance(observed.disk, AzureDisk):
        update["disk"] = _disk(observed.disk)
        if plan.verdict.reason not in FINAL:
            # The job of a second request failed, since the first had made the disk.
            update["error"] = None
    if desired.claim is not None and not isinstance(observed.claim, NotFound) and observed.claim.is_ours:
        update["persistent_volume_claim"] = desired.claim.name
    if not isinstance(observed.volume, NotFound):
        update["persistent_volume"] = desired.volume
    return update


def _of_attempt(observed: Observed, plan: Plan[Step]) -> dict[str, object]:
    match observed.attempt:
        case Following(job=job) if job.running:
            return {"job_id": job.id, "start_time": job.start}
        case Following(job=job):
            seconds = round(job.duration.total_seconds()) if job.duration is not None else None
            known = {"job_id": job.id, "start_time": job.start}
            return {**known, "duration_seconds": seconds, "error": error_status(job.failure)}
        case RequestRefused(error=error) if plan.verdict.reason in FINAL:
            return {"error": error_status(AzureFailure(error.code, error.message, error.action))}
        case _:
            return {}


def _disk(disk: AzureDisk) -> RestoredDisk:
    return RestoredDisk(
        id=str(disk.id),
        name=disk.id.name,
        size_gib=disk.size_gib,
        sku=disk.sku,
        location=disk.location,
        zones=list(disk.zones) or None,
    )
