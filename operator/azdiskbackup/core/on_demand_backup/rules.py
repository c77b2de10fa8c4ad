"""The way of an on-demand backup from its creation to its end, one rule a step."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from azdiskbackup.core.formatting import clock_time, listing, span
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.on_demand_backup.attempt import (
    Following,
    NotStarted,
    Over,
    Recorded,
    Refused,
    Sent,
    Unfollowable,
)
from azdiskbackup.core.on_demand_backup.desired import Desired
from azdiskbackup.core.on_demand_backup.observed import DiskView, Observed
from azdiskbackup.core.on_demand_backup.steps import DeleteObject, RecordIntent, Step, Submit
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import do, satisfied, stalled, wait

Verdict: TypeAlias = verdicts.Verdict[Step]

LOOK_AGAIN = timedelta(minutes=5)
POLL = timedelta(seconds=30)
# A backup of a small disk takes three and a half minutes, and reading a job is a scarce call.
JOB_POLL = timedelta(seconds=60)
# How long a job may take to appear in the list after its request; only then a lost request is sent again.
JOB_APPEARS_WITHIN = timedelta(minutes=5)
# Longer than any snapshot takes, those that are copied in the background included.
JOB_ENDS_WITHIN = timedelta(hours=24)
INTENT_IS_FRESH = timedelta(minutes=1)
# Azure's limit: ten on-demand backups a disk and day.
A_DAY = timedelta(hours=24)
MOST_A_DAY = 10


def disk_is_known(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The disk and the retention rule must exist; once the backup was asked for they no longer matter."""
    if not isinstance(observed.attempt, NotStarted):
        return satisfied(reasons.VALID, "The spec is valid.")
    if isinstance(observed.disk, NotFound):
        return wait(
            reasons.DISK_OBJECT_NOT_FOUND,
            f"There is no ProtectedDisk {desired.disk!r} in the namespace {desired.namespace!r}; this "
            "goes on by itself when it appears.",
            now + LOOK_AGAIN,
        )
    rule = desired.spec.retention_rule
    if isinstance(observed.policy, PolicyView) and rule not in observed.policy.retention_rules:
        return stalled(
            reasons.RETENTION_RULE_MISSING,
            f"The policy {observed.policy.name!r} has no retention rule {rule!r}, only "
            f"{listing(sorted(observed.policy.retention_rules))}. Create another OnDemandBackup with "
            "one of these.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.VALID, "The spec is valid.")


def disk_is_protected(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """There is nothing to back up by before the disk is protected."""
    if not isinstance(observed.attempt, NotStarted):
        return satisfied(reasons.VALID, "The backup was asked for.")
    if isinstance(observed.disk, DiskView) and isinstance(observed.policy, PolicyView):
        if not observed.policy.in_force:
            return wait(
                reasons.POLICY_NOT_READY,
                f"The policy {observed.policy.name!r} was edited, and Azure does not have it as it is written.",
                now + LOOK_AGAIN,
            )
        if observed.disk.instance is not None and not same_id(observed.disk.policy_id, observed.policy.id or ""):
            return wait(
                reasons.WAITING_FOR_PROTECTION,
                f"The disk has yet to move to the policy {observed.policy.name!r} as it is written now.",
                now + LOOK_AGAIN,
            )
        if observed.disk.protected and observed.disk.instance is not None:
            return satisfied(reasons.VALID, "The disk is protected.")
        why = observed.disk.not_ready_reason
    else:
        why = reasons.POLICY_NOT_FOUND
    return wait(
        reasons.WAITING_FOR_PROTECTION,
        f"The ProtectedDisk {desired.disk!r} is not protected yet ({why}); see `kubectl describe pdisk {desired.disk}`.",
        now + LOOK_AGAIN,
    )


def instance_is_the_disks(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The disk's status names the instance, and a status may be written by others: the instance has to say the same.

    So before each request, and not only before the first: a recorded intent is in a status as well.
    """
    if not isinstance(observed.attempt, NotStarted | Recorded):
        return satisfied(reasons.VALID, "The backup was asked for.")
    match observed.instance_owned:
        case NotFetched():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case FetchFailed(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.user_message} It is tried again every {span(LOOK_AGAIN)}.", again)
        case True:
            return satisfied(reasons.VALID, "The disk is protected.")
        case _:
            return wait(
                reasons.WAITING_FOR_PROTECTION,
                f"The status of the ProtectedDisk {desired.disk!r} names a backup instance that is not its own; see "
                f"`kubectl describe pdisk {desired.disk}`.",
                now + LOOK_AGAIN,
            )


def it_is_first_in_line(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """One backup a disk at a time, in the order of their creation."""
    if isinstance(observed.attempt, NotStarted) and observed.ahead:
        return wait(
            reasons.QUEUED,
            f"Waiting for {listing(list(observed.ahead))}: one backup of a disk runs at a time.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.VALID, "It is this backup's turn.")


def day_has_room(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Azure takes ten on-demand backups of a disk a day."""
    if not isinstance(observed.attempt, NotStarted):
        return satisfied(reasons.VALID, "The backup was asked for.")
    match observed.taken_today:
        case FetchFailed(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.user_message} It is tried again every {span(LOOK_AGAIN)}.", again)
        case NotFetched():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case taken if len(taken) >= MOST_A_DAY:
            again = sorted(taken)[-MOST_A_DAY] + A_DAY
            return wait(
                reasons.DAILY_LIMIT_REACHED,
                f"Azure takes {MOST_A_DAY} on-demand backups of a disk a day, and {len(taken)} "
                f"were taken. This one starts at {clock_time(again)}.",
                again,
            )
        case _:
            return satisfied(reasons.VALID, "The day has room for the backup.")


def job_is_known(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The intent is recorded, then the request is sent, once, then its job is found."""
    match observed.attempt:
        case NotStarted():
            return do(RecordIntent(), reasons.STARTING, "Asking Azure for the backup.")
        case Recorded(at=at):
            # Whoever comes after a crash counts from the intent: it must not be older than the request.
            fresh = now < at + INTENT_IS_FRESH
            step: Step = _submit(desired, observed) if fresh else RecordIntent()
            return do(step, reasons.STARTING, "Asking Azure for the backup.", now + POLL)
        case Sent(at=at, answered=answered, jobs_seen=jobs_seen):
            if not answered and jobs_seen and now >= at + JOB_APPEARS_WITHIN:
                return do(
                    RecordIntent(),
                    reasons.STARTING,
                    "The answer to the request was lost and no job has appeared; asking again.",
                )
            return wait(reasons.STARTING, "Asking Azure for the backup.", now + POLL)
        case Unfollowable(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.user_message} It is tried again every {span(LOOK_AGAIN)}.", again)
        case Refused(error):
            return stalled(reasons.REFUSED, f"Azure refuses the backup. {error.user_message}")
        case Following() | Over():
            return satisfied(reasons.IN_PROGRESS, "The job is known.")
        case _:
            assert_never(observed.attempt)


def job_has_succeeded(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A backup is finished when its job is; the operation that started it says nothing about that."""
    match observed.attempt:
        case Over(succeeded=True, reason=reason, message=message):
            return satisfied(reason, message)
        case Over(reason=reason, message=message):
            return stalled(reason, message)
        case Following(job=job) if job.running and now >= job.start + JOB_ENDS_WITHIN:
            return stalled(
                reasons.TIMED_OUT,
                f"Azure has said {job.status} since {clock_time(job.start)}, for more than {span(JOB_ENDS_WITHIN)}. It "
                "is followed no longer; look at the job in Azure, and create another OnDemandBackup to try again.",
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
            failure = job.failure
            words = f" {failure.code}: {failure.message}" if failure else ""
            action = f" Azure recommends: {failure.action}" if failure and failure.action else ""
            return stalled(
                reasons.FAILED,
                f"The backup ended as {job.status}.{words}{action} Create another OnDemandBackup to try again.",
            )
        case _:
            raise AssertionError("the rule before guarantees that the job is known")


PROVISIONING_RULES = (
    (reasons.ACCEPTED, disk_is_known),
    (reasons.SUCCEEDED, disk_is_protected),
    (reasons.SUCCEEDED, instance_is_the_disks),
    (reasons.SUCCEEDED, it_is_first_in_line),
    (reasons.SUCCEEDED, day_has_room),
    (reasons.SUCCEEDED, job_is_known),
    (reasons.SUCCEEDED, job_has_succeeded),
)


def time_to_live(desired: Desired, now: datetime) -> Verdict | None:
    """Return what to do about a finished object that shall go after a while; None to keep it."""
    ttl = desired.spec.ttl_seconds_after_finished
    if desired.over is None or ttl is None:
        return None
    end = desired.over.completed + timedelta(seconds=ttl)
    if now >= end:
        return do(DeleteObject(), desired.over.reason, desired.over.message)
    return wait(desired.over.reason, desired.over.message, end)


def _submit(desired: Desired, observed: Observed) -> Submit:
    assert isinstance(observed.disk, DiskView) and observed.disk.instance
    assert isinstance(observed.policy, PolicyView)
    return Submit(observed.disk.instance, observed.policy.rule_name, desired.spec.retention_rule, desired.uid)
