"""A disk as it is told in a list, read from its object alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.protected_disk import JobStatus, ProtectedDiskStatus
from azdiskbackup.core.objects.azure import is_running, succeeded
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.restore_points import last_success
from azdiskbackup.core.reason_catalog import REASON_CATALOG, Expect
from azdiskbackup.core.rules import reasons
from azdiskbackup.plugin.cluster.client import claim_of, policy_name
from azdiskbackup.plugin.output.formatting import State
from azdiskbackup.plugin.output.printer import Shape

# The operator writes when the next backup is due as soon as a due time has passed.
_WRITTEN_WITHIN = timedelta(minutes=45)
# A command of a remediation, which stands for all objects: `kubectl azdiskbackup backup NAME --wait`.
_COMMAND = re.compile(r"(kubectl azdiskbackup [-a-z]+) NAME")
_BAD_BACKUPS = (reasons.BACKUP_FAILED, reasons.BACKUP_OVERDUE, reasons.OPERATOR_UNINSTALLED)


class Disk(Shape, frozen=True, kw_only=True):
    """A ProtectedDisk in a list.

    Attributes:
        reason: that of the condition that matters most: Ready's, or that of BackupHealthy where backups are bad.
        message: of the same condition.
        stale: whether the operator has not looked since the next backup was due.
    """

    namespace: str
    name: str
    state: State
    ready: bool
    protected: bool
    stalled: bool
    backup_healthy: bool | None
    reason: str
    message: str
    policy: str
    vault: str | None
    persistent_volume_claim: str | None
    last_successful_backup_time: datetime | None
    next_backup_time: datetime | None
    restore_points: int | None
    failed_jobs: int
    size_gib: int | None
    disk_id: str | None
    backup_instance_id: str | None
    stale: bool


def disk(resource: Resource, now: datetime) -> Disk:
    """Return a ProtectedDisk as it is told in a list."""
    known = parse_status(ProtectedDiskStatus, _without_lists(resource))
    ready, healthy = resource.condition(reasons.READY), resource.condition(reasons.BACKUP_HEALTHY)
    bad = healthy.get("status") == "False" and healthy.get("reason") in _BAD_BACKUPS
    telling = healthy if bad and ready.get("status") == "True" else ready
    reason = str(telling.get("reason", ""))
    stalled = resource.is_true(reasons.STALLED)
    due = known.next_backup_time
    return Disk(
        namespace=resource.namespace,
        name=resource.name,
        state=_state(reason, ready=ready.get("status") == "True", stalled=stalled, bad=bad),
        ready=ready.get("status") == "True",
        protected=resource.is_true(reasons.PROTECTED),
        stalled=stalled,
        backup_healthy={"True": True, "False": False}.get(str(healthy.get("status"))),
        reason=reason,
        message=str(telling.get("message", "Not reconciled yet.")),
        policy=policy_name(resource),
        vault=known.vault,
        persistent_volume_claim=claim_of(resource) or None,
        last_successful_backup_time=last_success(known),
        next_backup_time=due,
        restore_points=known.restore_points.count if known.restore_points is not None else None,
        failed_jobs=known.jobs.failed if known.jobs is not None else 0,
        size_gib=known.disk.size_gib if known.disk is not None else None,
        disk_id=known.disk.id if known.disk is not None else None,
        backup_instance_id=known.backup_instance_id,
        stale=due is not None and now > due + _WRITTEN_WITHIN,
    )


def _without_lists(resource: Resource) -> Resource:
    """Return a disk without the long lists of its status, which no row shows: with many disks they cost the most."""
    status = {name: each for name, each in resource.status.items() if name not in ("conditions", "earlierDisks")}
    for name in ("jobs", "restorePoints"):
        if isinstance(status.get(name), Mapping):
            status[name] = {member: each for member, each in status[name].items() if member != "recent"}
    return Resource({**resource.raw, "status": status})


def _state(reason: str, *, ready: bool, stalled: bool, bad: bool) -> State:
    if stalled or bad:
        return State.ACTION_REQUIRED
    if ready:
        return State.GOOD
    return needs(reason)


def state_of_job(job: JobStatus) -> State:
    """Return how a job is."""
    if is_running(job.status, job.end_time):
        return State.IN_PROGRESS
    return State.GOOD if succeeded(job.status) else State.ACTION_REQUIRED


def of_object(remediation: str, namespace: str, name: str) -> str:
    """Return what to do about an object, with its name in the commands."""
    return _COMMAND.sub(rf"\1 {name} -n {namespace}", remediation)


def needs(reason: str) -> State:
    """Return what a reason of something that is not ready asks for."""
    known = REASON_CATALOG.get(reason)
    if known is None:
        return State.UNKNOWN if not reason else State.IN_PROGRESS
    return State.ACTION_REQUIRED if known.expect is Expect.ACTION_REQUIRED else State.IN_PROGRESS
