"""One disk is validated for all that the same roles serve: who asks, what it means, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, Grant
from azdiskbackup.core.objects.azure import InstanceRequest
from azdiskbackup.core.protected_disk.rules.instance import instance_request
from azdiskbackup.core.protected_disk.validation import (
    ACCEPTANCE_LASTS,
    AwaitingGroup,
    DiskValidation,
    GroupValidations,
    NeverRun,
    Passed,
    PassedForGroup,
    RetryForGroup,
    Running,
    Validation,
    ValidationRefused,
    is_shared,
)
from azdiskbackup.core.rules.intervals import OPERATION_POLL, VALIDATION_TAKES
from azdiskbackup.errors import EncryptionSetPermissionsMissing, InvalidRequest, OperatorError
from harness.objects import SUBSCRIPTION, disk_id
from unit.core.protected_disk.disk_world import DENIED, DISK, NOW, UNPROTECTED, desired

FIRST = instance_request(desired(), UNPROTECTED)
SECOND = replace(FIRST, disk=replace(DISK, id=ArmId.parse(disk_id("other"))))
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NEVER = NeverRun()


def refused(error: OperatorError = DENIED) -> ValidationRefused:
    return ValidationRefused(error, NOW, NOW, 1)


def grant(scope: object) -> Grant:
    return Grant(str(scope), SUBSCRIPTION, DISK_BACKUP_READER, "principal")


@pytest.fixture
def groups() -> GroupValidations:
    return GroupValidations()


@pytest.fixture
def asked(groups: GroupValidations) -> GroupValidations:
    """The first disk is validated for all."""
    assert groups.of(FIRST, "first", NeverRun(), NOW) == NeverRun()
    return groups


def second(groups: GroupValidations, now: datetime = NOW, own: Validation = NEVER) -> DiskValidation:
    """Return what to make of the second disk."""
    return groups.of(SECOND, "second", own, now)


def awaits(groups: GroupValidations, now: datetime = NOW) -> AwaitingGroup:
    found = second(groups, now)
    assert isinstance(found, AwaitingGroup)
    return found


def test_one_asks_and_the_others_wait_for_its_answer(asked: GroupValidations) -> None:
    assert asked.of(FIRST, "first", NEVER, NOW) == NEVER, "as often as it needs"
    assert awaits(asked).refused is None and awaits(asked).until > NOW + VALIDATION_TAKES, (
        "the one that asks looks first"
    )
    running = Running("url", NOW)
    assert asked.of(FIRST, "first", running, NOW) is running
    late = NOW + VALIDATION_TAKES + MINUTE
    assert asked.answered(FIRST, "first", running, late, None) is running
    assert awaits(asked, late).until >= late + OPERATION_POLL
    assert asked.answered(FIRST, "first", Passed(), late, None) == Passed()
    assert second(asked, late) == PassedForGroup()


@pytest.mark.parametrize(
    "other",
    [
        replace(SECOND, disk=replace(DISK, id=ArmId.parse(disk_id("d", group="other-rg")))),
        replace(SECOND, identity="another"),
        replace(SECOND, snapshot_group_id="another"),
        replace(SECOND, id=ArmId.parse(str(FIRST.id).replace("/demo/", "/another/"))),
    ],
    ids=["disks", "identity", "snapshots", "vault"],
)
def test_other_roles_are_another_question(asked: GroupValidations, other: InstanceRequest) -> None:
    asked.answered(FIRST, "first", Passed(), NOW, None)
    assert asked.of(other, "second", NEVER, NOW) == NEVER


def test_a_refusal_for_want_of_a_role_is_that_of_all(asked: GroupValidations) -> None:
    assert asked.answered(FIRST, "first", refused(), NOW, None) == NEVER, "not that of one disk"
    told = asked.refusal(SECOND)
    assert told is not None and (told.error, told.tries) == (DENIED, 1)
    for uid, request in (("first", FIRST), ("second", SECOND)):
        assert asked.of(request, uid, NEVER, NOW) == AwaitingGroup(told, NOW + MINUTE)
    # Whoever comes first is next, and the others wait for that.
    assert second(asked, NOW + MINUTE) == RetryForGroup(told)
    first = asked.of(FIRST, "first", NEVER, NOW + MINUTE)
    assert isinstance(first, AwaitingGroup) and first.refused == told
    running = asked.of(SECOND, "second", Running("url", NOW + MINUTE), NOW + MINUTE)
    assert running == AwaitingGroup(told, NOW + MINUTE + VALIDATION_TAKES), "another try is no news"
    assert asked.answered(SECOND, "second", refused(), NOW + 3 * MINUTE, None) == NEVER
    again = asked.refusal(FIRST)
    assert again is not None and (again.tries, again.first) == (2, NOW)
    asked.answered(FIRST, "first", Passed(), NOW + 9 * MINUTE, None)
    assert asked.refusal(FIRST) is None and second(asked, NOW + 9 * MINUTE) == PassedForGroup()


def test_who_is_asked_to_retry_waits_for_no_pause_of_its_group(asked: GroupValidations) -> None:
    asked.answered(FIRST, "first", refused(), NOW, None)
    told = asked.refusal(SECOND)
    assert told is not None and awaits(asked).until == NOW + MINUTE
    asked.retry(SECOND)
    assert second(asked) == RetryForGroup(told)
    asked.answered(SECOND, "second", refused(), NOW, None)
    assert awaits(asked).until == NOW + 2 * MINUTE, "until Azure has answered"


@pytest.mark.parametrize(
    "state",
    [refused(InvalidRequest("No", "No such disks.")), refused(EncryptionSetPermissionsMissing("No", "Not so.")), NEVER],
    ids=["another reason", "a key of its own", "no answer"],
)
def test_what_is_about_one_disk_holds_up_no_other(asked: GroupValidations, state: Validation) -> None:
    assert asked.answered(FIRST, "first", state, NOW, None) == state
    assert second(asked) == NEVER
    if isinstance(state, ValidationRefused):
        assert asked.of(FIRST, "first", state, NOW) == state, "it says so for itself"


def test_one_that_never_tells_is_not_waited_for_and_is_believed_late(asked: GroupValidations) -> None:
    late = NOW + 3 * MINUTE
    assert second(asked, late) == NEVER
    first = asked.of(FIRST, "first", NEVER, late)
    assert isinstance(first, AwaitingGroup), "it is the second one's turn"
    asked.answered(FIRST, "first", Passed(), late, None)
    assert second(asked, late) == PassedForGroup()


def test_a_refusal_of_long_ago_is_not_told_of_a_new_disk(asked: GroupValidations) -> None:
    asked.answered(FIRST, "first", refused(), NOW, None)
    assert isinstance(second(asked, NOW + timedelta(hours=2)), RetryForGroup)
    assert asked.of(FIRST, "third", NEVER, NOW + DAY) == NEVER


def test_an_acceptance_lasts_for_a_day_after_the_last_backup(groups: GroupValidations) -> None:
    groups.backed_up(FIRST, NOW)
    groups.backed_up(FIRST, NOW - DAY)
    assert second(groups, NOW + DAY - MINUTE) == PassedForGroup()
    assert second(groups, NOW + ACCEPTANCE_LASTS) == NEVER
    groups.backed_up(FIRST, NOW + DAY)
    assert second(groups, NOW + ACCEPTANCE_LASTS) == PassedForGroup()


def test_a_doubt_ends_it_until_something_newer_is_known(groups: GroupValidations) -> None:
    groups.backed_up(FIRST, NOW)
    groups.doubt(SECOND, NOW + MINUTE)
    groups.doubt(SECOND, NOW - DAY)
    groups.backed_up(FIRST, NOW)
    assert second(groups, NOW + MINUTE) == NEVER, "an older backup proves nothing"
    groups.answered(SECOND, "second", Passed(), NOW + 2 * MINUTE, None)
    assert second(groups, NOW + 2 * MINUTE) == PassedForGroup()


def test_a_role_that_is_new_or_revoked_is_a_doubt_about_its_group_alone(groups: GroupValidations) -> None:
    other = replace(SECOND, disk=replace(DISK, id=ArmId.parse(disk_id("d", group="other-rg"))))
    for each in (FIRST, other):
        groups.backed_up(each, NOW)
    groups.doubt_grant(grant(DISK.id), NOW + MINUTE)
    assert second(groups, NOW + MINUTE) == PassedForGroup(), "a role on one disk is no role of the group"
    groups.doubt_grant(grant(DISK.id.resource_group), NOW + MINUTE)
    assert second(groups, NOW + MINUTE) == NEVER
    assert groups.of(other, "other", NEVER, NOW + MINUTE) == PassedForGroup()


def test_backups_by_roles_of_before_prove_nothing_of_a_new_one(groups: GroupValidations) -> None:
    """Each disk had a role of its own; the vault has one for all now, which has not propagated."""
    groups.doubt_grant(grant(DISK.id.resource_group), NOW)
    groups.backed_up(FIRST, NOW + 20 * MINUTE)
    assert second(groups, NOW + 20 * MINUTE) == NEVER
    groups.backed_up(FIRST, NOW + 45 * MINUTE)
    assert second(groups, NOW + 45 * MINUTE) == PassedForGroup()


def test_a_role_on_a_disk_is_its_own() -> None:
    assert is_shared(grant(DISK.id.resource_group)) and not is_shared(grant(DISK.id))
