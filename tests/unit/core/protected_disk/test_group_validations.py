"""One disk is validated for all that the same roles serve: who asks, what it means, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, Grant
from azdiskbackup.core.objects.azure import InstanceRequest
from azdiskbackup.core.protected_disk.rules.instance import instance_request
from azdiskbackup.core.protected_disk.validation import (
    ACCEPTANCE_LASTS,
    AwaitingGroup,
    GroupValidations,
    NeverRun,
    Passed,
    PassedForGroup,
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
    assert groups.ask(FIRST, "first", NOW)
    return groups


def test_one_asks_and_the_others_wait_for_its_answer(asked: GroupValidations) -> None:
    assert asked.ask(FIRST, "first", NOW) and not asked.ask(SECOND, "second", NOW)
    found = asked.of(SECOND, "second", NeverRun(), NOW)
    assert isinstance(found, AwaitingGroup) and found.refused is None
    assert found.until > NOW + VALIDATION_TAKES, "the one that asks looks first"
    running = Running("url", NOW)
    assert asked.of(FIRST, "first", running, NOW) is running
    asked.tell(FIRST, "first", running, NOW + VALIDATION_TAKES)
    later = asked.of(SECOND, "second", NeverRun(), NOW + VALIDATION_TAKES)
    assert isinstance(later, AwaitingGroup) and later.until > NOW + VALIDATION_TAKES + OPERATION_POLL
    asked.tell(FIRST, "first", Passed(), NOW + VALIDATION_TAKES)
    assert asked.of(SECOND, "second", NeverRun(), NOW + VALIDATION_TAKES) == PassedForGroup()


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
    assert asked.of(other, "second", NeverRun(), NOW) == NeverRun() and asked.ask(other, "second", NOW)
    asked.tell(FIRST, "first", Passed(), NOW)
    assert asked.of(other, "second", NeverRun(), NOW) == NeverRun()


def test_a_refusal_for_want_of_a_role_is_that_of_all(asked: GroupValidations) -> None:
    asked.tell(FIRST, "first", refused(), NOW)
    found = asked.of(SECOND, "second", NeverRun(), NOW)
    assert isinstance(found, AwaitingGroup) and found.refused == refused()
    assert found.until > NOW + MINUTE + VALIDATION_TAKES, "after its next try"
    # Whoever was refused before goes on once one of them is accepted.
    assert asked.of(SECOND, "second", refused(), NOW) == refused()
    asked.tell(FIRST, "first", Passed(), NOW + MINUTE)
    assert asked.of(SECOND, "second", refused(), NOW + MINUTE) == PassedForGroup()


@pytest.mark.parametrize(
    "state",
    [
        refused(InvalidRequest("No", "No such disks.")),
        refused(EncryptionSetPermissionsMissing("No", "Not with this key.")),
        NeverRun(),
    ],
    ids=["another reason", "a key of its own", "no answer"],
)
def test_what_is_about_one_disk_holds_up_no_other(asked: GroupValidations, state: Validation) -> None:
    asked.tell(FIRST, "first", state, NOW)
    assert asked.of(SECOND, "second", NeverRun(), NOW) == NeverRun() and asked.ask(SECOND, "second", NOW)
    assert asked.of(FIRST, "first", state, NOW) == state or isinstance(state, NeverRun)


def test_one_that_never_tells_is_not_waited_for(asked: GroupValidations) -> None:
    late = NOW + VALIDATION_TAKES + 4 * OPERATION_POLL
    assert asked.of(SECOND, "second", NeverRun(), late) == NeverRun() and asked.ask(SECOND, "second", late)
    # It is told too late, and means nothing any more.
    asked.tell(FIRST, "first", Passed(), late)
    assert asked.of(SECOND, "second", NeverRun(), late) == NeverRun()


def test_an_acceptance_lasts_for_a_day_after_the_last_backup(groups: GroupValidations) -> None:
    groups.accept(FIRST, NOW)
    groups.accept(FIRST, NOW - DAY)
    assert groups.of(SECOND, "second", NeverRun(), NOW + DAY - MINUTE) == PassedForGroup()
    assert groups.of(SECOND, "second", NeverRun(), NOW + ACCEPTANCE_LASTS) == NeverRun()
    groups.accept(FIRST, NOW + DAY)
    assert groups.of(SECOND, "second", NeverRun(), NOW + ACCEPTANCE_LASTS) == PassedForGroup()


def test_a_doubt_ends_it_until_something_newer_is_known(groups: GroupValidations) -> None:
    groups.accept(FIRST, NOW)
    groups.doubt(SECOND, NOW + MINUTE)
    groups.accept(FIRST, NOW)
    assert groups.of(SECOND, "second", NeverRun(), NOW + MINUTE) == NeverRun(), "an older backup proves nothing"
    groups.accept(FIRST, NOW + 2 * MINUTE)
    assert groups.of(SECOND, "second", NeverRun(), NOW + 2 * MINUTE) == PassedForGroup()


def test_a_role_that_is_new_or_revoked_is_a_doubt_about_its_group_alone(groups: GroupValidations) -> None:
    other = replace(SECOND, disk=replace(DISK, id=ArmId.parse(disk_id("d", group="other-rg"))))
    for each in (FIRST, other):
        groups.accept(each, NOW)
    groups.doubt_grant(grant(DISK.id.resource_group), NOW + MINUTE)
    assert groups.of(SECOND, "second", NeverRun(), NOW + MINUTE) == NeverRun()
    assert groups.of(other, "other", NeverRun(), NOW + MINUTE) == PassedForGroup()


def test_a_role_on_a_disk_is_its_own() -> None:
    assert is_shared(FIRST, grant(DISK.id.resource_group)) and not is_shared(FIRST, grant(DISK.id))
