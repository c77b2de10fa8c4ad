"""The way of a disk: what is wanted, what is seen, the time → the step, the reason, when to look again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdiskbackup.api.v1alpha1.backup_vault import VaultAccess
from azdiskbackup.api.v1alpha1.base import LabelSelector
from azdiskbackup.api.v1alpha1.disk_backup_policy import Schedule
from azdiskbackup.core import reasons
from azdiskbackup.core.arm_ids import ArmId, ResourceGroupId, vault_id
from azdiskbackup.core.azure_model import AzureDisk, AzureFailure, AzureInstance, AzureJob, AzureRestorePoint
from azdiskbackup.core.claims import ClaimedDisk, NotAzureDisk, NotBound
from azdiskbackup.core.policy_view import PolicyView
from azdiskbackup.core.presence import ABSENT, UNKNOWN, Unreadable
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS, Desired, desired
from azdiskbackup.core.protected_disk.health import backup_health, overdue_after
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.plan import plan
from azdiskbackup.core.protected_disk.status import newest_restore_point_expected, status
from azdiskbackup.core.protected_disk.steps import (
    AssignRole,
    DeleteInstance,
    PutInstance,
    Resume,
    RevokeRole,
    Stop,
    Suspend,
    Sync,
    Undelete,
    Validate,
)
from azdiskbackup.core.protected_disk.validation import Never, Passed, Refused, Running, permission_pause, refused
from azdiskbackup.core.resource import FINALIZER, Invalid, Resource
from azdiskbackup.core.vault_view import VaultView
from azdiskbackup.errors import AccessDenied, AlreadyProtected, InvalidRequest, PermissionsMissing, QuotaExceeded
from harness.objects import SUBSCRIPTION, disk, disk_id

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
VAULT_ID = vault_id(SUBSCRIPTION, "backup-rg", "demo")
POLICY_ID = str(VAULT_ID.child("backupPolicies", "gold-1"))
DISK = AzureDisk(ArmId.parse(disk_id("d")), "westeurope", 32, "Premium_LRS")
SCHEDULE = Schedule(frequency="Hourly", interval_hours=4)
OWNED = {**dict(zip(OWNER_TAGS, ("cluster-1", "shop", "data"), strict=True)), "azdiskbackup.io.pvc": "data-0"}
INSTANCE = AzureInstance(
    VAULT_ID.child("backupInstances", "d-1"), str(DISK.id), POLICY_ID, "/snapshots", "ProtectionConfigured", OWNED
)


def resource(deleting: bool = False, **spec: Any) -> Resource:
    raw = disk(**spec)
    raw["metadata"] |= {
        "uid": "u",
        "generation": 2,
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-05T09:00:00Z",
    }
    if deleting:
        raw["metadata"]["deletionTimestamp"] = "2026-01-05T09:00:00Z"
        raw["metadata"]["finalizers"] = [FINALIZER]
    return Resource(raw)


def want(deleting: bool = False, **spec: Any) -> Desired:
    found = desired(resource(deleting, **spec), "cluster-1")
    assert isinstance(found, Desired)
    return found


POLICY = PolicyView("gold", "demo", True, "", POLICY_ID, True, SCHEDULE, "BackupHourly", frozenset({"Default"}))
VAULT = VaultView(
    "demo",
    True,
    "",
    VAULT_ID,
    "principal",
    "westeurope",
    (ResourceGroupId(SUBSCRIPTION, "snapshots-rg"),),
    VaultAccess(),
)
NOTHING_ASKED = Observed(POLICY, VAULT, {}, ClaimedDisk(DISK.id, "pv"))
UNPROTECTED = replace(NOTHING_ASKED, disk=DISK, instance=ABSENT, granted=True, validation=Passed())
PROTECTED = replace(NOTHING_ASKED, disk=DISK, instance=INSTANCE)
MAY_DELETE = replace(VAULT, access=VaultAccess(deletion_namespaces=LabelSelector()))
DENIED = PermissionsMissing("UserErrorNotEnoughPermissionOnDisk", "Not yet.")


LACKS = AzureFailure("UserErrorNotEnoughPermissionOnDisk", "No right.", None, about_rights=True)


def in_state(state: str, **more: Any) -> Observed:
    return replace(PROTECTED, instance=replace(INSTANCE, state=state, **more))


@pytest.mark.parametrize(
    ("seen", "condition", "reason"),
    [
        (replace(PROTECTED, policy=ABSENT), reasons.ACCEPTED, reasons.POLICY_NOT_FOUND),
        (replace(PROTECTED, policy=replace(POLICY, id=None)), reasons.ACCEPTED, reasons.POLICY_NOT_READY),
        (replace(PROTECTED, policy=replace(POLICY, ready=False)), reasons.ACCEPTED, reasons.POLICY_NOT_READY),
        (replace(PROTECTED, vault=ABSENT), reasons.ACCEPTED, reasons.VAULT_NOT_FOUND),
        (replace(PROTECTED, vault=replace(VAULT, ready=False)), reasons.ACCEPTED, reasons.VAULT_NOT_READY),
        (replace(PROTECTED, rival="older"), reasons.ACCEPTED, reasons.PROTECTED_TWICE),
        (replace(PROTECTED, claim=ABSENT), reasons.DISK_RESOLVED, reasons.CLAIM_NOT_FOUND),
        (replace(PROTECTED, claim=NotBound("no")), reasons.DISK_RESOLVED, reasons.CLAIM_NOT_BOUND),
        (replace(PROTECTED, claim=NotAzureDisk("no")), reasons.DISK_RESOLVED, reasons.NOT_AN_AZURE_DISK),
        (NOTHING_ASKED, reasons.DISK_RESOLVED, reasons.NOT_YET_KNOWN),
        (replace(PROTECTED, disk=ABSENT), reasons.DISK_RESOLVED, reasons.DISK_NOT_FOUND),
        (replace(PROTECTED, disk=Unreadable(AccessDenied("x", "y"))), reasons.DISK_RESOLVED, "AccessDenied"),
        (replace(PROTECTED, disk=replace(DISK, location="x")), reasons.DISK_RESOLVED, reasons.REGION_DIFFERS),
        (replace(PROTECTED, disk=replace(DISK, id=ArmId.parse(disk_id("d", "other")))), reasons.DISK_RESOLVED,
         reasons.NO_SNAPSHOT_GROUP),
        (replace(PROTECTED, disk=replace(DISK, id=ArmId.parse(disk_id("d", group="SNAPSHOTS-RG")))),
         reasons.DISK_RESOLVED, reasons.DISK_IN_SNAPSHOT_GROUP),
        (replace(UNPROTECTED, instance=UNKNOWN), reasons.ROLES_GRANTED, reasons.NOT_YET_KNOWN),
        (replace(UNPROTECTED, instance=Unreadable(DENIED)), reasons.ROLES_GRANTED, reasons.WAITING_FOR_PERMISSIONS),
        (replace(UNPROTECTED, granted=UNKNOWN), reasons.ROLES_GRANTED, reasons.NOT_YET_KNOWN),
        (replace(UNPROTECTED, granted=Unreadable(DENIED)), reasons.ROLES_GRANTED, reasons.WAITING_FOR_PERMISSIONS),
        (replace(UNPROTECTED, validation=Running("op", NOW)), reasons.VALIDATED, reasons.VALIDATING),
        (in_state("ConfiguringProtection"), reasons.PROTECTED, reasons.CONFIGURING),
        (in_state("UpdatingProtection", policy_id="another"), reasons.PROTECTED, reasons.CONFIGURING),
        (in_state("SomethingNew"), reasons.PROTECTED, reasons.UNKNOWN_STATE),
    ],
)  # fmt: skip
def test_what_keeps_a_disk_waiting(seen: Observed, condition: str, reason: str) -> None:
    found = plan(want(), seen, NOW)
    assert (found.condition, found.verdict.reason) == (condition, reason)
    assert found.step is None and not found.ready and found.verdict.message


def test_conditions_before_are_true_and_those_after_are_unknown() -> None:
    found = plan(want(), replace(UNPROTECTED, validation=Running("op", NOW)), NOW)
    assert {each.type: each.status for each in found.findings} == {
        "Accepted": "True",
        "DiskResolved": "True",
        "RolesGranted": "True",
        "Validated": "False",
        "Protected": "Unknown",
    }


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        (replace(UNPROTECTED, granted=False), AssignRole),
        (replace(UNPROTECTED, validation=Never()), Validate),
        (UNPROTECTED, PutInstance),
        (in_state("ProtectionError", failure=AzureFailure("Code", "Words", "Do this.")), Sync),
        (in_state("ConfiguringProtectionFailed"), Sync),
        (replace(in_state("ProtectionError", failure=LACKS), granted=False), AssignRole),
        (replace(in_state("ProtectionError", failure=LACKS), granted=True), Sync),
        (replace(PROTECTED, rights_doubted=True, granted=False), AssignRole),
        (replace(in_state("SoftDeleted", soft_deleted_until=NOW), granted=False), AssignRole),
        (replace(in_state("SoftDeleted", soft_deleted_until=NOW), granted=True), Undelete),
        (replace(in_state("ProtectionConfigured", policy_id="another"), turn=NOW), PutInstance),
        (in_state("ProtectionConfigured", tags={"mine": "x"}), PutInstance),
        (in_state("ProtectionStopped"), Resume),
        (in_state("BackupsSuspended"), Resume),
    ],
)
def test_the_one_step_of_a_pass(seen: Observed, step: type) -> None:
    found = plan(want(), seen, NOW)
    assert isinstance(found.step, step) and not found.ready


@pytest.mark.parametrize(
    ("mode", "state", "step"),
    [
        ("Active", "ProtectionConfigured", None),
        ("Suspended", "ProtectionConfigured", Suspend),
        ("Suspended", "BackupsSuspended", None),
        ("Suspended", "BackupSchedulesSuspended", None),
        ("Stopped", "BackupsSuspended", Stop),
        ("Stopped", "ProtectionStopped", None),
    ],
)
def test_modes(mode: str, state: str, step: type | None) -> None:
    found = plan(want(protection=mode), in_state(state), NOW)
    assert (found.step is None and found.ready) if step is None else isinstance(found.step, step)


def test_a_disk_that_is_protected_does_not_need_a_ready_vault_or_policy() -> None:
    known = replace(want(), known_instance=str(INSTANCE.id))
    seen = replace(PROTECTED, vault=replace(VAULT, ready=False), policy=replace(POLICY, ready=False))
    assert plan(known, seen, NOW).ready


def test_another_disk_behind_the_same_claim_is_never_taken_silently() -> None:
    known = replace(want(), known_disk=disk_id("before"))
    assert plan(known, PROTECTED, NOW).verdict.reason == reasons.DISK_CHANGED
    assert plan(replace(want(), known_disk=str(DISK.id).upper()), PROTECTED, NOW).ready, "letter case is no change"


def owned(cluster: str = "cluster-1", namespace: str = "shop", name: str = "data") -> AzureInstance:
    return replace(INSTANCE, tags=dict(zip(OWNER_TAGS, (cluster, namespace, name), strict=True)))


@pytest.mark.parametrize(
    ("instance", "live", "mine"),
    [
        (replace(INSTANCE, tags={}), frozenset(), True),
        (owned(), frozenset({"shop/data"}), True),
        (owned(name="gone"), frozenset({"shop/data"}), True),
        (owned(name="other"), frozenset({"shop/data", "shop/other"}), False),
        (owned(cluster="cluster-2"), frozenset(), False),
    ],
)
def test_what_somebody_else_owns_is_left_alone(instance: AzureInstance, live: frozenset[str], mine: bool) -> None:
    seen = replace(PROTECTED, instance=instance, live_disks=live)
    found = plan(want(), seen, NOW)
    assert (found.verdict.reason == reasons.OWNED_ELSEWHERE) is not mine
    if mine:
        assert isinstance(found.step, PutInstance) and found.step.request.tags.items() >= want().owner.items()
    leaving = plan(want(deleting=True), seen, NOW)
    assert isinstance(leaving.step, Stop) if mine else (leaving.ready and leaving.step is None)


def test_deleting_an_object_for_which_nothing_was_done_touches_nothing() -> None:
    for policy in ("Retain", "Suspend", "Delete"):
        never = replace(want(deleting=True, deletionPolicy=policy), began=False)
        found = plan(never, replace(PROTECTED, vault=MAY_DELETE, granted=True), NOW)
        assert found.ready and found.step is None
    younger = plan(want(deleting=True), replace(PROTECTED, rival="older"), NOW)
    assert younger.ready and younger.step is None


def test_a_disk_stays_in_its_vault() -> None:
    elsewhere = replace(want(), known_instance=str(INSTANCE.id).replace("/demo/", "/strict/"))
    assert plan(elsewhere, PROTECTED, NOW).verdict.reason == reasons.OTHER_VAULT
    leaving = replace(want(deleting=True, deletionPolicy="Delete"), known_instance=elsewhere.known_instance)
    found = plan(leaving, replace(PROTECTED, vault=MAY_DELETE), NOW)
    assert found.verdict.reason == reasons.DELETION_NOT_ALLOWED, "the strict vault is asked, not the permissive one"


def test_a_deletion_waits_while_azure_is_busy() -> None:
    found = plan(want(deleting=True), in_state("UpdatingProtection"), NOW)
    assert found.step is None and not found.ready


def test_other_obstacles_are_not_called_missing_rights() -> None:
    quota = QuotaExceeded("UserErrorSubscriptionDiskQuotaLimitReached", "Full.")
    found = plan(want(), replace(UNPROTECTED, validation=Refused(quota, NOW, NOW, 1)), NOW)
    assert "rights" not in found.verdict.message and "Full." in found.verdict.message


def test_a_refusal_stands_for_an_hour() -> None:
    refusal = Refused(InvalidRequest("No", "No."), NOW, NOW, 1)
    seen = replace(UNPROTECTED, validation=refusal)
    assert plan(want(), seen, NOW + timedelta(minutes=59)).step is None
    assert isinstance(plan(want(), seen, NOW + timedelta(hours=1)).step, Validate)


def test_an_edited_policy_says_nothing_about_schedules() -> None:
    seen = replace(PROTECTED, policy=replace(POLICY, in_force=False))
    found = status(resource(), want(), seen, plan(want(), seen, NOW), NOW)
    health = next(each for each in found.conditions if each.type == "BackupHealthy")
    assert found.next_backup_time is None and health.status == "Unknown"


def test_access_is_decided_by_the_vault() -> None:
    closed = replace(VAULT, access=VaultAccess(namespaces=LabelSelector(match_labels={"team": "a"})))
    assert plan(want(), replace(PROTECTED, vault=closed), NOW).verdict.reason == reasons.NAMESPACE_NOT_ALLOWED
    assert plan(want(), replace(PROTECTED, vault=closed, namespace_labels={"team": "a"}), NOW).ready
    by_id = replace(want(source={"diskID": disk_id("d")}), owner=OWNED)
    assert plan(by_id, PROTECTED, NOW).verdict.reason == reasons.NAMESPACE_NOT_ALLOWED
    open_ = replace(VAULT, access=VaultAccess(disk_id_namespaces=LabelSelector()))
    assert plan(by_id, replace(PROTECTED, vault=open_), NOW).ready


def test_access_that_is_taken_away_stops_no_backup_and_says_so() -> None:
    closed = replace(VAULT, access=VaultAccess(namespaces=LabelSelector(match_labels={"team": "a"})))
    known = replace(want(), known_instance=str(INSTANCE.id))
    seen = replace(PROTECTED, vault=closed)
    found = plan(known, seen, NOW)
    says = {each.type: (each.status, each.reason) for each in found.findings}
    assert found.ready and found.step is None
    assert says["Accepted"] == ("False", reasons.NAMESPACE_NOT_ALLOWED)
    assert says["Protected"] == ("True", reasons.PROTECTION_CONFIGURED)
    shown = {each.type: each for each in status(resource(), known, seen, found, NOW).conditions}
    assert (shown["Ready"].status, shown["Ready"].reason) == ("False", reasons.NAMESPACE_NOT_ALLOWED)
    assert "deletionPolicy: Retain" in shown["Stalled"].message
    gone = plan(known, replace(UNPROTECTED, vault=closed), NOW)
    assert gone.step is None and gone.verdict.reason == reasons.NAMESPACE_NOT_ALLOWED, "nothing is protected anew"


# --- what others change in Azure ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        (in_state("ProtectionStopped"), Resume),
        (replace(in_state("SoftDeleted", soft_deleted_until=NOW), granted=True), Undelete),
        (in_state("ProtectionConfigured", policy_id="another"), PutInstance),
        (replace(UNPROTECTED, validation=Never()), Validate),
    ],
)
def test_what_somebody_changed_is_put_back_and_said(seen: Observed, step: type) -> None:
    settled = replace(want(), settled=True, known_policy=POLICY_ID)
    found = plan(settled, seen, NOW)
    assert isinstance(found.step, step) and found.verdict.reason == reasons.DRIFT_CORRECTED
    assert plan(replace(settled, settled=False), replace(seen, turn=NOW), NOW).verdict.reason != reasons.DRIFT_CORRECTED


def test_disks_move_to_an_edited_policy_in_their_turn() -> None:
    moving = in_state("ProtectionConfigured", policy_id="before")
    settled = replace(want(), settled=True, known_policy="before")
    later = NOW + timedelta(minutes=2)
    waiting_ = plan(settled, replace(moving, turn=later), NOW)
    assert waiting_.ready and waiting_.step is None, "protected by the old policy until its turn comes"
    found = plan(settled, replace(moving, turn=later), later)
    assert isinstance(found.step, PutInstance) and found.verdict.reason == reasons.CHANGING_PROTECTION
    stopped = plan(want(protection="Stopped"), in_state("ProtectionStopped", policy_id="before"), NOW)
    assert stopped.ready and stopped.step is None, "to move it would resume it"


def test_roles_that_others_assign_are_asked_for_by_name() -> None:
    vault = replace(VAULT, assigns_roles=False)
    found = plan(want(), replace(UNPROTECTED, vault=vault, granted=False), NOW)
    assert (found.step, found.verdict.reason) == (None, reasons.ROLE_MISSING)
    assert f"--scope {DISK.id}" in found.verdict.message and "'Disk Backup Reader'" in found.verdict.message


def test_one_right_for_a_group_of_disks() -> None:
    vault = replace(VAULT, role_scope="ResourceGroup")
    found = plan(want(), replace(UNPROTECTED, vault=vault, granted=False), NOW).step
    assert isinstance(found, AssignRole) and found.grant.scope == str(DISK.id.resource_group)
    leaving = replace(UNPROTECTED, vault=replace(vault, access=MAY_DELETE.access), granted=True)
    going = want(deleting=True, deletionPolicy="Delete")
    assert isinstance(plan(going, leaving, NOW).step, RevokeRole)
    kept = plan(going, replace(leaving, needed_by=("shop/other",)), NOW)
    assert kept.ready and "shop/other" in kept.verdict.message


def test_where_the_disk_is_protected_already_is_said() -> None:
    elsewhere = AlreadyProtected("UserErrorDppDatasourceAlreadyProtected", "Twice.")
    holder = replace(INSTANCE, id=vault_id(SUBSCRIPTION, "other-rg", "other").child("backupInstances", "theirs"))
    seen = replace(UNPROTECTED, validation=Refused(elsewhere, NOW, NOW, 1), holder=holder)
    found = plan(want(), seen, NOW)
    assert found.verdict.reason == reasons.OWNED_ELSEWHERE and found.verdict.progress.name == "STALLED"
    for word in ("theirs", "vault other", "other-rg", "ProtectedDisk shop/data"):
        assert word in found.verdict.message


# --- waiting for permissions --------------------------------------------------------------------


def waiting(tries: int, waited: timedelta = timedelta()) -> Observed:
    first = NOW - waited
    return replace(UNPROTECTED, validation=Refused(DENIED, NOW, first, tries))


def test_the_wait_says_how_long_and_when_next() -> None:
    found = plan(want(), waiting(3, timedelta(minutes=12)), NOW)
    assert found.step is None and found.verdict.reason == reasons.WAITING_FOR_PERMISSIONS
    assert "Waiting for 12 min now, next try at 2026-01-05 09:03 UTC" in found.verdict.message
    assert found.verdict.look_again == NOW + timedelta(minutes=3)


def test_after_the_pause_azure_is_asked_again() -> None:
    assert isinstance(plan(want(), waiting(1), NOW + timedelta(minutes=1)).step, Validate)


def test_while_azure_checks_again_the_words_stay() -> None:
    before = Refused(DENIED, NOW, NOW, 1)
    asked = plan(want(), replace(UNPROTECTED, validation=before), NOW + timedelta(minutes=1))
    checking = plan(want(), replace(UNPROTECTED, validation=Running("op", NOW, before)), NOW)
    assert asked.verdict.message == checking.verdict.message, "so that the check writes no status"
    assert checking.step is None


def test_what_waiting_does_not_heal_is_stalled() -> None:
    error = InvalidRequest("UserErrorDiskBackupDiskTypeNotSupported", "No such disks.")
    found = plan(want(), replace(UNPROTECTED, validation=Refused(error, NOW, NOW, 1)), NOW)
    assert found.verdict.reason == reasons.REFUSED and found.verdict.progress.name == "STALLED"


def test_tries_thin_out() -> None:
    pauses = [permission_pause(Refused(DENIED, NOW, NOW, tries)) for tries in (1, 2, 5, 50)]
    assert pauses == [timedelta(minutes=m) for m in (1, 2, 5, 5)]
    first = refused(None, DENIED, NOW, None)
    later = refused(first, DENIED, NOW + timedelta(minutes=2), None)
    assert (later.tries, later.first, later.at) == (2, NOW, NOW + timedelta(minutes=2))
    begun = NOW - timedelta(minutes=30)
    assert refused(None, DENIED, NOW, begun).first == begun, "a restart does not forget how long it has been"


def test_rights_that_do_not_come_are_a_persons_affair() -> None:
    found = plan(want(), waiting(12, timedelta(minutes=45)), NOW)
    assert found.verdict.progress.name == "STALLED" and found.verdict.look_again == NOW + timedelta(minutes=10)
    for word in ("45 min", "identity principal", "Disk Backup Reader", str(DISK.id), "snapshots-rg"):
        assert word in found.verdict.message
    assert isinstance(plan(want(), waiting(12, timedelta(minutes=45)), NOW + timedelta(minutes=10)).step, Validate)


# --- the way out --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "seen", "step"),
    [
        ("Retain", PROTECTED, Stop),
        ("Retain", in_state("ProtectionStopped"), None),
        ("Retain", UNPROTECTED, None),
        ("Suspend", PROTECTED, Suspend),
        ("Suspend", in_state("BackupsSuspended"), None),
        ("Delete", replace(PROTECTED, vault=MAY_DELETE), DeleteInstance),
        (
            "Delete",
            replace(in_state("SoftDeleted", soft_deleted_until=NOW), vault=MAY_DELETE, granted=True),
            RevokeRole,
        ),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, granted=True), RevokeRole),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, granted=False), None),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, disk=ABSENT), None),
        ("Delete", replace(UNPROTECTED, vault=ABSENT), None),
    ],
)
def test_deletion_does_what_was_asked_and_nothing_more(policy: str, seen: Observed, step: type | None) -> None:
    found = plan(want(deleting=True, deletionPolicy=policy), seen, NOW)
    assert (found.step is None and found.ready) if step is None else isinstance(found.step, step)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (PROTECTED, reasons.DELETION_NOT_ALLOWED),
        (replace(PROTECTED, instance=UNKNOWN), reasons.NOT_YET_KNOWN),
        (replace(PROTECTED, instance=Unreadable(DENIED)), reasons.WAITING_FOR_PERMISSIONS),
        (replace(UNPROTECTED, disk=UNKNOWN), reasons.NOT_YET_KNOWN),
        (replace(UNPROTECTED, disk=Unreadable(DENIED)), reasons.WAITING_FOR_PERMISSIONS),
        (replace(UNPROTECTED, granted=UNKNOWN), reasons.NOT_YET_KNOWN),
        (replace(UNPROTECTED, granted=Unreadable(DENIED)), reasons.WAITING_FOR_PERMISSIONS),
    ],
)
def test_what_keeps_a_deletion_waiting(seen: Observed, reason: str) -> None:
    found = plan(want(deleting=True, deletionPolicy="Delete"), seen, NOW)
    assert found.verdict.reason == reason and found.step is None


# --- from every state the way goes on -----------------------------------------------------------

STATES = st.sampled_from(
    ["ProtectionConfigured", "ConfiguringProtection", "ProtectionStopped", "BackupsSuspended", "ProtectionError",
     "UpdatingProtection", "SoftDeleted", "NotProtected", "Invented", ""]
)  # fmt: skip
INSTANCES = st.one_of(
    st.just(ABSENT),
    st.just(Unreadable(DENIED)),
    STATES.map(lambda state: replace(INSTANCE, state=state)),
    STATES.map(lambda state: replace(INSTANCE, state=state, policy_id="another", soft_deleted_until=NOW)),
)
WORLDS = st.builds(
    Observed,
    policy=st.sampled_from([POLICY, ABSENT, replace(POLICY, ready=False), replace(POLICY, id=None)]),
    vault=st.sampled_from([VAULT, MAY_DELETE, ABSENT, replace(VAULT, ready=False), replace(VAULT, id=None)]),
    namespace_labels=st.just({}),
    claim=st.sampled_from([ClaimedDisk(DISK.id, "pv"), ABSENT, NotBound("no"), NotAzureDisk("no")]),
    rival=st.sampled_from([None, "older"]),
    disk=st.sampled_from([DISK, ABSENT, UNKNOWN, Unreadable(DENIED)]),
    instance=INSTANCES,
    granted=st.sampled_from([True, False, UNKNOWN]),
    validation=st.sampled_from([Never(), Passed(), Running("op", NOW), Refused(DENIED, NOW, NOW, 2)]),
)


@given(
    WORLDS,
    st.booleans(),
    st.sampled_from(["Active", "Suspended", "Stopped"]),
    st.sampled_from(["Retain", "Suspend", "Delete"]),
)
def test_every_world_leads_somewhere_with_a_reason(seen: Observed, deleting: bool, mode: str, policy: str) -> None:
    wanted = want(deleting=deleting, protection=mode, deletionPolicy=policy)
    found = plan(wanted, seen, NOW)
    assert found.verdict.reason and found.verdict.message
    assert found.ready or found.step is not None or found.verdict.look_again is not None or (
        found.verdict.progress.name == "STALLED"
    ), "nobody waits for ever without being stalled"  # fmt: skip
    destroys = isinstance(found.step, DeleteInstance | RevokeRole)
    assert not destroys or (deleting and policy == "Delete"), "nothing is destroyed that was not asked for"
    after = status(resource(deleting), wanted, seen, found, NOW)
    names = [each.type for each in after.conditions]
    assert len(names) == len(set(names)) and all(each.reason and each.message for each in after.conditions)
    again = status(resource(deleting), wanted, seen, found, NOW)
    assert again == after


def test_an_invalid_spec_is_told_in_words() -> None:
    found = desired(resource(protection="Sometimes", source={}), "c")
    assert isinstance(found, Invalid)
    assert "`spec.protection`" in found.message and "exactly one of" in found.message


# --- health and status --------------------------------------------------------------------------


def job(start: datetime, state: str = "Completed", minutes: int = 4, **more: Any) -> AzureJob:
    end = None if state == "InProgress" else start + timedelta(minutes=minutes)
    return AzureJob("j", "i", "Backup", state, False, "a", start, end, end and end - start, **more)


def health(jobs: list[AzureJob], now: datetime, last: datetime | None) -> tuple[str, str]:
    found = backup_health(SCHEDULE, jobs, NOW, last, now)
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
    blip = backup_health(SCHEDULE, [], NOW + timedelta(days=4, hours=23), due, NOW + timedelta(days=5))
    assert blip.reason == reasons.BACKUP_OVERDUE, "a condition that flapped does not hide that the last one is old"
    running = job(due + timedelta(hours=4), "InProgress")
    assert health([running, good], due + timedelta(hours=4, minutes=1), due) == ("True", reasons.BACKUP_SUCCEEDED)
    assert overdue_after(SCHEDULE, NOW, None) == limit
    assert overdue_after(SCHEDULE, NOW, due) == limit + timedelta(hours=4)


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
    seen = replace(PROTECTED, jobs=(good, failed, old), restore_points=points)
    found = status(resource(), want(), seen, plan(want(), seen, NOW), NOW)
    assert found.policy_id == POLICY_ID
    assert found.jobs is not None and (found.jobs.completed, found.jobs.failed, found.jobs.in_progress) == (1, 1, 0)
    assert found.last_backup is not None and found.last_backup.duration_seconds == 240
    assert found.last_successful_backup_time == good.start
    assert found.restore_points is not None and found.restore_points.count == 25
    assert len(found.restore_points.recent) == 20 and found.restore_points.recent[0].id == "p0"
    assert found.next_backup_time == datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    assert found.disk is not None and found.disk.persistent_volume == "pv"
    later = Resource({**resource().raw, "status": found.to_wire()})
    kept = status(later, want(), PROTECTED, plan(want(), PROTECTED, NOW), NOW)
    assert kept.restore_points == found.restore_points and kept.jobs == found.jobs


def test_restore_points_are_read_only_when_a_new_one_is_known_to_exist() -> None:
    seen = replace(PROTECTED, restore_points=())
    before = status(resource(), want(), seen, plan(want(), seen, NOW), NOW)
    assert not newest_restore_point_expected(before, [])
    assert not newest_restore_point_expected(before, [job(NOW - timedelta(hours=1))])
    assert newest_restore_point_expected(before, [job(NOW + timedelta(hours=1))])
    assert not newest_restore_point_expected(before, [job(NOW + timedelta(hours=1), "Failed")])
    assert newest_restore_point_expected(before.model_copy(update={"restore_points": None}), [job(NOW)])


def test_health_is_not_judged_by_a_policy_that_the_disk_does_not_have_yet() -> None:
    seen = in_state("ProtectionConfigured", policy_id="before")
    known = replace(want(), known_policy="before")
    found = status(resource(), known, seen, plan(known, seen, NOW), NOW)
    health_ = next(each for each in found.conditions if each.type == "BackupHealthy")
    assert health_.status == "Unknown" and "has yet to move" in health_.message
