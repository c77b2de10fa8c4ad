"""What others change in Azure, what Azure changes late, and rights that come late or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from azdiskbackup.core.identity.arm_ids import vault_id
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.steps import (
    AssignRole,
    PutInstance,
    Resume,
    RevokeRole,
    Undelete,
    Validate,
)
from azdiskbackup.core.protected_disk.validation import (
    AwaitingGroup,
    NeverRun,
    PassedForGroup,
    RetryForGroup,
    Running,
    ValidationRefused,
    next_refusal,
    permission_pause,
)
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED
from azdiskbackup.core.rules.verdicts import Progress
from azdiskbackup.errors import AlreadyProtected, InvalidRequest
from harness.objects import SUBSCRIPTION
from unit.core.protected_disk.disk_world import (
    DENIED,
    DISK,
    INSTANCE,
    LACKS,
    MAY_DELETE,
    NOW,
    POLICY_ID,
    PROTECTED,
    UNPROTECTED,
    VAULT,
    VAULT_ID,
    desired,
    in_state,
    make_plan,
    needs,
    with_recorded,
)

# --- what others change in Azure ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("observed", "step"),
    [
        (in_state("ProtectionStopped"), Resume),
        (replace(in_state("SoftDeleted", soft_deleted_until=NOW), role_grant=True), Undelete),
        (in_state("ProtectionConfigured", policy_id="another"), PutInstance),
        (replace(UNPROTECTED, validation=NeverRun()), Validate),
    ],
)
def test_what_somebody_changed_is_put_back_and_said(observed: Observed, step: type) -> None:
    settled = with_recorded(observed, is_settled=True, policy_id=POLICY_ID)
    found = make_plan(desired(), settled, NOW)
    assert isinstance(found.step, step) and found.verdict.reason == reasons.DRIFT_CORRECTED
    edited = make_plan(desired(), replace(observed, migrate_at=NOW), NOW)
    assert edited.verdict.reason != reasons.DRIFT_CORRECTED


def test_disks_move_to_an_edited_policy_in_their_turn() -> None:
    moving = with_recorded(in_state("ProtectionConfigured", policy_id="before"), is_settled=True, policy_id="before")
    assert needs(desired(), moving) is Fact.MIGRATION_TURN
    later = NOW + timedelta(minutes=2)
    waiting_ = make_plan(desired(), replace(moving, migrate_at=later), NOW)
    assert waiting_.ready and waiting_.step is None, "protected by the old policy until its turn comes"
    found = make_plan(desired(), replace(moving, migrate_at=later), later)
    assert isinstance(found.step, PutInstance) and found.verdict.reason == reasons.CHANGING_PROTECTION
    stopped = make_plan(desired(protection="Stopped"), in_state("ProtectionStopped", policy_id="before"), NOW)
    assert stopped.ready and stopped.step is None, "to move it would resume it"


def test_roles_that_others_assign_are_asked_for_by_name() -> None:
    vault = replace(VAULT, assigns_roles=False)
    unasked = replace(UNPROTECTED, vault=vault, role_grant=NOT_FETCHED)
    assert isinstance(make_plan(desired(), unasked, NOW).step, PutInstance), "Azure's validation passed"
    refused = replace(unasked, validation=ValidationRefused(DENIED, NOW, NOW, 1))
    assert needs(desired(), refused) is Fact.ROLE_GRANT
    for first in (NOW, NOW - timedelta(hours=2)):
        lacking = replace(refused, role_grant=False, validation=ValidationRefused(DENIED, NOW, first, 1))
        found = make_plan(desired(), lacking, NOW)
        assert (found.step, found.verdict.reason) == (None, reasons.WAITING_FOR_PERMISSIONS)
        assert f"--scope {DISK.id}" in found.verdict.message and "'Disk Backup Reader'" in found.verdict.message
        assert found.verdict.progress is Progress.STALLED
    seen = make_plan(desired(), replace(refused, role_grant=True), NOW)
    assert "az role assignment" not in seen.verdict.message and seen.verdict.progress is Progress.RECONCILING
    lost = replace(in_state("ProtectionError", failure=LACKS), vault=vault, role_grant=False)
    told = next(each for each in make_plan(desired(), lost, NOW).findings if each.type == reasons.ROLES_GRANTED)
    assert (told.status, told.reason) == ("False", reasons.ROLE_MISSING)


def test_a_resource_guard_is_named_when_it_may_be_in_the_way() -> None:
    guarded = replace(VAULT, is_guarded=True)
    stopping = make_plan(desired(protection="Stopped"), replace(PROTECTED, vault=guarded), NOW).verdict
    assert stopping.refusal_reason == reasons.RESOURCE_GUARD and "change its protection to Stopped" in str(
        stopping.hint
    )
    resuming = make_plan(desired(), replace(in_state("ProtectionStopped"), vault=guarded), NOW).verdict
    assert resuming.step is not None and resuming.refusal_reason is None


def test_one_right_for_a_group_of_disks() -> None:
    vault = replace(VAULT, role_scope="ResourceGroup")
    found = make_plan(desired(), replace(UNPROTECTED, vault=vault, role_grant=False), NOW).step
    assert isinstance(found, AssignRole) and found.grant.scope == str(DISK.id.resource_group)
    leaving = replace(UNPROTECTED, vault=replace(vault, access=MAY_DELETE.access), role_grant=True)
    going = desired(deleting=True, deletionPolicy="Delete")
    assert isinstance(make_plan(going, leaving, NOW).step, RevokeRole)
    kept = make_plan(going, replace(leaving, grant_used_by=("shop/other",)), NOW)
    assert kept.ready and "shop/other" in kept.verdict.message


def test_where_the_disk_is_protected_already_is_said() -> None:
    elsewhere = AlreadyProtected("UserErrorDppDatasourceAlreadyProtected", "Twice.")
    holder = replace(INSTANCE, id=vault_id(SUBSCRIPTION, "other-rg", "other").child("backupInstances", "theirs"))
    observed = replace(UNPROTECTED, validation=ValidationRefused(elsewhere, NOW, NOW, 1), conflicting_instance=holder)
    found = make_plan(desired(), observed, NOW)
    assert found.verdict.reason == reasons.OWNED_ELSEWHERE and found.verdict.progress.name == "STALLED"
    for word in ("theirs", "vault other", "other-rg", "ProtectedDisk shop/data"):
        assert word in found.verdict.message


# --- waiting for permissions --------------------------------------------------------------------


def waiting(tries: int, waited: timedelta = timedelta()) -> Observed:
    first = NOW - waited
    return replace(UNPROTECTED, validation=ValidationRefused(DENIED, NOW, first, tries))


def test_the_wait_says_how_long_and_when_next() -> None:
    found = make_plan(desired(), waiting(3, timedelta(minutes=12)), NOW)
    assert found.step is None and found.verdict.reason == reasons.WAITING_FOR_PERMISSIONS
    assert "Waiting for 12 min; next attempt at 2026-01-05 09:03 UTC" in found.verdict.message
    assert found.verdict.requeue_at == NOW + timedelta(minutes=3)


def test_after_the_pause_azure_is_asked_again() -> None:
    assert isinstance(make_plan(desired(), waiting(1), NOW + timedelta(minutes=1)).step, Validate)


def test_while_azure_checks_again_the_words_stay() -> None:
    before = ValidationRefused(DENIED, NOW, NOW, 1)
    asked = make_plan(desired(), replace(UNPROTECTED, validation=before), NOW + timedelta(minutes=1))
    checking = make_plan(desired(), replace(UNPROTECTED, validation=Running("op", NOW, before)), NOW)
    assert asked.verdict.message == checking.verdict.message, "so that the check writes no status"
    assert checking.step is None


def of_another(waited: timedelta | None = None) -> Observed:
    """Return a disk that waits for what Azure says of another one, which it has refused for some time."""
    refused = None if waited is None else ValidationRefused(DENIED, NOW, NOW - waited, 3)
    return replace(UNPROTECTED, validation=AwaitingGroup(refused, NOW + timedelta(minutes=1)))


@pytest.mark.parametrize(
    ("observed", "reason", "progress", "says"),
    [
        (of_another(), reasons.VALIDATING, Progress.RECONCILING, "Other disks of the resource group are ahead"),
        (of_another(timedelta(minutes=5)), reasons.WAITING_FOR_PERMISSIONS, Progress.RECONCILING, "retries with one"),
        (
            of_another(timedelta(hours=2)),
            reasons.WAITING_FOR_PERMISSIONS,
            Progress.STALLED,
            "Disk Snapshot Contributor",
        ),
        (
            replace(of_another(timedelta()), vault=replace(VAULT, assigns_roles=False), role_grant=False),
            reasons.WAITING_FOR_PERMISSIONS,
            Progress.STALLED,
            "az role assignment create",
        ),
    ],
)
def test_a_disk_waits_for_what_azure_says_of_another_one(
    observed: Observed, reason: str, progress: Progress, says: str
) -> None:
    found = make_plan(desired(), observed, NOW)
    assert (found.step, found.verdict.reason, found.verdict.progress) == (None, reason, progress)
    assert says in found.verdict.message and found.verdict.requeue_at == NOW + timedelta(minutes=1)
    later = make_plan(desired(), observed, NOW + timedelta(minutes=2)).verdict
    assert later.message == found.verdict.message, "many wait: none of them says a time that moves"


def test_after_a_refusal_one_of_them_is_validated_and_says_the_same() -> None:
    waits = of_another(timedelta(minutes=5))
    assert isinstance(waits.validation, AwaitingGroup) and waits.validation.refused is not None
    tries = make_plan(desired(), replace(waits, validation=RetryForGroup(waits.validation.refused)), NOW)
    assert isinstance(tries.step, Validate)
    assert tries.verdict.message == make_plan(desired(), waits, NOW).verdict.message


def test_a_disk_that_is_protected_elsewhere_says_where_also_without_a_validation() -> None:
    holder = replace(INSTANCE, id=vault_id(SUBSCRIPTION, "g", "other").child("backupInstances", "i"))
    found = make_plan(desired(), replace(UNPROTECTED, validation=PassedForGroup(), conflicting_instance=holder), NOW)
    assert found.verdict.hint is not None and "in the vault other of g" in found.verdict.hint


def test_what_azure_said_of_another_disk_holds_for_this_one() -> None:
    found = make_plan(desired(), replace(UNPROTECTED, validation=PassedForGroup()), NOW)
    assert isinstance(found.step, PutInstance)
    validated = next(each for each in found.findings if each.type == reasons.VALIDATED)
    assert (validated.status, validated.reason) == ("True", reasons.NOT_NEEDED)


def test_what_waiting_does_not_heal_is_stalled() -> None:
    error = InvalidRequest("UserErrorDiskBackupDiskTypeNotSupported", "No such disks.")
    found = make_plan(desired(), replace(UNPROTECTED, validation=ValidationRefused(error, NOW, NOW, 1)), NOW)
    assert found.verdict.reason == reasons.REFUSED and found.verdict.progress.name == "STALLED"


def test_tries_thin_out() -> None:
    pauses = [permission_pause(ValidationRefused(DENIED, NOW, NOW, tries)) for tries in (1, 2, 5, 50)]
    assert pauses == [timedelta(minutes=m) for m in (1, 2, 5, 5)]
    lasted = [timedelta(hours=hours) for hours in (1, 6, 12, 100)]
    pauses = [permission_pause(ValidationRefused(DENIED, NOW + each, NOW, 50)) for each in lasted]
    assert pauses == [timedelta(minutes=m) for m in (10, 30, 60, 60)], "somebody has to look"
    first = next_refusal(None, DENIED, NOW, None)
    later = next_refusal(first, DENIED, NOW + timedelta(minutes=2), None)
    assert (later.tries, later.first, later.at) == (2, NOW, NOW + timedelta(minutes=2))
    started = NOW - timedelta(minutes=30)
    assert next_refusal(None, DENIED, NOW, started).first == started, "a restart does not forget how long it has been"


def test_rights_that_do_not_come_are_a_persons_affair() -> None:
    found = make_plan(desired(), waiting(12, timedelta(minutes=45)), NOW)
    assert found.verdict.progress.name == "STALLED" and found.verdict.requeue_at == NOW + timedelta(minutes=10)
    for word in ("since 2026-01-05 08:15", "identity principal", "Disk Backup Reader", str(DISK.id), "snapshots-rg"):
        assert word in found.verdict.message
    assert isinstance(
        make_plan(desired(), waiting(12, timedelta(minutes=45)), NOW + timedelta(minutes=10)).step, Validate
    )


def test_what_azure_keeps_of_an_instance_is_asked_for_again() -> None:
    theirs = replace(
        INSTANCE, id=VAULT_ID.child("backupInstances", "by-hand"), tags={"mine": "x"}, identity="/identities/before"
    )
    vault = replace(VAULT, identity="/identities/now")
    found = make_plan(desired(), replace(PROTECTED, vault=vault, instance=theirs), NOW).step
    assert isinstance(found, PutInstance)
    asked = found.request
    assert (asked.id, asked.snapshot_group_id, asked.identity) == (theirs.id, "/snapshots", "/identities/before")
    assert asked.tags == {"mine": "x", **desired().owner}
    fresh = make_plan(desired(), replace(UNPROTECTED, vault=vault), NOW).step
    assert isinstance(fresh, PutInstance) and fresh.request.identity == "/identities/now"


def test_a_right_is_granted_to_nobody() -> None:
    nameless = replace(UNPROTECTED, vault=replace(VAULT, principal=None), role_grant=False)
    found = make_plan(desired(), nameless, NOW)
    assert (found.step, found.verdict.reason) == (None, reasons.VAULT_NOT_READY)


def test_what_takes_the_place_of_an_adopted_instance_keeps_its_name() -> None:
    adopted = with_recorded(UNPROTECTED, instance_id=str(VAULT_ID.child("backupInstances", "by-hand")))
    found = make_plan(desired(), adopted, NOW).step
    assert isinstance(found, PutInstance) and found.request.id.name == "by-hand"


def test_the_role_is_that_of_the_identity_that_works_for_the_disk() -> None:
    """The vault's spec may name another one since then."""
    vault = replace(VAULT, principals={"": "principal", "/identities/before": "first"})
    before = in_state("ProtectionError", failure=LACKS, identity="/identities/Before")
    lost = make_plan(desired(), replace(before, vault=vault, role_grant=False), NOW).step
    assert isinstance(lost, AssignRole) and lost.grant.principal == "first"
    gone = make_plan(desired(), replace(before, vault=VAULT, role_grant=False), NOW)
    assert (gone.step, gone.verdict.reason) == (None, reasons.IDENTITY_MISSING)
    assert "/identities/Before" in gone.verdict.message
