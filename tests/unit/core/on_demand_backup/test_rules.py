"""The way of an on-demand backup, from its creation to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.disk_backup_policy import Retention, RetentionRule, Schedule
from azdiskbackup.core.identity.arm_ids import ArmId, vault_id
from azdiskbackup.core.jobs.attempt import (
    Attempt,
    Following,
    IntentRecorded,
    NotStarted,
    Over,
    RequestRefused,
    Restored,
    Sent,
    Unfollowable,
)
from azdiskbackup.core.jobs.ending import FINISHED_RULES, DeleteObject
from azdiskbackup.core.jobs.recorded import Recorded, is_over, read_recorded
from azdiskbackup.core.objects.azure import AzureFailure, AzureJob, AzureRestorePoint
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.on_demand_backup.desired import Desired, read_desired
from azdiskbackup.core.on_demand_backup.observed import DiskView, Fact, Observed
from azdiskbackup.core.on_demand_backup.rules import PROVISIONING_RULES
from azdiskbackup.core.on_demand_backup.status import build_status
from azdiskbackup.core.on_demand_backup.steps import RecordIntent, Submit
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed
from azdiskbackup.core.rules.verdicts import Need, Plan, Progress, evaluate
from azdiskbackup.errors import (
    AccessDenied,
    Conflict,
    InvalidRequest,
    OperatorError,
    QuotaExceeded,
    ResourceLocked,
    Throttled,
    Unavailable,
)
from harness.objects import SUBSCRIPTION, backup, stored

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
INSTANCE = vault_id(SUBSCRIPTION, "g", "v").child("backupInstances", "i")
DISK = DiskView(True, "", INSTANCE, "/p")
RETENTION = Retention(daily=RetentionRule(days=30))
POLICY = PolicyView("gold", "demo", True, "", "/p", True, Schedule(frequency="Daily"), "BackupDaily", RETENTION)


def resource(status_: dict[str, Any] | None = None, **spec: Any) -> Resource:
    return Resource({**stored(backup(**spec), uid="uid-1"), "status": status_ or {}})


def make_plan(desired: Desired, observed: Observed, now: datetime) -> Plan[Any]:
    found = evaluate(PROVISIONING_RULES, desired, observed, now)
    assert isinstance(found, Plan), f"{found} is missing"
    return found


def desired(**spec: Any) -> Desired:
    found = read_desired(resource(**spec))
    assert isinstance(found, Desired)
    return found


def observed(attempt: Attempt | None = None, **more: Any) -> Observed:
    given: dict[str, Any] = {"disk": DISK, "policy": POLICY, "ahead": None, "taken_today": (), "instance_owned": True}
    return Observed(**(given | more), attempt=attempt or NotStarted())


def job(state: str, **more: Any) -> AzureJob:
    end = None if state == "InProgress" else NOW + timedelta(seconds=216)
    return AzureJob("job-1", str(INSTANCE), "Backup", state, True, "uid-1", NOW, end, end and end - NOW, **more)


INTENT = IntentRecorded(INSTANCE)
BUSY = Conflict("Busy", "Words")
LATER = NOW + timedelta(minutes=5)
POINT = AzureRestorePoint("p", NOW, NOW + timedelta(days=7), "Default", "Incremental")
GOOD = Following(job("Completed", restore_point_id="p"), POINT)
BAD = Following(job("Failed", failure=AzureFailure("Code", "Words.", "Do this.")))


@pytest.mark.parametrize(
    ("found", "condition", "reason"),
    [
        (observed(disk=NOT_FOUND), reasons.ACCEPTED, reasons.DISK_OBJECT_NOT_FOUND),
        (observed(disk=replace(DISK, protected=False)), reasons.SUCCEEDED, reasons.WAITING_FOR_PROTECTION),
        (observed(disk=replace(DISK, instance=None)), reasons.SUCCEEDED, reasons.WAITING_FOR_PROTECTION),
        (observed(instance_owned=FetchFailed(AccessDenied("x", "y"))), reasons.SUCCEEDED, "AccessDenied"),
        (observed(instance_owned=False), reasons.SUCCEEDED, reasons.WAITING_FOR_PROTECTION),
        (observed(INTENT, instance_owned=False), reasons.SUCCEEDED, reasons.WAITING_FOR_PROTECTION),
        (observed(INTENT, disk=NOT_FOUND), reasons.ACCEPTED, reasons.DISK_OBJECT_NOT_FOUND),
        (observed(INTENT, policy=NOT_FOUND), reasons.SUCCEEDED, reasons.WAITING_FOR_PROTECTION),
        (observed(replace(INTENT, error=BUSY, not_before=LATER)), reasons.SUCCEEDED, "OperationInProgress"),
        (observed(policy=NOT_FOUND), reasons.SUCCEEDED, reasons.WAITING_FOR_PROTECTION),
        (observed(policy=replace(POLICY, in_force=False)), reasons.SUCCEEDED, reasons.POLICY_NOT_READY),
        (observed(ahead="before"), reasons.SUCCEEDED, reasons.QUEUED),
        (observed(taken_today=FetchFailed(AccessDenied("x", "y"))), reasons.SUCCEEDED, "AccessDenied"),
        (observed(taken_today=(NOW,) * 10), reasons.SUCCEEDED, reasons.DAILY_LIMIT_REACHED),
        (observed(Sent()), reasons.SUCCEEDED, reasons.STARTING),
        (observed(Sent(Unavailable("x", "y"))), reasons.SUCCEEDED, "Unavailable"),
        (observed(Unfollowable(Unavailable("x", "y"))), reasons.SUCCEEDED, "Unavailable"),
        (observed(RequestRefused(InvalidRequest("x", "y"), NOW)), reasons.SUCCEEDED, reasons.REFUSED),
        (observed(RequestRefused(InvalidRequest("x", "y"), NOW, "job")), reasons.SUCCEEDED, reasons.FAILED),
        (observed(Following(job("InProgress"))), reasons.SUCCEEDED, reasons.IN_PROGRESS),
        (observed(Following(job("Brewing", ))), reasons.SUCCEEDED, reasons.FAILED),
        (observed(BAD), reasons.SUCCEEDED, reasons.FAILED),
        (observed(Over(False, "Failed", "It failed.", NOW)), reasons.SUCCEEDED, reasons.FAILED),
    ],
)  # fmt: skip
def test_what_keeps_a_backup_from_success(found: Observed, condition: str, reason: str) -> None:
    result = make_plan(desired(), found, NOW)
    assert (result.condition, result.verdict.reason, result.step) == (condition, reason, None)


@pytest.mark.parametrize(
    ("found", "fact"),
    [
        (Observed(DISK, POLICY, None), Fact.ATTEMPT),
        (observed(instance_owned=NOT_FETCHED), Fact.INSTANCE_OWNER),
        (observed(taken_today=NOT_FETCHED), Fact.BACKUPS_TAKEN),
    ],
)
def test_a_rule_that_cannot_decide_names_the_fact(found: Observed, fact: Fact) -> None:
    assert evaluate(PROVISIONING_RULES, desired(), found, NOW) == Need(fact)


def test_the_order_of_intent_request_and_job() -> None:
    assert make_plan(desired(), observed(), NOW).step == RecordIntent(INSTANCE)
    step = make_plan(desired(retentionRule="Daily"), observed(INTENT), NOW).step
    assert step == Submit(INSTANCE, "BackupDaily", "Daily", "uid-1")
    assert make_plan(desired(), observed(GOOD), NOW).ready
    assert make_plan(desired(), observed(Over(True, "Completed", "m", NOW)), NOW).ready


def test_an_intent_for_another_instance_is_recorded_anew() -> None:
    before = IntentRecorded(INSTANCE.parent.child("backupInstances", "before"))
    assert make_plan(desired(), observed(before), NOW).step == RecordIntent(INSTANCE)
    in_other_letters = IntentRecorded(ArmId.parse(str(INSTANCE).upper()))
    assert isinstance(make_plan(desired(), observed(in_other_letters), NOW).step, Submit)


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (BUSY, "at least every 5 min."),
        (QuotaExceeded("x", "y"), "at least every 1 h."),
        (Unavailable("x", "y"), "at least every 10 min."),
        (ResourceLocked("x", "y"), "at least every 1 h."),
        (Throttled("x", "y", retry_after=timedelta(minutes=1)), "when Azure allows it."),
    ],
)
def test_a_refusal_is_told_in_the_same_words_at_each_try(error: OperatorError, tries: str) -> None:
    waiting = IntentRecorded(INSTANCE, error, LATER)
    told = [make_plan(desired(), observed(each), NOW).verdict for each in (waiting, Sent(error))]
    told.append(make_plan(desired(), observed(waiting), LATER).verdict)
    assert {(each.reason, each.message) for each in told} == {
        (error.reason, f"{error.user_message} The operator retries {tries}")
    }
    assert told[0].requeue_at == LATER and isinstance(told[2].step, Submit)
    assert (told[0].progress is Progress.STALLED) == (not error.is_transient)
    plan = make_plan(desired(), observed(waiting), NOW)
    conditions = {each.type: each.status for each in build_status(resource(), waiting, plan, NOW).conditions}
    assert conditions["Succeeded"] == conditions["Ready"] == "Unknown", "False would be final"


def test_what_a_restore_brought_back_takes_no_backup() -> None:
    labelled = resource()
    assert isinstance(labelled.raw, dict)
    labelled.raw["metadata"]["labels"] = {"velero.io/restore-name": "nightly"}
    wanted = read_desired(labelled)
    assert isinstance(wanted, Desired) and wanted.restored_by == "velero.io/restore-name"
    attempt = Restored(wanted.restored_by)
    plan = make_plan(wanted, observed(attempt, disk=NOT_FOUND), NOW)
    assert plan.step is None and "velero.io/restore-name" in plan.verdict.message
    status = build_status(labelled, attempt, plan, NOW)
    assert status.completion_time == NOW and status.error is None
    assert {each.type: (each.status, each.reason) for each in status.conditions} == {
        "Accepted": ("True", reasons.VALID),
        "Succeeded": ("False", reasons.NOT_REPEATED),
        "Ready": ("True", reasons.NOT_REPEATED),
    }


@pytest.mark.parametrize("text", ["", "/subscriptions/../x", str(INSTANCE.parent), f"{INSTANCE}/recoveryPoints/p", 7])
def test_an_instance_in_status_that_is_none(text: object) -> None:
    assert read_recorded(resource({"startTime": "2026-01-05T09:00:00Z", "backupInstanceID": text})).instance is None
    assert read_recorded(resource({"jobID": "../x"})).job is None


def test_once_asked_for_nothing_that_came_after_stops_it() -> None:
    for hindrance in ({"disk": NOT_FOUND}, {"policy": NOT_FOUND}, {"ahead": "x"}, {"taken_today": (NOW,) * 10}):
        assert (
            make_plan(desired(), observed(Following(job("InProgress")), **hindrance), NOW).verdict.reason
            == reasons.IN_PROGRESS
        )


def test_the_daily_limit_says_until_when() -> None:
    starts = tuple(NOW - timedelta(hours=h) for h in range(12))
    found = make_plan(desired(), observed(taken_today=starts), NOW)
    assert found.verdict.requeue_at == NOW - timedelta(hours=9) + timedelta(hours=24)


def test_a_missing_retention_rule_is_told_and_not_final() -> None:
    wanted = desired(retentionRule="Weekly")
    found = make_plan(wanted, observed(), NOW)
    assert found.verdict.reason == reasons.RETENTION_RULE_MISSING
    conditions = {each.type: each.status for each in build_status(resource(), NotStarted(), found, NOW).conditions}
    assert conditions == {"Accepted": "False", "Succeeded": "Unknown", "Ready": "Unknown", "Stalled": "True"}


def statuses(attempt: Attempt) -> dict[str, str]:
    found = build_status(resource(), attempt, make_plan(desired(), observed(attempt), NOW), NOW)
    return {each.type: each.status for each in found.conditions}


def test_succeeded_is_unknown_until_the_end() -> None:
    assert statuses(NotStarted())["Succeeded"] == "Unknown"
    running = statuses(Following(job("InProgress")))
    assert (running["Succeeded"], running["Ready"], running["Reconciling"]) == ("Unknown", "Unknown", "True")
    good = statuses(GOOD)
    assert (good["Succeeded"], good["Ready"]) == ("True", "True")
    bad = statuses(BAD)
    assert (bad["Succeeded"], bad["Ready"], bad["Stalled"]) == ("False", "False", "True")


def test_the_status_of_the_end() -> None:
    found = build_status(resource(), GOOD, make_plan(desired(), observed(GOOD), NOW), NOW)
    assert (found.job_id, found.duration_seconds) == ("job-1", 216)
    assert found.restore_point is not None and found.restore_point.expiry_time == POINT.expiry
    bad = build_status(resource(), BAD, make_plan(desired(), observed(BAD), NOW), NOW)
    assert bad.error is not None and bad.error.recommended_action == "Do this." and bad.completion_time
    attempt = RequestRefused(InvalidRequest("Code", "Words."), NOW)
    refused = build_status(resource(), attempt, make_plan(desired(), observed(attempt), NOW), NOW)
    assert refused.error is not None and refused.error.code == "Code" and refused.completion_time == NOW
    recorded = build_status(resource(), NotStarted(), make_plan(desired(), observed(), NOW), NOW)
    assert recorded.start_time == NOW and recorded.completion_time is None
    assert recorded.backup_instance_id == str(INSTANCE)
    kept = build_status(
        resource({"backupInstanceID": str(INSTANCE).upper()}), GOOD, make_plan(desired(), observed(GOOD), NOW), NOW
    )
    assert kept.backup_instance_id == str(INSTANCE).upper(), "letter case is no news"
    no_point = Following(job("Completed"))
    assert build_status(resource(), no_point, make_plan(desired(), observed(no_point), NOW), NOW).restore_point is None
    unread = Following(job("Completed", restore_point_id="p"))
    taken = build_status(resource(), unread, make_plan(desired(), observed(unread), NOW), NOW).restore_point
    assert taken is not None and taken.id == "p" and taken.expiry_time is None


def ended() -> dict[str, Any]:
    return build_status(resource(), GOOD, make_plan(desired(), observed(GOOD), NOW), NOW).to_wire()


def test_what_is_over_never_changes() -> None:
    over = resource(ended())
    assert is_over(over) and not is_over(resource())
    later = make_plan(desired(), observed(BAD), NOW)
    assert build_status(over, BAD, later, NOW).to_wire() == ended()
    known = read_recorded(over)
    assert known.over is not None and known.over.succeeded
    assert known.job == "job-1" and known.begun and known.instance == INSTANCE


def test_time_to_live() -> None:
    def plan(now: datetime, recorded: Recorded, **spec: Any) -> Plan[Any]:
        finished = observed(recorded=recorded)
        found = evaluate(FINISHED_RULES, desired(**spec), finished, now)
        assert isinstance(found, Plan)
        return found

    over = read_recorded(resource(ended()))
    endless = replace(over, over=Over(True, "Completed", "m", datetime.max.replace(tzinfo=UTC)))
    assert plan(NOW, endless, ttlSecondsAfterFinished=60).step is None
    for kept in (plan(NOW, Recorded(), ttlSecondsAfterFinished=60), plan(NOW, over)):
        assert kept.ready and (kept.step, kept.verdict.requeue_at) == (None, None)
    waiting = plan(NOW, over, ttlSecondsAfterFinished=60)
    assert waiting.step is None and waiting.verdict.requeue_at == NOW + timedelta(seconds=216 + 60)
    done = plan(NOW + timedelta(seconds=276), over, ttlSecondsAfterFinished=60)
    assert isinstance(done.step, DeleteObject)
    gone = evaluate(
        FINISHED_RULES, replace(desired(ttlSecondsAfterFinished=60), deleting=True), observed(recorded=over), NOW
    )
    assert isinstance(gone, Plan) and gone.ready and gone.step is None


def test_an_end_without_a_condition_is_a_failure() -> None:
    assert read_recorded(resource()).over is None
    forged = read_recorded(resource({"completionTime": "2026-01-05T09:00:00Z"}))
    assert forged.over is not None and not forged.over.succeeded and forged.over.reason == reasons.FAILED


def test_an_invalid_spec_is_told() -> None:
    assert isinstance(read_desired(resource(retentionRule="Yearly")), Invalid)


def test_a_job_that_never_ends_is_given_up() -> None:
    endless = Following(job("InProgress"))
    late = NOW + timedelta(hours=24)
    found = make_plan(desired(), observed(endless), late)
    assert found.verdict.reason == reasons.TIMED_OUT and "for more than 24 h" in found.verdict.message
    after = build_status(resource(), endless, found, late)
    assert after.completion_time == late and after.job_id == "job-1"


def test_a_disk_that_has_yet_to_move_is_not_backed_up_by_the_policy_to_come() -> None:
    moving = replace(DISK, policy_id="/before")
    found = make_plan(desired(), observed(disk=moving), NOW)
    assert (
        found.verdict.reason == reasons.WAITING_FOR_PROTECTION
        and "Waiting for the disk to be migrated" in found.verdict.message
    )
