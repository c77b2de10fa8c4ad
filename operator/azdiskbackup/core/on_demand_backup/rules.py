"""What must hold for an on-demand backup, from its creation to its end, one rule a step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from azdiskbackup.core.formatting import clock_time, listing, span
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.jobs.attempt import (
    Following,
    IntentRecorded,
    NotStarted,
    Over,
    RequestRefused,
    Restored,
    Sent,
    Unfollowable,
)
from azdiskbackup.core.jobs.requesting import requesting
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Invalid
from azdiskbackup.core.on_demand_backup.desired import Desired
from azdiskbackup.core.on_demand_backup.observed import DiskView, Fact, Observed
from azdiskbackup.core.on_demand_backup.steps import RecordIntent, Step, Submit
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.intervals import JOB_POLL, JOB_START_TAKES
from azdiskbackup.core.rules.lookup import NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import (
    Undecided,
    allow_with_warning,
    fetched,
    need,
    parked,
    satisfied,
    stalled,
    wait,
)
from azdiskbackup.errors import OperatorError

Verdict: TypeAlias = verdicts.Verdict[Step]

# Longer than any snapshot takes, those that are copied in the background included.
JOB_ENDS_WITHIN = timedelta(hours=24)
# Azure's limit: ten on-demand backups a disk and day.
DAY = timedelta(hours=24)
DAILY_LIMIT = 10


def disk_exists(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The disk and the retention rule must exist; once the backup was requested they no longer matter."""
    if isinstance(observed.attempt, NotFetched):
        raise need(Fact.ATTEMPT)
    if _is_requested(observed):
        return satisfied(reasons.VALID, "The spec is valid.")
    if isinstance(observed.disk, NotFound):
        return wait(
            reasons.DISK_OBJECT_NOT_FOUND,
            f"ProtectedDisk {desired.disk!r} does not exist in the namespace {desired.namespace!r}. Create it; the "
            "operator continues automatically once it exists.",
        )
    rule = desired.spec.retention_rule
    if isinstance(observed.policy, PolicyView) and rule not in observed.policy.retention_rules:
        return stalled(
            reasons.RETENTION_RULE_MISSING,
            f"The policy {observed.policy.name!r} has no retention rule {rule!r}, only "
            f"{listing(sorted(observed.policy.retention_rules))}. Create another OnDemandBackup with one of these.",
        )
    return satisfied(reasons.VALID, "The spec is valid.")


