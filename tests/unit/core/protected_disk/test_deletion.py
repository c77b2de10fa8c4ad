"""The way out of a disk; and that from every state the way goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdiskbackup.api.v1alpha1.label_selector import LabelSelector
from azdiskbackup.api.v1alpha1.vault_parts import VaultAccess
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound
from azdiskbackup.core.objects.resource import Invalid
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS, Desired, read_desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed, Recorded
from azdiskbackup.core.protected_disk.ownership import is_owner, may_be_shown
from azdiskbackup.core.protected_disk.status import build_status
from azdiskbackup.core.protected_disk.steps import (
    DeleteInstance,
    RevokeRole,
    Stop,
    Suspend,
)
from azdiskbackup.core.protected_disk.validation import NeverRun, Passed, Running, ValidationRefused
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed
from azdiskbackup.core.rules.verdicts import Need
from unit.core.protected_disk.disk_world import (
    DENIED,
    DISK,
    INSTANCE,
    MAY_DELETE,
    NOW,
    POLICY,
    PROTECTED,
    UNPROTECTED,
    VAULT,
    decide,
    desired,
    in_state,
    make_plan,
    needs,
    resource,
)

CLOSED = replace(
    VAULT,
    access=VaultAccess(namespaces=LabelSelector(match_labels={"served": "yes"}), deletion_namespaces=LabelSelector()),
)
THEIRS = replace(INSTANCE, tags=dict(zip(OWNER_TAGS, ("another-cluster", "shop", "data"), strict=True)))

# --- the way out --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "observed", "step"),
    [
        ("Retain", PROTECTED, Stop),
        ("Retain", in_state("ProtectionStopped"), None),
        ("Retain", UNPROTECTED, None),
        ("Suspend", PROTECTED, Suspend),
        ("Suspend", in_state("BackupsSuspended"), None),
        ("Delete", replace(PROTECTED, vault=MAY_DELETE), DeleteInstance),
        (
            "Delete",
            replace(in_state("SoftDeleted", soft_deleted_until=NOW), vault=MAY_DELETE, role_grant=True),
            RevokeRole,
        ),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, role_grant=True), RevokeRole),
        ("Delete", replace(PROTECTED, instance=THEIRS, vault=MAY_DELETE, role_grant=True), None),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, role_grant=False), None),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, disk=NOT_FOUND), None),
        ("Delete", replace(UNPROTECTED, vault=NOT_FOUND), None),
        # Without the tags of the instance, which Azure does not keep, what may protect the disk may also take back.
        ("Delete", replace(UNPROTECTED, vault=CLOSED, role_grant=True), None),
        ("Delete", replace(UNPROTECTED, vault=CLOSED, role_grant=True, was_owner=True), RevokeRole),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, role_grant=True, claim=NOT_FOUND), None),
        (
            "Delete",
            replace(UNPROTECTED, vault=MAY_DELETE, role_grant=True, claim=NOT_FOUND, was_owner=True),
            RevokeRole,
        ),
    ],
)
def test_deletion_does_what_was_asked_and_nothing_more(policy: str, observed: Observed, step: type | None) -> None:
    found = make_plan(desired(deleting=True, deletionPolicy=policy), observed, NOW)
    assert (found.step is None and found.ready) if step is None else isinstance(found.step, step)


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        (PROTECTED, reasons.DELETION_NOT_ALLOWED),
        (replace(PROTECTED, instance=FetchFailed(DENIED)), reasons.WAITING_FOR_PERMISSIONS),
        (replace(UNPROTECTED, disk=FetchFailed(DENIED)), reasons.WAITING_FOR_PERMISSIONS),
        (replace(UNPROTECTED, role_grant=FetchFailed(DENIED)), reasons.WAITING_FOR_PERMISSIONS),
    ],
)
def test_what_keeps_a_deletion_waiting(observed: Observed, reason: str) -> None:
    found = make_plan(desired(deleting=True, deletionPolicy="Delete"), observed, NOW)
    assert found.verdict.reason == reason and found.step is None


@pytest.mark.parametrize(
    ("observed", "fact"),
    [
        (replace(PROTECTED, instance=NOT_FETCHED), Fact.INSTANCE),
        (replace(UNPROTECTED, disk=NOT_FETCHED), Fact.DISK),
        (replace(UNPROTECTED, role_grant=NOT_FETCHED), Fact.ROLE_GRANT),
    ],
)
def test_what_a_deletion_has_to_know(observed: Observed, fact: Fact) -> None:
    assert needs(desired(deleting=True, deletionPolicy="Delete"), observed) is fact


def test_an_object_is_not_released_while_azure_may_be_creating_its_instance() -> None:
    soon = NOW + timedelta(seconds=40)
    found = make_plan(desired(deleting=True), replace(UNPROTECTED, creation_visible_at=soon), NOW)
    assert not found.ready and found.verdict.requeue_at == soon
    assert make_plan(desired(deleting=True), replace(UNPROTECTED, creation_visible_at=soon), soon).ready


# --- from every state the way goes on -----------------------------------------------------------

RESTS = ("ProtectionStopped", "BackupsSuspended")
STATES = st.sampled_from(
    ["ProtectionConfigured", "ConfiguringProtection", "ProtectionStopped", "BackupsSuspended", "ProtectionError",
     "UpdatingProtection", "SoftDeleted", "NotProtected", "Invented", ""]
)  # fmt: skip
INSTANCES = st.one_of(
    st.just(NOT_FOUND),
    st.just(FetchFailed(DENIED)),
    STATES.map(lambda state: replace(INSTANCE, state=state)),
    STATES.map(lambda state: replace(INSTANCE, state=state, policy_id="another", soft_deleted_until=NOW)),
    STATES.map(lambda state: replace(INSTANCE, state=state, tags={})),
    STATES.map(lambda state: replace(THEIRS, state=state)),
)
WORLDS = st.builds(
    Observed,
    policy=st.sampled_from([POLICY, NOT_FOUND, replace(POLICY, ready=False), replace(POLICY, id=None)]),
    vault=st.sampled_from([VAULT, MAY_DELETE, NOT_FOUND, replace(VAULT, ready=False), replace(VAULT, id=None)]),
    namespace_labels=st.just({}),
    claim=st.sampled_from([ClaimedDisk(DISK.id, "pv"), NOT_FOUND, NotBound("no"), NotAzureDisk("no")]),
    older_duplicate=st.sampled_from([None, "older"]),
    recorded=st.sampled_from(
        [
            Recorded(),
            Recorded(has_finalizer=True),
            Recorded(has_finalizer=True, instance_id=str(INSTANCE.id), disk=DISK, is_settled=True),
        ]
    ),
    conflicting_instance=st.sampled_from([NOT_FOUND, NOT_FETCHED]),
)
# What the fetchers may find, when a rule asks.
FINDINGS = {
    Fact.DISK: ("disk", st.sampled_from([DISK, NOT_FOUND, FetchFailed(DENIED)])),
    Fact.INSTANCE: ("instance", INSTANCES),
    Fact.VALIDATION: (
        "validation",
        st.sampled_from([NeverRun(), Passed(), Running("op", NOW), ValidationRefused(DENIED, NOW, NOW, 2)]),
    ),
    Fact.CONFLICTING_INSTANCE: ("conflicting_instance", st.sampled_from([NOT_FOUND, THEIRS])),
    Fact.ROLE_GRANT: ("role_grant", st.sampled_from([True, False, FetchFailed(DENIED)])),
    Fact.MIGRATION_TURN: ("migrate_at", st.sampled_from([NOW, NOW + timedelta(minutes=1)])),
}


def gathered(draw: st.DataObject, wanted: Desired, observed: Observed) -> Observed:
    """Fetch as the pass does: a rule that asks for what is there would never end it."""
    fetched: set[Fact] = set()
    while isinstance(decision := decide(wanted, observed, NOW), Need):
        assert isinstance(decision.fact, Fact) and decision.fact not in fetched, f"{decision} is asked for again"
        fetched.add(decision.fact)
        member, values = FINDINGS[decision.fact]
        observed = replace(observed, **{member: draw.draw(values)})
    return observed


@given(
    st.data(),
    WORLDS,
    st.booleans(),
    st.sampled_from(["Active", "Suspended", "Stopped"]),
    st.sampled_from(["Retain", "Suspend", "Delete"]),
)
def test_every_world_leads_somewhere_with_a_reason(
    data: st.DataObject, observed: Observed, deleting: bool, mode: str, policy: str
) -> None:
    wanted = desired(deleting=deleting, protection=mode, deletionPolicy=policy)
    observed = gathered(data, wanted, observed)
    found = make_plan(wanted, observed, NOW)
    assert found.verdict.reason and found.verdict.message
    is_looked_at = found.step is not None or (found.verdict.requeue_at or found.verdict.recheck_every) is not None
    assert found.ready or is_looked_at or found.verdict.progress.name == "STALLED", "nobody waits for ever unsaid"
    destroys = isinstance(found.step, DeleteInstance | RevokeRole)
    assert not destroys or (deleting and policy == "Delete"), "nothing is destroyed that was not asked for"
    if isinstance(observed.instance, AzureInstance) and not is_owner(wanted, observed, observed.instance):
        assert not deleting or found.step is None, "what was never this object's is left as it is"
        assert not isinstance(found.step, Stop | Suspend) or observed.instance.state in RESTS
    after = build_status(resource(deleting), wanted, observed, found, NOW)
    shown = after.backup_instance_id is not None
    assert not shown or may_be_shown(wanted, observed), "nothing of anybody else's is told"
    names = [each.type for each in after.conditions]
    assert len(names) == len(set(names)) and all(each.reason and each.message for each in after.conditions)
    again = build_status(resource(deleting), wanted, observed, found, NOW)
    assert again == after


def test_an_invalid_spec_is_told_in_words() -> None:
    found = read_desired(resource(protection="Sometimes", source={}), "c")
    assert isinstance(found, Invalid)
    assert "`spec.protection`" in found.message and "exactly one of" in found.message


def test_of_several_that_are_deleted_together_the_last_one_takes_the_right_back() -> None:
    leaving = replace(UNPROTECTED, vault=MAY_DELETE, role_grant=True, deleted_before_us=("shop/another",))
    found = make_plan(desired(deleting=True, deletionPolicy="Delete"), leaving, NOW)
    assert found.step is None and not found.ready and "shop/another" in found.verdict.message
    kept = replace(leaving, grant_used_by=("shop/kept",))
    assert make_plan(desired(deleting=True, deletionPolicy="Delete"), kept, NOW).ready


@pytest.mark.parametrize(
    ("observed", "is_shown"),
    [
        (PROTECTED, True),
        (UNPROTECTED, False),
        (replace(PROTECTED, instance=THEIRS), False),
        (replace(PROTECTED, instance=replace(INSTANCE, tags={})), True),
        (replace(PROTECTED, instance=replace(INSTANCE, tags={}, disk_id=f"{DISK.id}-2")), False),
        (replace(PROTECTED, instance=replace(INSTANCE, tags={}), vault=CLOSED), False),
        (replace(PROTECTED, instance=replace(INSTANCE, tags={}), vault=NOT_FOUND), False),
        (
            replace(
                PROTECTED,
                instance=THEIRS,
                vault=replace(VAULT, access=VaultAccess(adopt_from_clusters=["another-cluster"])),
            ),
            True,
        ),
    ],
)
def test_what_may_be_told_of_an_instance(observed: Observed, is_shown: bool) -> None:
    assert may_be_shown(desired(), observed) is is_shown
    if observed.instance != INSTANCE:
        assert not may_be_shown(desired(deleting=True), observed)
