"""What passes over a disk leave for each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.protected_disk.rules.instance import instance_request
from azdiskbackup.core.protected_disk.validation import NeverRun, Passed, ValidationRefused
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import AlreadyProtected, InvalidRequest
from azdiskbackup.reconcilers.protected_disk.state import (
    BURST_SIZE,
    BURST_WINDOW,
    BurstDetector,
    DiskState,
    KnownConflict,
    KnownDisk,
    KnownHistory,
    KnownValidation,
    RoleRecheck,
)
from unit.core.protected_disk.disk_world import DISK, NOW, UNPROTECTED, desired
from unit.core.protected_disk.test_status import job


def test_a_disk_is_valid_for_a_while_and_known_for_longer() -> None:
    known, other = KnownDisk(), ArmId.parse(f"{DISK.id}-2")
    assert known.get(DISK.id, NOW) is None and known.get_stale(DISK.id) is None
    known.set(DISK, NOW + timedelta(hours=1))
    assert known.get(DISK.id, NOW) == DISK and known.get(other, NOW) is None
    assert known.get(DISK.id, NOW + timedelta(hours=1)) is None and known.get_stale(DISK.id) == DISK
    known.expire()
    assert known.get(DISK.id, NOW) is None and known.get_stale(DISK.id) == DISK
    known.set(None)
    assert known.get_stale(DISK.id) is None


def test_the_answer_of_a_validation_is_about_its_request_alone() -> None:
    request = instance_request(desired(), UNPROTECTED)
    known = KnownValidation(Passed(), request)
    known.reset_unless_about(request)
    assert known.state == Passed()
    known.reset_unless_about(replace(request, policy_id="another"))
    assert (known.state, known.request) == (NeverRun(), None)


def test_a_conflict_is_searched_for_once_for_each_refusal() -> None:
    conflict, refusal = KnownConflict(), AlreadyProtected("Already", "Twice.")
    assert conflict.is_search_due(refusal)
    assert not conflict.is_search_due(None) and not conflict.is_search_due(InvalidRequest("No", "No."))
    conflict.searched_for = refusal
    assert not conflict.is_search_due(refusal) and conflict.is_search_due(AlreadyProtected("Already", "Twice."))


def test_a_role_is_rechecked_once_for_each_cause() -> None:
    recheck = RoleRecheck()
    assert recheck.cause is None and recheck.is_new("job 1") and not recheck.is_new("job 1")
    recheck.instance_is_fine()
    assert recheck.is_for_job, "that the instance looks well says nothing about a job"
    recheck.job_is_fine()
    assert recheck.cause is None
    assert recheck.is_new("deleted") and not recheck.is_for_job
    recheck.job_is_fine()
    assert recheck.cause is not None
    recheck.instance_is_fine()
    assert recheck.cause is None and recheck.is_new("deleted")


def test_a_failed_backup_is_noticed_once() -> None:
    history, failed = KnownHistory(), job(NOW, "Failed")
    assert not history.is_new_failure(None)
    assert history.is_new_failure(failed) and not history.is_new_failure(failed)
    assert not history.is_new_failure(job(NOW)) and history.failed_job is None
    assert history.is_new_failure(failed)


def test_a_refusal_is_that_of_the_validation_or_of_the_last_step() -> None:
    state, error = DiskState(), InvalidRequest("No", "No.")
    assert state.refusal is None
    state.steps.error = error
    assert state.refusal is error
    state.validation.state = ValidationRefused(InvalidRequest("Other", "No."), NOW, NOW, 1)
    assert state.refusal is state.validation.state.error


def test_many_new_objects_within_a_short_time_are_a_burst() -> None:
    burst = BurstDetector()
    for number in range(BURST_SIZE + 1):
        assert burst.started() is None
        burst.add(Key("ProtectedDisk", "shop", f"data-{number}"), NOW)
    burst.add(Key("ProtectedDisk", "shop", "data-0"), NOW + timedelta(seconds=1))
    assert burst.started() == NOW
    burst.add(Key("ProtectedDisk", "shop", "late"), NOW + BURST_WINDOW)
    assert burst.started() is None
