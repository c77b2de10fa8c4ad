"""The way of a disk: what is wanted, what is seen, the time → the step, the reason, when to look again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.label_selector import LabelSelector
from azdiskbackup.api.v1alpha1.vault_parts import VaultAccess
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureFailure, AzureInstance
from azdiskbackup.core.objects.pvc import NotAzureDisk, NotBound
from azdiskbackup.core.objects.resource import Invalid
from azdiskbackup.core.protected_disk.desired import NAMESPACE_UID_TAG, OWNER_TAGS
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.status import build_status
from azdiskbackup.core.protected_disk.steps import (
    AssignRole,
    PutInstance,
    Resume,
    Stop,
    Suspend,
    Sync,
    Undelete,
    Validate,
)
from azdiskbackup.core.protected_disk.validation import NeverRun, Running, ValidationRefused
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed
from azdiskbackup.errors import AccessDenied, InvalidRequest, QuotaExceeded
from harness.objects import disk_id
from unit.core.protected_disk.disk_world import (
    DENIED,
    DISK,
    INSTANCE,
    LACKS,
    MAY_DELETE,
    NOTHING_FETCHED,
    NOW,
    OWNED,
    POLICY,
    PROTECTED,
    UNPROTECTED,
    VAULT,
    desired,
    in_state,
    make_plan,
    needs,
    resource,
    with_recorded,
)


@pytest.mark.parametrize(
    ("observed", "condition", "reason"),
    [
        (replace(PROTECTED, policy=NOT_FOUND), reasons.ACCEPTED, reasons.POLICY_NOT_FOUND),
        (replace(PROTECTED, policy=replace(POLICY, id=None)), reasons.ACCEPTED, reasons.POLICY_NOT_READY),
        (replace(PROTECTED, policy=replace(POLICY, ready=False)), reasons.ACCEPTED, reasons.POLICY_NOT_READY),
        (replace(PROTECTED, vault=NOT_FOUND), reasons.ACCEPTED, reasons.VAULT_NOT_FOUND),
        (replace(PROTECTED, vault=replace(VAULT, ready=False)), reasons.ACCEPTED, reasons.VAULT_NOT_READY),
        (replace(PROTECTED, older_duplicate="older"), reasons.ACCEPTED, reasons.DUPLICATE_PROTECTED_DISK),
        (replace(PROTECTED, claim=NOT_FOUND), reasons.DISK_RESOLVED, reasons.CLAIM_NOT_FOUND),
        (replace(PROTECTED, claim=NotBound("no")), reasons.DISK_RESOLVED, reasons.CLAIM_NOT_BOUND),
        (replace(PROTECTED, claim=NotAzureDisk("no")), reasons.DISK_RESOLVED, reasons.NOT_AN_AZURE_DISK),
        (replace(PROTECTED, disk=NOT_FOUND), reasons.DISK_RESOLVED, reasons.DISK_NOT_FOUND),
        (replace(PROTECTED, disk=FetchFailed(AccessDenied("x", "y"))), reasons.DISK_RESOLVED, "AccessDenied"),
        (replace(PROTECTED, disk=replace(DISK, location="x")), reasons.DISK_RESOLVED, reasons.REGION_MISMATCH),
        (replace(PROTECTED, disk=replace(DISK, id=ArmId.parse(disk_id("d", "other")))), reasons.DISK_RESOLVED,
         reasons.NO_SNAPSHOT_GROUP),
        (replace(PROTECTED, disk=replace(DISK, id=ArmId.parse(disk_id("d", group="SNAPSHOTS-RG")))),
         reasons.DISK_RESOLVED, reasons.DISK_IN_SNAPSHOT_GROUP),
        (replace(UNPROTECTED, instance=FetchFailed(DENIED)), reasons.ROLES_GRANTED, reasons.WAITING_FOR_PERMISSIONS),
        (replace(UNPROTECTED, role_grant=FetchFailed(DENIED)), reasons.ROLES_GRANTED, reasons.WAITING_FOR_PERMISSIONS),
        (replace(UNPROTECTED, validation=Running("op", NOW)), reasons.VALIDATED, reasons.VALIDATING),
        (in_state("ConfiguringProtection"), reasons.PROTECTED, reasons.CONFIGURING),
        (in_state("UpdatingProtection", policy_id="another"), reasons.PROTECTED, reasons.CONFIGURING),
        (in_state("SomethingNew"), reasons.PROTECTED, reasons.UNKNOWN_STATE),
    ],
)  # fmt: skip
def test_what_keeps_a_disk_waiting(observed: Observed, condition: str, reason: str) -> None:
    found = make_plan(desired(), observed, NOW)
    assert (found.condition, found.verdict.reason) == (condition, reason)
    assert found.step is None and not found.ready and found.verdict.message


@pytest.mark.parametrize(
    ("observed", "fact"),
    [
        (NOTHING_FETCHED, Fact.DISK),
        (replace(NOTHING_FETCHED, disk=DISK), Fact.INSTANCE),
        (replace(UNPROTECTED, validation=NOT_FETCHED), Fact.VALIDATION),
        (replace(UNPROTECTED, conflicting_instance=NOT_FETCHED), Fact.CONFLICTING_INSTANCE),
        (replace(UNPROTECTED, role_grant=NOT_FETCHED), Fact.ROLE_GRANT),
        (in_state("SoftDeleted", soft_deleted_until=NOW), Fact.ROLE_GRANT),
        (in_state("ProtectionConfigured", policy_id="another"), Fact.MIGRATION_TURN),
    ],
)
def test_a_rule_that_cannot_decide_names_the_fact(observed: Observed, fact: Fact) -> None:
    assert needs(desired(), observed) is fact


def test_conditions_before_are_true_and_those_after_are_unknown() -> None:
    found = make_plan(desired(), replace(UNPROTECTED, validation=Running("op", NOW)), NOW)
    assert {each.type: each.status for each in found.findings} == {
        "Accepted": "True",
        "DiskResolved": "True",
        "RolesGranted": "True",
        "Validated": "False",
        "Protected": "Unknown",
    }


@pytest.mark.parametrize(
    ("observed", "step"),
    [
        (replace(UNPROTECTED, role_grant=False), AssignRole),
        (replace(UNPROTECTED, validation=NeverRun()), Validate),
        (UNPROTECTED, PutInstance),
        (in_state("ProtectionError", failure=AzureFailure("Code", "Words", "Do this.")), Sync),
        (in_state("ConfiguringProtectionFailed"), Sync),
        (replace(in_state("ProtectionError", failure=LACKS), role_grant=False), AssignRole),
        (replace(in_state("ProtectionError", failure=LACKS), role_grant=True), Sync),
        (replace(PROTECTED, role_recheck_needed=True, role_grant=False), AssignRole),
        (replace(in_state("SoftDeleted", soft_deleted_until=NOW), role_grant=False), AssignRole),
        (replace(in_state("SoftDeleted", soft_deleted_until=NOW), role_grant=True), Undelete),
        (replace(in_state("ProtectionConfigured", policy_id="another"), migrate_at=NOW), PutInstance),
        (in_state("ProtectionConfigured", tags={"mine": "x"}), PutInstance),
        (in_state("ProtectionStopped"), Resume),
        (in_state("BackupsSuspended"), Resume),
    ],
)
def test_the_one_step_of_a_pass(observed: Observed, step: type) -> None:
    found = make_plan(desired(), observed, NOW)
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
    found = make_plan(desired(protection=mode), in_state(state), NOW)
    assert (found.step is None and found.ready) if step is None else isinstance(found.step, step)


def test_a_disk_that_is_protected_does_not_need_a_ready_vault_or_policy() -> None:
    observed = replace(PROTECTED, vault=replace(VAULT, ready=False), policy=replace(POLICY, ready=False))
    assert make_plan(desired(), with_recorded(observed, instance_id=str(INSTANCE.id)), NOW).ready


def test_another_disk_behind_the_same_claim_is_never_taken_silently() -> None:
    before = with_recorded(PROTECTED, disk=replace(DISK, id=ArmId.parse(disk_id("before"))))
    assert make_plan(desired(), before, NOW).verdict.reason == reasons.DISK_CHANGED
    upper = with_recorded(PROTECTED, disk=replace(DISK, id=ArmId.parse(str(DISK.id).replace("/disks/d", "/disks/D"))))
    assert make_plan(desired(), upper, NOW).ready, "letter case is no change"


def test_a_claim_made_again_is_told_also_where_status_has_the_new_disk_already() -> None:
    other = replace(owned(), disk_id=f"{INSTANCE.disk_id}-before")
    found = make_plan(desired(), replace(KNOWN, instance=other), NOW)
    assert found.step is None and found.verdict.reason == reasons.DISK_CHANGED


def owned(cluster: str = "cluster-1", namespace: str = "shop", name: str = "data") -> AzureInstance:
    return replace(INSTANCE, tags=dict(zip(OWNER_TAGS, (cluster, namespace, name), strict=True)))


def test_what_another_cluster_owns_is_taken_over_where_the_vault_says_so() -> None:
    vault = replace(VAULT, access=VaultAccess(adopt_from_clusters=["cluster-2"]))
    theirs = replace(PROTECTED, instance=owned(cluster="cluster-2"), vault=vault)
    found = make_plan(desired(), theirs, NOW).step
    assert isinstance(found, PutInstance) and found.request.tags.items() >= desired().owner.items()
    assert make_plan(desired(), replace(theirs, instance=owned(cluster="cluster-3")), NOW).step is None
    # Who goes before it has taken it over leaves it as it is.
    assert make_plan(desired(deleting=True), theirs, NOW).step is None


def test_nothing_is_taken_from_an_object_of_this_cluster() -> None:
    vault = replace(VAULT, access=VaultAccess(adopt_from_clusters=["cluster-1"]))
    theirs = replace(PROTECTED, instance=owned(name="other"), live_disks=frozenset({"shop/other"}), vault=vault)
    assert make_plan(desired(), theirs, NOW).verdict.reason == reasons.OWNED_ELSEWHERE


@pytest.mark.parametrize(
    ("instance", "live", "free"),
    [
        (replace(INSTANCE, tags={}), frozenset(), True),
        (owned(name="gone"), frozenset({"shop/data"}), True),
        (owned(namespace="gone"), frozenset({"shop/data"}), True),
        (owned(name="other"), frozenset({"shop/data", "shop/other"}), False),
        (owned(cluster="cluster-2"), frozenset(), False),
    ],
)
def test_what_somebody_else_owns_is_left_alone(instance: AzureInstance, live: frozenset[str], free: bool) -> None:
    observed = replace(PROTECTED, instance=instance, live_disks=live)
    found = make_plan(desired(), observed, NOW)
    assert (found.verdict.reason == reasons.OWNED_ELSEWHERE) is not free
    if free:
        assert isinstance(found.step, PutInstance) and found.step.request.tags.items() >= desired().owner.items()
    # Who goes before it has taken the instance over leaves it as it is, whoever owns it.
    for policy in ("Retain", "Suspend", "Delete"):
        observed = replace(PROTECTED, instance=instance, live_disks=live, vault=MAY_DELETE, role_grant=True)
        leaving = make_plan(desired(deleting=True, deletionPolicy=policy), observed, NOW)
        assert leaving.ready and leaving.step is None


def in_namespace(uid: str | None, written: str | None) -> Observed:
    tags = owned().tags if written is None else {**owned().tags, NAMESPACE_UID_TAG: written}
    return replace(PROTECTED, instance=replace(INSTANCE, tags=tags), namespace_uid=uid, vault=MAY_DELETE)


@pytest.mark.parametrize(
    ("uid", "written", "is_same"),
    [("u1", "u1", True), ("u1", None, True), (None, "u1", True), ("u2", "u1", False)],
)
def test_a_namespace_that_was_made_again_owns_nothing_of_the_old_one(
    uid: str | None, written: str | None, is_same: bool
) -> None:
    leaving = make_plan(desired(deleting=True), in_namespace(uid, written), NOW)
    assert isinstance(leaving.step, Stop) if is_same else (leaving.ready and leaving.step is None)
    # Whoever has the disk itself takes the instance over, and says so on it.
    step = make_plan(desired(), in_namespace(uid, written), NOW).step
    if not is_same:
        assert isinstance(step, PutInstance) and step.request.tags[NAMESPACE_UID_TAG] == "u2"


@pytest.mark.parametrize("mode", ["Suspended", "Stopped"])
def test_an_instance_is_taken_over_before_anything_else_is_done_to_it(mode: str) -> None:
    found = replace(PROTECTED, instance=replace(INSTANCE, tags={}))
    assert isinstance(make_plan(desired(protection=mode), found, NOW).step, PutInstance)
    # To write to one that rests would resume it, and let expire what it keeps.
    rests = replace(found, instance=replace(INSTANCE, tags={}, state="ProtectionStopped"))
    assert make_plan(desired(protection="Stopped"), rests, NOW).ready
    assert isinstance(make_plan(desired(), rests, NOW).step, Resume)


KNOWN = with_recorded(PROTECTED, instance_id=str(INSTANCE.id), disk=DISK)


def test_a_status_that_names_an_instance_gives_no_access() -> None:
    closed = replace(KNOWN, vault=replace(VAULT, access=VaultAccess(namespaces=LabelSelector(match_labels={"a": "b"}))))
    for tags in ({}, owned(name="gone").tags, owned(cluster="cluster-2").tags):
        found = make_plan(desired(), replace(closed, instance=replace(INSTANCE, tags=tags)), NOW)
        assert (found.condition, found.verdict.reason) == (reasons.ACCEPTED, reasons.NAMESPACE_NOT_ALLOWED)
        assert found.step is None and not found.ready
    assert make_plan(desired(), closed, NOW).ready, "its own stays as it is"
    assert needs(desired(), replace(closed, instance=NOT_FETCHED)) is Fact.INSTANCE
    assert needs(desired(), replace(closed, disk=NOT_FETCHED, instance=NOT_FETCHED)) is Fact.DISK
    assert make_plan(desired(), replace(closed, instance=FetchFailed(DENIED)), NOW).verdict.reason == DENIED.reason
    absent = make_plan(desired(), replace(closed, instance=NOT_FOUND), NOW)
    assert absent.verdict.reason == reasons.NAMESPACE_NOT_ALLOWED


def test_a_status_that_names_the_instance_of_another_disk_is_not_followed() -> None:
    other = replace(INSTANCE, disk_id=f"{INSTANCE.disk_id}-other", tags={})
    found = make_plan(desired(protection="Stopped"), replace(KNOWN, instance=other), NOW)
    assert found.step is None and found.verdict.reason == reasons.OWNED_ELSEWHERE


def test_deleting_an_object_for_which_nothing_was_done_touches_nothing() -> None:
    for policy in ("Retain", "Suspend", "Delete"):
        never = with_recorded(replace(PROTECTED, vault=MAY_DELETE, role_grant=True), has_finalizer=False)
        found = make_plan(desired(deleting=True, deletionPolicy=policy), never, NOW)
        assert found.ready and found.step is None
    younger = make_plan(desired(deleting=True), replace(PROTECTED, older_duplicate="older"), NOW)
    assert younger.ready and younger.step is None


def test_a_disk_stays_in_its_vault() -> None:
    elsewhere = with_recorded(PROTECTED, instance_id=str(INSTANCE.id).replace("/demo/", "/strict/"))
    assert make_plan(desired(), elsewhere, NOW).verdict.reason == reasons.VAULT_MISMATCH
    leaving = desired(deleting=True, deletionPolicy="Delete")
    found = make_plan(leaving, replace(elsewhere, vault=MAY_DELETE), NOW)
    assert found.verdict.reason == reasons.DELETION_NOT_ALLOWED, "the strict vault is asked, not the permissive one"


def test_a_deletion_waits_while_azure_is_busy() -> None:
    found = make_plan(desired(deleting=True), in_state("UpdatingProtection"), NOW)
    assert found.step is None and not found.ready


def test_other_obstacles_are_not_called_missing_rights() -> None:
    quota = QuotaExceeded("UserErrorSubscriptionDiskQuotaLimitReached", "Full.")
    found = make_plan(desired(), replace(UNPROTECTED, validation=ValidationRefused(quota, NOW, NOW, 1)), NOW)
    assert "rights" not in found.verdict.message and "Full." in found.verdict.message


def test_a_refusal_stands_for_an_hour() -> None:
    refusal = ValidationRefused(InvalidRequest("No", "No."), NOW, NOW, 1)
    observed = replace(UNPROTECTED, validation=refusal)
    assert make_plan(desired(), observed, NOW + timedelta(minutes=59)).step is None
    assert isinstance(make_plan(desired(), observed, NOW + timedelta(hours=1)).step, Validate)


def test_an_edited_policy_says_nothing_about_schedules() -> None:
    observed = replace(PROTECTED, policy=replace(POLICY, in_force=False))
    found = build_status(resource(), desired(), observed, make_plan(desired(), observed, NOW), NOW)
    health = next(each for each in found.conditions if each.type == "BackupHealthy")
    assert found.next_backup_time is None and health.status == "Unknown"


def test_access_is_decided_by_the_vault() -> None:
    closed = replace(VAULT, access=VaultAccess(namespaces=LabelSelector(match_labels={"team": "a"})))
    assert make_plan(desired(), replace(PROTECTED, vault=closed), NOW).verdict.reason == reasons.NAMESPACE_NOT_ALLOWED
    assert make_plan(desired(), replace(PROTECTED, vault=closed, namespace_labels={"team": "a"}), NOW).ready
    by_id = replace(desired(source={"diskID": disk_id("d")}), owner=OWNED)
    assert make_plan(by_id, PROTECTED, NOW).verdict.reason == reasons.NAMESPACE_NOT_ALLOWED
    open_ = replace(VAULT, access=VaultAccess(disk_id_namespaces=LabelSelector()))
    assert make_plan(by_id, replace(PROTECTED, vault=open_), NOW).ready


def test_access_that_is_taken_away_stops_no_backup_and_says_so() -> None:
    closed = replace(VAULT, access=VaultAccess(namespaces=LabelSelector(match_labels={"team": "a"})))
    observed = replace(KNOWN, vault=closed)
    found = make_plan(desired(), observed, NOW)
    says = {each.type: (each.status, each.reason) for each in found.findings}
    assert found.ready and found.step is None
    assert says["Accepted"] == ("False", reasons.NAMESPACE_NOT_ALLOWED)
    assert says["Protected"] == ("True", reasons.PROTECTION_CONFIGURED)
    shown = {each.type: each for each in build_status(resource(), desired(), observed, found, NOW).conditions}
    assert (shown["Ready"].status, shown["Ready"].reason) == ("False", reasons.NAMESPACE_NOT_ALLOWED)
    assert "deletionPolicy: Retain" in shown["Stalled"].message
    gone = make_plan(desired(), with_recorded(replace(UNPROTECTED, vault=closed), instance_id=str(INSTANCE.id)), NOW)
    assert gone.step is None and gone.verdict.reason == reasons.NAMESPACE_NOT_ALLOWED, "nothing is protected anew"


@pytest.mark.parametrize("member", ["policy", "vault"])
def test_what_exists_and_cannot_be_read_is_told_to_exist(member: str) -> None:
    seen: dict[str, Any] = {member: Invalid("`spec.x`: bad.")}
    plan = make_plan(desired(), replace(PROTECTED, **seen), NOW)
    assert plan.verdict.reason == {"policy": reasons.POLICY_NOT_READY, "vault": reasons.VAULT_NOT_READY}[member]
    assert "exists, but its spec is not accepted: `spec.x`: bad." in plan.verdict.message
