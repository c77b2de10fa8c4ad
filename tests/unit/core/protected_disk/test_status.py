"""Whether backups are healthy, and the status of a disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.objects.azure import NO_JOBS, AzureFailure, AzureJob, AzureRestorePoint, job_history
from azdiskbackup.core.objects.pvc import NotBound
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.protected_disk.health import backup_health, next_due, next_job_due, unattended
from azdiskbackup.core.protected_disk.observed import Observed, read_recorded
from azdiskbackup.core.protected_disk.rate_limited import status_while_rate_limited as limited
from azdiskbackup.core.protected_disk.rate_limited import stays_true
from azdiskbackup.core.protected_disk.restore_points import (
    hides_expired,
    next_expiry,
    unexpired,
)
from azdiskbackup.core.protected_disk.status import backup_expected, build_status, deadline, job_expected
from azdiskbackup.core.protected_disk.steps import PutInstance, Validate
from azdiskbackup.core.protected_disk.validation import AwaitingGroup, NeverRun, Running
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import LeaderHandover, RateLimited
from azdiskbackup.reconcilers.common.context import Deadlines
from unit.core.protected_disk.disk_world import (
    DISK,
    INSTANCE,
    NOW,
    POLICY_ID,
    PROTECTED,
    SCHEDULE,
    UNPROTECTED,
    VAULT_ID,
    desired,
    in_state,
    make_plan,
    resource,
    with_recorded,
)

# --- health and status --------------------------------------------------------------------------


def job(start: datetime, state: str = "Completed", minutes: int = 4, **more: Any) -> AzureJob:
    end = None if state == "InProgress" else start + timedelta(minutes=minutes)
    return AzureJob("j", "i", "Backup", state, False, "a", start, end, end and end - start, **more)


def health(jobs: list[AzureJob], now: datetime, last: datetime | None) -> tuple[str, str]:
    found = backup_health(SCHEDULE, job_history(jobs, now), NOW, last, now)
    return found.status, found.reason


def test_backup_health() -> None:
    due = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    limit = due + timedelta(hours=2, minutes=30)
    assert health([], NOW, None) == ("Unknown", reasons.NO_BACKUP_YET)
    assert health([], limit, None) == ("Unknown", reasons.NO_BACKUP_YET), "no sooner"
    assert health([], limit + timedelta(seconds=1), None) == ("False", reasons.BACKUP_OVERDUE)
    good = job(due)
    assert health([good], due + timedelta(hours=1), due) == ("True", reasons.BACKUP_SUCCEEDED)
    failed = job(due + timedelta(hours=4), "Failed", failure=AzureFailure("C", "m"))
    assert health([failed, good], due + timedelta(hours=5), due) == ("False", reasons.BACKUP_FAILED)
    old = backup_health(SCHEDULE, NO_JOBS, NOW, due, NOW + timedelta(days=5))
    assert old.reason == reasons.BACKUP_OVERDUE
    resumed = NOW + timedelta(days=4, hours=23)
    assert backup_health(SCHEDULE, NO_JOBS, resumed, due, NOW + timedelta(days=5)).status == "True", "not due yet"
    running = job(due + timedelta(hours=4), "InProgress")
    assert health([running, good], due + timedelta(hours=4, minutes=1), due) == ("True", reasons.BACKUP_SUCCEEDED)
    assert next_due(SCHEDULE, NO_JOBS, NOW, None) == (due, limit)
    assert next_due(SCHEDULE, NO_JOBS, NOW, due)[1] == limit + timedelta(hours=4)


def test_a_job_is_expected_of_each_run_of_the_schedule_also_after_one_that_failed() -> None:
    due = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    four_hours = timedelta(hours=4)
    failed = job_history([job(due, "Failed", failure=AzureFailure("C", "m"))], NOW + four_hours)
    assert next_job_due(SCHEDULE, NO_JOBS, NOW, None)[0] == due
    assert next_due(SCHEDULE, failed, NOW, None)[0] == due, "none was good yet"
    assert next_job_due(SCHEDULE, failed, NOW, None)[0] == due + four_hours
    assert next_job_due(SCHEDULE, failed, NOW, due + four_hours)[0] == due + 2 * four_hours, (
        "its job is no longer shown"
    )
    known = ProtectedDiskStatus(active_since=NOW)
    observed = replace(PROTECTED, jobs=failed)
    good, any_ = backup_expected(known, observed), job_expected(known, observed)
    assert good is not None and any_ is not None and job_expected(ProtectedDiskStatus(), observed) is None
    assert deadline(known, replace(observed, jobs_at=good[1] - timedelta(seconds=1)), NOW) == good[1]
    assert deadline(known, replace(observed, jobs_at=good[1] + timedelta(seconds=1)), NOW) == any_[1]
    assert deadline(known, replace(observed, jobs_at=any_[1] + timedelta(seconds=1)), NOW) is None


def test_status_shows_jobs_and_restore_points_and_keeps_what_was_not_looked_at() -> None:
    good, failed = (
        job(NOW - timedelta(hours=1)),
        job(NOW - timedelta(hours=5), "Failed", failure=AzureFailure("C", "m")),
    )
    old = job(NOW - timedelta(days=8))
    points = tuple(
        AzureRestorePoint(f"p{n}", NOW - timedelta(hours=n), NOW + timedelta(days=7), "Default", "Incremental")
        for n in range(25)
    )
    observed = replace(PROTECTED, jobs=job_history([old, failed, good], NOW), restore_points=points)
    found = build_status(resource(), desired(), observed, make_plan(desired(), observed, NOW), NOW)
    assert found.policy_id == POLICY_ID
    assert found.jobs is not None and (found.jobs.completed, found.jobs.failed, found.jobs.in_progress) == (1, 1, 0)
    assert found.last_backup is not None and found.last_backup.duration_seconds == 240
    assert found.last_successful_backup_time == good.start
    assert found.restore_points is not None and found.restore_points.count == 25
    assert len(found.restore_points.recent) == 20 and found.restore_points.recent[0].id == "p0"
    assert found.next_backup_time == datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    assert found.disk is not None and found.disk.persistent_volume == "pv"
    later = Resource({**resource().raw, "status": found.to_wire()})
    kept = build_status(later, desired(), PROTECTED, make_plan(desired(), PROTECTED, NOW), NOW)
    assert kept.restore_points == found.restore_points and kept.jobs == found.jobs


def test_a_disk_on_its_way_says_that_it_waits_for_azures_limits() -> None:
    status = limited(resource(), RateLimited(), NOW)
    assert status is not None and status.observed_generation is None
    assert [(each.type, each.status) for each in status.conditions] == [("Ready", "False"), ("Reconciling", "True")]
    assert {each.reason for each in status.conditions} == {reasons.WAITING_FOR_LIMITS}
    after = Resource({**resource().raw, "status": status.to_wire()})
    assert limited(after, RateLimited(), NOW) is None and limited(resource(deleting=True), RateLimited(), NOW) is None
    validates = make_plan(desired(), replace(UNPROTECTED, validation=NeverRun()), NOW)
    assert isinstance(validates.step, Validate)
    assert stays_true(after, validates) and not stays_true(resource(), validates), (
        "an empty status is worse than a write"
    )
    puts = make_plan(desired(), UNPROTECTED, NOW)
    assert isinstance(puts.step, PutInstance) and stays_true(after, puts)
    configuring = make_plan(desired(), PROTECTED, NOW)
    assert not stays_true(after, configuring) and stays_true(after, configuring, was_just_sent=True)
    validating = replace(UNPROTECTED, validation=Running("url", NOW, None))
    started = build_status(resource(), desired(), validating, make_plan(desired(), validating, NOW), NOW)
    queued = limited(Resource({**resource().raw, "status": started.to_wire()}), RateLimited(), NOW + timedelta(hours=1))
    assert queued is not None and queued.observed_generation == 2
    assert {each.type for each in queued.conditions if each.reason == reasons.WAITING_FOR_LIMITS} == {
        "Validated",
        "Ready",
        "Reconciling",
    }
    assert len(queued.conditions) == len(started.conditions)
    protected = build_status(resource(), desired(), PROTECTED, make_plan(desired(), PROTECTED, NOW), NOW)
    assert limited(Resource({**resource().raw, "status": protected.to_wire()}), RateLimited(), NOW) is None


def test_a_disk_that_waits_for_its_turn_says_so_once() -> None:
    waiting = replace(UNPROTECTED, validation=AwaitingGroup(None, NOW + timedelta(minutes=1)))
    told = build_status(resource(), desired(), waiting, make_plan(desired(), waiting, NOW), NOW)
    behind = Resource({**resource().raw, "status": told.to_wire()})
    assert limited(behind, RateLimited(), NOW) is None, "others are ahead, as it says"
    assert stays_true(behind, make_plan(desired(), UNPROTECTED, NOW)), "its own turn is a moment"
    assert not stays_true(behind, make_plan(desired(), PROTECTED, NOW))
    handover = limited(behind, LeaderHandover(), NOW)
    assert handover is not None and reasons.LEADER_HANDOVER in {each.reason for each in handover.conditions}


def test_a_disk_says_that_another_replica_led_until_a_moment_ago() -> None:
    status = limited(resource(), LeaderHandover(), NOW)
    assert status is not None and {each.reason for each in status.conditions} == {reasons.LEADER_HANDOVER}
    after = Resource({**resource().raw, "status": status.to_wire()})
    limits = limited(after, RateLimited(), NOW)
    assert limits is not None and {each.reason for each in limits.conditions} == {reasons.WAITING_FOR_LIMITS}
    waits = Resource({**resource().raw, "status": limits.to_wire()})
    assert stays_true(waits, make_plan(desired(), UNPROTECTED, NOW)), "a write less"
    assert not stays_true(after, make_plan(desired(), UNPROTECTED, NOW)), "it said that it goes on within a minute"


def test_restore_points_that_have_expired_are_left_out_without_asking() -> None:
    days = [timedelta(days=number) for number in range(3)]
    points = tuple(
        AzureRestorePoint(f"p{day.days}", NOW - day, NOW + timedelta(days=7) - day, None, None) for day in days
    )
    observed = replace(PROTECTED, restore_points=points)
    found = build_status(resource(), desired(), observed, make_plan(desired(), observed, NOW), NOW)
    known = found.restore_points
    assert known is not None and (known.count, known.oldest) == (3, NOW - days[2])
    later = NOW + timedelta(days=5)
    assert next_expiry(known, "BackupsSuspended", NOW) == later
    assert next_expiry(known, "ProtectionConfigured", NOW) is None, "the next backup has it looked at"
    assert next_expiry(None, "BackupsSuspended", NOW) is None
    assert unexpired(known, "BackupsSuspended", later - timedelta(seconds=1)) is known
    left = unexpired(known, "BackupsSuspended", later)
    assert (left.count, left.oldest, left.observed_time) == (2, NOW - days[1], known.observed_time)
    assert unexpired(known, "ProtectionStopped", later) is known, "nothing expires"
    kept = unexpired(known, "BackupsSuspended", NOW + timedelta(days=99))
    assert [point.id for point in kept.recent] == ["p0"], "Azure keeps the newest one"
    assert next_expiry(kept, "BackupsSuspended", NOW) is None
    more = known.model_copy(update={"count": 30})
    assert unexpired(more, "ProtectionConfigured", later) is more, "of those that are not shown nobody knows"
    after = Resource({**resource().raw, "status": found.to_wire()})
    assert (
        build_status(after, desired(), PROTECTED, make_plan(desired(), PROTECTED, later), later).restore_points == left
    )
    hiding = found.model_copy(update={"restore_points": known.model_copy(update={"count": 30})})
    assert hides_expired(hiding, later) and not hides_expired(hiding, NOW) and not hides_expired(found, later)
    assert not hides_expired(ProtectedDiskStatus(), later)


def test_health_is_not_judged_by_a_policy_that_the_disk_does_not_have_yet() -> None:
    observed = in_state("ProtectionConfigured", policy_id="before")
    observed = replace(with_recorded(observed, policy_id="before"), migrate_at=NOW + timedelta(hours=1))
    found = build_status(resource(), desired(), observed, make_plan(desired(), observed, NOW), NOW)
    health_ = next(each for each in found.conditions if each.type == "BackupHealthy")
    assert health_.status == "Unknown" and "Waiting for the disk to be migrated" in health_.message


def test_backups_are_expected_from_when_the_disk_began_to_have_this_schedule() -> None:
    def after(observed: Observed, before: dict[str, Any], now: datetime, **spec: Any) -> ProtectedDiskStatus:
        wants = desired(**spec)
        return build_status(
            Resource({**resource(**spec).raw, "status": before}), wants, observed, make_plan(wants, observed, now), now
        )

    first = after(PROTECTED, {}, NOW)
    assert first.active_since == NOW and backup_expected(first, PROTECTED) is not None
    later = NOW + timedelta(days=9)
    assert after(PROTECTED, first.to_wire(), later).active_since == NOW
    error = in_state("ProtectionError")
    assert after(error, first.to_wire(), later).active_since == NOW, "what fails was still expected"
    resting = after(in_state("BackupsSuspended"), first.to_wire(), NOW, protection="Suspended")
    assert resting.active_since is None and backup_expected(resting, PROTECTED) is None
    assert after(PROTECTED, resting.to_wire(), later).active_since == later, "nothing was missed meanwhile"
    by_portal = after(in_state("BackupsSuspended"), first.to_wire(), later)
    assert by_portal.active_since is None
    moved = after(PROTECTED, {**first.to_wire(), "policyID": "another"}, later)
    assert moved.active_since == later


def test_a_deadline_is_kept_until_what_was_seen_is_newer() -> None:
    known = ProtectedDiskStatus(active_since=NOW)
    expected = backup_expected(known, PROTECTED)
    assert expected is not None and deadline(known, PROTECTED, NOW) == expected[1]
    assert deadline(known, replace(PROTECTED, jobs_at=expected[1]), NOW) == expected[1], "the next sweep tells"
    assert deadline(known, replace(PROTECTED, jobs_at=expected[1] + timedelta(seconds=1)), NOW) is None
    assert deadline(ProtectedDiskStatus(), PROTECTED, NOW) is None
    assert deadline(known, PROTECTED, expected[1] + timedelta(seconds=1)) is None, "no sweep can judge it"


def test_a_restore_point_proves_a_backup_whose_job_nobody_shows() -> None:
    point = AzureRestorePoint("p", NOW, None, None, None)
    observed = replace(PROTECTED, restore_points=(point,))
    found = build_status(resource(), desired(), observed, make_plan(desired(), observed, NOW), NOW)
    assert found.last_successful_backup_time is None
    expected = backup_expected(found.model_copy(update={"active_since": NOW - timedelta(days=9)}), observed)
    assert expected is not None and expected[0] > NOW


def test_the_letter_case_of_an_id_is_no_news() -> None:
    before = {"backupInstanceID": str(INSTANCE.id).upper(), "policyID": POLICY_ID.upper()}
    found = build_status(
        Resource({**resource().raw, "status": before}), desired(), PROTECTED, make_plan(desired(), PROTECTED, NOW), NOW
    )
    assert (found.backup_instance_id, found.policy_id) == (str(INSTANCE.id).upper(), POLICY_ID.upper())
    assert INSTANCE.looks_like(replace(INSTANCE, policy_id=POLICY_ID.upper()))
    assert not INSTANCE.looks_like(replace(INSTANCE, state="ProtectionStopped"))
    assert INSTANCE.id.parent == VAULT_ID and not INSTANCE.is_changing


def test_the_disk_in_status_stands_in_while_it_cannot_be_read() -> None:
    found = build_status(resource(), desired(), PROTECTED, make_plan(desired(), PROTECTED, NOW), NOW)
    assert read_recorded(Resource({**resource().raw, "status": found.to_wire()})).disk == DISK
    forged = Resource({**resource().raw, "status": {"disk": {"id": "x"}, "backupInstanceID": "y"}})
    assert (read_recorded(forged).disk, read_recorded(forged).instance_id) == (None, None)


def test_since_when_the_pvc_is_gone_stands_until_it_is_there() -> None:
    gone, known = replace(UNPROTECTED, claim=NOT_FOUND), resource()

    def since(observed: Observed, now: datetime) -> datetime | None:
        nonlocal known
        built = build_status(known, desired(), observed, make_plan(desired(), observed, now), now)
        known = Resource({**known.raw, "status": built.to_wire()})
        return built.persistent_volume_claim_not_found_since

    assert since(UNPROTECTED, NOW) is None
    assert since(gone, NOW) == since(gone, NOW + timedelta(hours=1)) == NOW
    assert since(replace(UNPROTECTED, claim=NotBound("It waits.")), NOW + timedelta(hours=2)) is None
    assert since(gone, NOW + timedelta(hours=3)) == NOW + timedelta(hours=3)


def test_how_many_snapshots_others_took_stands_until_they_are_counted_anew() -> None:
    def after(known: Resource, **observed: Any) -> ProtectedDiskStatus:
        found = replace(PROTECTED, **observed)
        return build_status(known, desired(), found, make_plan(desired(), found, NOW), NOW)

    status = after(resource(), other_snapshots=3).to_wire()
    known = Resource({**resource().raw, "status": status})
    elsewhere = Resource({**known.raw, "status": {**status, "disk": {**status["disk"], "id": f"{DISK.id}-before"}}})
    told = [after(known), after(known, other_snapshots=0), after(known, other_snapshots=4), after(elsewhere)]
    assert [each.disk.other_snapshots for each in told if each.disk is not None] == [3, None, 4, None]


def test_a_job_that_was_seen_to_end_is_history_before_an_index_shows_it() -> None:
    running = job(NOW, "InProgress")
    shown = job_history([running], NOW)
    ended = replace(job(NOW), on_demand=True)
    after = shown.with_job(ended)
    assert (after.completed, after.failed, after.running, after.recent) == (1, 0, 0, (ended,))
    assert after.on_demand == {"j": NOW} and after.ended_backup == ended
    assert after.with_job(ended) is after
    failed = NO_JOBS.with_job(job(NOW, "Failed"))
    assert (failed.completed, failed.failed, failed.running) == (0, 1, 0)


def test_deadlines_are_told_once() -> None:
    deadlines, one, other = Deadlines(), Key("K", "", "one"), Key("K", "", "other")
    deadlines.set(one, NOW)
    deadlines.set(other, NOW + timedelta(hours=1))
    assert deadlines.passed(NOW) == [] and deadlines.passed(NOW + timedelta(seconds=1)) == [one]
    deadlines.set(other, None)
    assert deadlines.passed(NOW + timedelta(days=1)) == []


def test_who_is_uninstalled_no_longer_says_that_backups_succeed() -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Protected", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    good = {**ready, "type": "BackupHealthy", "reason": "BackupSucceeded", "observedGeneration": 3}
    told = unattended([good, ready], NOW)
    assert told is not None and told[1] is ready, "what the next installation goes by stays"
    assert (told[0]["status"], told[0]["reason"]) == ("False", reasons.OPERATOR_UNINSTALLED)
    assert told[0]["lastTransitionTime"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}" and told[0]["observedGeneration"] == 3
    assert "no longer checked" in told[0]["message"]
    failing = {**good, "status": "False", "reason": "BackupFailed"}
    again = unattended([failing], NOW)
    assert again is not None and again[0]["lastTransitionTime"] == failing["lastTransitionTime"]
    assert unattended(told, NOW) is None and unattended([ready], NOW) is None
