"""The way out of a disk; and that from every state the way goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdiskbackup.api.v1alpha1.backup_vault import VaultAccess
from azdiskbackup.api.v1alpha1.base import LabelSelector
from azdiskbackup.core import reasons
from azdiskbackup.core.azure_model import AzureInstance
from azdiskbackup.core.claims import ClaimedDisk, NotAzureDisk, NotBound
from azdiskbackup.core.presence import ABSENT, UNKNOWN, Unreadable
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS, desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import is_owner, may_be_shown
from azdiskbackup.core.protected_disk.plan import plan
from azdiskbackup.core.protected_disk.status import status
from azdiskbackup.core.protected_disk.steps import (
    DeleteInstance,
    RevokeRole,
    Stop,
    Suspend,
)
from azdiskbackup.core.protected_disk.validation import Never, Passed, Refused, Running
from azdiskbackup.core.resource import Invalid
from unit.disk_world import (
    DENIED,
    DISK,
    INSTANCE,
    MAY_DELETE,
    NOW,
    POLICY,
    PROTECTED,
    UNPROTECTED,
    VAULT,
    in_state,
    resource,
    want,
)

CLOSED = replace(
    VAULT,
    access=VaultAccess(namespaces=LabelSelector(match_labels={"served": "yes"}), deletion_namespaces=LabelSelector()),
)
THEIRS = replace(INSTANCE, tags=dict(zip(OWNER_TAGS, ("another-cluster", "shop", "data"), strict=True)))

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
        ("Delete", replace(PROTECTED, instance=THEIRS, vault=MAY_DELETE, granted=True), None),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, granted=False), None),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, disk=ABSENT), None),
        ("Delete", replace(UNPROTECTED, vault=ABSENT), None),
        # Without the tags of the instance, which Azure does not keep, what may protect the disk may also take back.
        ("Delete", replace(UNPROTECTED, vault=CLOSED, granted=True), None),
        ("Delete", replace(UNPROTECTED, vault=CLOSED, granted=True, was_owner=True), RevokeRole),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, granted=True, claim=ABSENT), None),
        ("Delete", replace(UNPROTECTED, vault=MAY_DELETE, granted=True, claim=ABSENT, was_owner=True), RevokeRole),
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

RESTS = ("ProtectionStopped", "BackupsSuspended")
STATES = st.sampled_from(
    ["ProtectionConfigured", "ConfiguringProtection", "ProtectionStopped", "BackupsSuspended", "ProtectionError",
     "UpdatingProtection", "SoftDeleted", "NotProtected", "Invented", ""]
)  # fmt: skip
INSTANCES = st.one_of(
    st.just(ABSENT),
    st.just(Unreadable(DENIED)),
    STATES.map(lambda state: replace(INSTANCE, state=state)),
    STATES.map(lambda state: replace(INSTANCE, state=state, policy_id="another", soft_deleted_until=NOW)),
    STATES.map(lambda state: replace(INSTANCE, state=state, tags={})),
    STATES.map(lambda state: replace(THEIRS, state=state)),
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
    if isinstance(seen.instance, AzureInstance) and not is_owner(wanted, seen, seen.instance):
        assert not deleting or found.step is None, "what was never this object's is left as it is"
        assert not isinstance(found.step, Stop | Suspend) or seen.instance.state in RESTS
    after = status(resource(deleting), wanted, seen, found, NOW)
    shown = after.backup_instance_id is not None
    assert not shown or may_be_shown(wanted, seen), "nothing of anybody else's is told"
    names = [each.type for each in after.conditions]
    assert len(names) == len(set(names)) and all(each.reason and each.message for each in after.conditions)
    again = status(resource(deleting), wanted, seen, found, NOW)
    assert again == after


def test_an_invalid_spec_is_told_in_words() -> None:
    found = desired(resource(protection="Sometimes", source={}), "c")
    assert isinstance(found, Invalid)
    assert "`spec.protection`" in found.message and "exactly one of" in found.message


def test_of_several_that_are_deleted_together_the_last_one_takes_the_right_back() -> None:
    leaving = replace(UNPROTECTED, vault=MAY_DELETE, granted=True, leaving_first=("shop/another",))
    found = plan(want(deleting=True, deletionPolicy="Delete"), leaving, NOW)
    assert found.step is None and not found.ready and "shop/another" in found.verdict.message
    kept = replace(leaving, needed_by=("shop/kept",))
    assert plan(want(deleting=True, deletionPolicy="Delete"), kept, NOW).ready