def disk_protected(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Nothing can be backed up before the disk is protected."""
    if _is_requested(observed):
        return satisfied(reasons.VALID, "The backup was requested.")
    if isinstance(observed.disk, DiskView) and isinstance(observed.policy, PolicyView):
        if not observed.policy.in_force:
            return wait(
                reasons.POLICY_NOT_READY,
                f"The policy {observed.policy.name!r} was edited, and its current version does not exist in Azure yet. "
                "The operator continues automatically once it does.",
            )
        if observed.disk.instance is not None and not same_id(observed.disk.policy_id, observed.policy.id or ""):
            return wait(
                reasons.WAITING_FOR_PROTECTION,
                f"Waiting for the disk to be migrated to the current version of policy {observed.policy.name!r}.",
            )
        if observed.disk.protected and observed.disk.instance is not None:
            return satisfied(reasons.VALID, "The disk is protected.")
        why = observed.disk.not_ready_reason
    else:
        why = reasons.POLICY_NOT_READY if isinstance(observed.policy, Invalid) else reasons.POLICY_NOT_FOUND
    return wait(
        reasons.WAITING_FOR_PROTECTION,
        f"ProtectedDisk {desired.disk!r} is not protected yet ({why}). See `kubectl describe pdisk {desired.disk}`.",
    )


def instance_owned_by_disk(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The disk's status names the instance, and a status may be written by others: the instance has to say the same.

    So before each request, and not only before the first: a recorded intent is in a status as well.
    """
    if _is_requested(observed):
        return satisfied(reasons.VALID, "The backup was requested.")
    if fetched(observed.instance_owned, Fact.INSTANCE_OWNER):
        return satisfied(reasons.VALID, "The disk is protected.")
    return wait(
        reasons.WAITING_FOR_PROTECTION,
        f"The status of ProtectedDisk {desired.disk!r} names a backup instance that is not its own. See "
        f"`kubectl describe pdisk {desired.disk}`.",
    )


def _is_requested(observed: Observed) -> bool:
    """Return whether a request may have reached Azure: what hinders the next one does not matter then."""
    return not isinstance(observed.attempt, NotStarted | IntentRecorded)


def queue_position(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """One backup a disk at a time, in the order of their creation."""
    if isinstance(observed.attempt, NotStarted) and observed.ahead is not None:
        return wait(
            reasons.QUEUED,
            f"Waiting for OnDemandBackup {observed.ahead!r}: one backup of a disk runs at a time.",
        )
    return satisfied(reasons.VALID, "The backup is first in the queue.")


def daily_limit(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Azure allows ten on-demand backups of a disk a day."""
    if not isinstance(observed.attempt, NotStarted):
        return satisfied(reasons.VALID, "The backup was requested.")
    taken = fetched(observed.taken_today, Fact.BACKUPS_TAKEN)
    if len(taken) < DAILY_LIMIT:
        return satisfied(reasons.VALID, "The daily limit is not reached.")
    again = sorted(taken)[-DAILY_LIMIT] + DAY
    return wait(
        reasons.DAILY_LIMIT_REACHED,
        f"Azure allows {DAILY_LIMIT} on-demand backups of a disk a day, and {len(taken)} were taken. This one starts "
        f"at {clock_time(again)}.",
        again,
    )


def job_started(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The intent is recorded, then the request is sent, then its job is found; until then the last error is told."""
    match observed.attempt:
        case NotStarted():
            return _request(desired, observed, None, now)
        case IntentRecorded(error=error, not_before=again) if again is not None and now < again:
            return requesting("backup", error, again)
        case IntentRecorded(instance=instance, error=error):
            return _request(desired, observed, instance, now, error)
        case Sent(error=error):
            return requesting("backup", error, now + JOB_START_TAKES)
        case Unfollowable(error):
            raise Undecided(error)
        case RequestRefused() as refused:
            return _ended_without_job(refused)
        case Following() | Restored() | Over():
            return satisfied(reasons.IN_PROGRESS, "The job is known, or none is wanted.")
        case _:
            raise AssertionError("the first rule guarantees that the attempt was fetched")


def _ended_without_job(refused: RequestRefused) -> Verdict:
    words = refused.error.user_message
    if refused.job is None:
        return parked(reasons.REFUSED, f"Azure refuses the backup. {words}")
    return parked(
        reasons.FAILED,
        f"How the backup ended is unknown. {words} Check the restore points of the disk, and create another "
        "OnDemandBackup to retry.",
    )


def _request(
    desired: Desired, observed: Observed, recorded: ArmId | None, now: datetime, error: OperatorError | None = None
) -> Verdict:
    assert isinstance(observed.disk, DiskView) and observed.disk.instance
    assert isinstance(observed.policy, PolicyView)
    instance = observed.disk.instance
    if not same_id(recorded, instance):
        return replace(requesting("backup", error, now), step=RecordIntent(instance))
    step = Submit(instance, observed.policy.rule_name, desired.spec.retention_rule, desired.uid)
    return replace(requesting("backup", error, now + JOB_START_TAKES), step=step)


def job_succeeded(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A backup is finished when its job is; the operation that started it says nothing about that."""
    match observed.attempt:
        case Over(succeeded=True, reason=reason, message=message):
            return satisfied(reason, message)
        case Over(reason=reason, message=message):
            return parked(reason, message)
        case Restored(label=label):
            return allow_with_warning(
                reasons.NOT_REPEATED,
                f"No backup is taken: a restore of manifests brought this object back (label {label}). Create another "
                "OnDemandBackup to take one.",
                keeps_ready=True,
            )
        case Following(job=job) if job.running and now >= job.start + JOB_ENDS_WITHIN:
            return parked(
                reasons.TIMED_OUT,
                f"The job has been {job.status} since {clock_time(job.start)}, for more than {span(JOB_ENDS_WITHIN)}. "
                "The operator stops following it. Check the job in Azure, and create another OnDemandBackup to retry.",
            )
        case Following(job=job) if job.running:
            return wait(
                reasons.IN_PROGRESS,
                f"The backup has been running since {clock_time(job.start)}.",
                now + JOB_POLL,
            )
        case Following(job=job) if job.succeeded:
            return satisfied(reasons.COMPLETED, f"The backup of {clock_time(job.start)} succeeded.")
        case Following(job=job):
            words = f" {job.failure.words}" if job.failure else ""
            return parked(
                reasons.FAILED,
                f"The backup ended as {job.status}.{words} Create another OnDemandBackup to retry.",
            )
        case _:
            raise AssertionError("the rule before guarantees that the job is known")


PROVISIONING_RULES = (
    (reasons.ACCEPTED, disk_exists),
    (reasons.SUCCEEDED, disk_protected),
    (reasons.SUCCEEDED, instance_owned_by_disk),
    (reasons.SUCCEEDED, queue_position),
    (reasons.SUCCEEDED, daily_limit),
    (reasons.SUCCEEDED, job_started),
    (reasons.SUCCEEDED, job_succeeded),
)
