"""Whether Azure would restore, the one request, and the job that follows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from azdiskbackup.core.disk_restore.desired import Desired
from azdiskbackup.core.disk_restore.observed import Fact, Observed
from azdiskbackup.core.disk_restore.rules.source import Verdict, is_requested
from azdiskbackup.core.disk_restore.rules.target import restore_grant, restore_request
from azdiskbackup.core.disk_restore.steps import RecordIntent, Submit, Validate
from azdiskbackup.core.formatting import clock_time, span
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.identity.roles import DISK_SNAPSHOT_CONTRIBUTOR
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
from azdiskbackup.core.objects.azure import AzureDisk, AzureJob
from azdiskbackup.core.protected_disk.validation import (
    NeverRun,
    Passed,
    Running,
    ValidationRefused,
    is_overdue,
    permission_pause,
)
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.backoff import RETRIED_SLOWLY, pause, retry_interval
from azdiskbackup.core.rules.intervals import (
    JOB_START_TAKES,
    OPERATION_POLL,
    VALIDATION_TAKES,
)
from azdiskbackup.core.rules.lookup import NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import (
    Progress,
    Undecided,
    act,
    allow_with_warning,
    looked_up,
    need,
    parked,
    satisfied,
    wait,
)
from azdiskbackup.errors import (
    OperatorError,
    PermissionsMissing,
    RestorePointGone,
    SnapshotGone,
    TargetDiskExists,
)

# Longer than any disk takes.
JOB_ENDS_WITHIN = timedelta(hours=24)
# A restore of a small disk takes three and a half minutes; to look at its job earlier is a wasted call.
RESTORE_TAKES = timedelta(seconds=220)
# What no later try can change.
_FINAL = (SnapshotGone, RestorePointGone)


def job_poll(elapsed: timedelta) -> timedelta:
    """Return how long to wait before the next look at a job: people wait for a short one, a long one is patient."""
    return max(OPERATION_POLL, elapsed / 30)


def restore_validated(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Ask Azure whether the restore would succeed: a new role takes up to 30 min to propagate."""
    if is_requested(observed) or isinstance(observed.attempt, IntentRecorded):
        return satisfied(reasons.PASSED, "Azure validated the restore.")
    grant = restore_grant(observed)
    assert grant is not None, "the rule on the role guarantees it"
    step = Validate(restore_request(desired, observed), grant)
    match observed.validation:
        case NotFetched():
            raise need(Fact.VALIDATION)
        case NeverRun():
            message = "Azure is validating the restore."
            return act(step, reasons.VALIDATING, message, now + VALIDATION_TAKES)
        case Running() as running:
            return _validating(observed, running, now)
        case Passed():
            return satisfied(reasons.PASSED, "Azure validated the restore.")
        case ValidationRefused() as refusal:
            return _after_refusal(observed, step, refusal, now)
        case _:
            assert_never(observed.validation)


def _validating(observed: Observed, running: Running, now: datetime) -> Verdict:
    again = max(running.since + VALIDATION_TAKES, now + OPERATION_POLL)
    before = running.refused
    if before is None:
        return wait(reasons.VALIDATING, "Azure is validating the restore.", again)
    # The message stays that of the refusal, so that a check on the way writes no status.
    return _needs_attention(observed, wait(before.error.reason, _refusal(observed, before), again), before)


def _after_refusal(observed: Observed, step: Validate, refusal: ValidationRefused, now: datetime) -> Verdict:
    if isinstance(refusal.error, _FINAL):
        return parked(refusal.error.reason, f"Nothing is restored. {refusal.error.user_message}")
    again, message = refusal.at + _pause(refusal), _refusal(observed, refusal)
    verdict: Verdict = wait(refusal.error.reason, message, again)
    if now >= again:
        verdict = act(step, refusal.error.reason, message, now + VALIDATION_TAKES)
    return _needs_attention(observed, verdict, refusal)


def _pause(refusal: ValidationRefused) -> timedelta:
    if isinstance(refusal.error, PermissionsMissing):
        return permission_pause(refusal)
    return pause(refusal.error, refusal.tries, 1.0, refusal.at - refusal.first)


def _needs_attention(observed: Observed, verdict: Verdict, refusal: ValidationRefused) -> Verdict:
    """Another try is no news: what needs attention stays stalled until Azure answers otherwise."""
    error = refusal.error
    if isinstance(error, PermissionsMissing):
        needs = is_overdue(refusal) or not observed.usable_vault.assigns_roles
    else:
        needs = not error.is_transient
    return replace(verdict, progress=Progress.STALLED) if needs else verdict


def _refusal(observed: Observed, refusal: ValidationRefused) -> str:
    error, vault = refusal.error, observed.usable_vault
    if not isinstance(error, PermissionsMissing):
        interval = retry_interval(error, refusal.tries)
        retry = interval or f"at {clock_time(refusal.at + _pause(refusal))}"
        return f"Azure does not restore this yet. {error.user_message} The operator retries {retry}."
    grant = restore_grant(observed)
    assert grant is not None, "the rule on the role guarantees it"
    scope = error.scope or "the restore or to the snapshot resource group"
    if not vault.assigns_roles:
        # Without a time: this lasts until others have assigned it.
        return (
            f"Azure refuses the vault's identity access to {scope}. The operator assigns no role (`roleAssignments: "
            f"Preassigned`). {grant.request} {error.user_message}"
        )
    if not is_overdue(refusal):
        return (
            f"Azure refuses the vault's identity access to {scope}: role assignments take up to 30 minutes to "
            f"propagate. Waiting for {span(refusal.at - refusal.first)}; next attempt at "
            f"{clock_time(refusal.at + _pause(refusal))}. {error.message_without_recommendation}"
        )
    # Without a time that moves, which would be a write of status at each try.
    check = (
        f"Check that it has the role {grant.role.name} on {grant.scope} and the role {DISK_SNAPSHOT_CONTRIBUTOR.name} "
        "on the snapshot resource group, and that no deny assignment forbids it. "
    )
    return (
        f"Azure has refused the vault's identity access to {scope} since {clock_time(refusal.first)}, longer than role "
        f"assignments take to propagate. {check}The operator retries {RETRIED_SLOWLY}. "
        f"{error.user_message}"
    )


def restore_started(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The intent is recorded, then the request is sent, then its job is found; until then the last error is told."""
    match observed.attempt:
        case NotStarted():
            return _request(desired, observed, now, None, is_recorded=False)
        case IntentRecorded(error=error, not_before=again):
            is_due = again is None or now >= again
            return _request(desired, observed, now, error) if is_due else requesting("restore", error, again or now)
        case Sent(error=error):
            return requesting("restore", error, now + JOB_START_TAKES)
        case Unfollowable(error):
            raise Undecided(error)
        case RequestRefused() as refused:
            return _ended_without_job(desired, observed, refused)
        case Restored(label=label):
            return parked(reasons.NOT_REPEATED, _not_repeated(label))
        case Following() | Over():
            return satisfied(reasons.IN_PROGRESS, "The job is known.")
        case _:
            raise AssertionError("the first rule guarantees that the attempt was fetched")


def _not_repeated(label: str) -> str:
    return (
        f"Nothing is restored: a restore of manifests brought this object back (label {label}). Create another "
        "DiskRestore to restore."
    )


def not_repeated(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """An object that a restore of manifests brought back asks for what was restored long ago."""
    return allow_with_warning(reasons.NOT_REPEATED, _not_repeated(desired.restored_by or ""), keeps_ready=True)


def _ended_without_job(desired: Desired, observed: Observed, refused: RequestRefused) -> Verdict:
    words = refused.error.user_message
    if refused.job is not None:
        return parked(
            reasons.FAILED,
            f"How the restore ended is unknown. {words} A disk {desired.disk_name} would be the restored one. "
            "Create another DiskRestore to retry.",
        )
    # By its name it is this object's: an earlier request, whose answer was lost, made it.
    is_there = isinstance(refused.error, TargetDiskExists) and isinstance(
        looked_up(observed.disk, Fact.DISK), AzureDisk
    )
    if is_there:
        return satisfied(reasons.IN_PROGRESS, "The disk was restored.")
    return parked(reasons.REFUSED, f"Azure refuses the restore. {words}")


def _request(
    desired: Desired,
    observed: Observed,
    now: datetime,
    error: OperatorError | None,
    *,
    is_recorded: bool = True,
) -> Verdict:
    looked_up(observed.instance, Fact.INSTANCE)
    request = restore_request(desired, observed)
    if not is_recorded or not same_id(observed.recorded.disk, request.disk):
        return replace(requesting("restore", error, now), step=RecordIntent(request.instance, request.disk))
    return replace(requesting("restore", error, now + JOB_START_TAKES), step=Submit(request, desired.uid))


def job_ended(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A restore is done when its job is; the operation that started it only says that Azure accepted it."""
    match observed.attempt:
        case Following(job=job) if job.running and now >= job.start + JOB_ENDS_WITHIN:
            return parked(
                reasons.TIMED_OUT,
                f"The job has been {job.status} since {clock_time(job.start)}, for more than {span(JOB_ENDS_WITHIN)}. "
                "The operator stops following it. Check the job in Azure, and create another DiskRestore to retry.",
            )
        case Following(job=job) if job.running:
            elapsed = now - job.start
            again = max(job.start + RESTORE_TAKES, now + job_poll(elapsed))
            return wait(reasons.IN_PROGRESS, f"The restore has been running since {clock_time(job.start)}.", again)
        case Following(job=job) if job.succeeded:
            return satisfied(reasons.COMPLETED, f"The restore of {clock_time(job.start)} succeeded.")
        case Following(job=job) if _is_about_own_disk(job):
            # The job of an earlier request, whose answer was lost, made it.
            if isinstance(looked_up(observed.disk, Fact.DISK), NotFound):
                return _failed(job)
            return satisfied(reasons.COMPLETED, "The disk was restored.")
        case Following(job=job):
            return _failed(job)
        case _:
            return satisfied(reasons.COMPLETED, "The disk was restored.")


def _is_about_own_disk(job: AzureJob) -> bool:
    return job.failure is not None and job.failure.code == "UserErrorSameNameDiskAlreadyExists"


def _failed(job: AzureJob) -> Verdict:
    words = f" {job.failure.words}" if job.failure else ""
    return parked(
        reasons.FAILED,
        f"The restore ended as {job.status}.{words} A PVC that waits for it may be deleted. Create another "
        "DiskRestore to retry.",
    )
