"""What a vault is provisioned by: what is desired and observed → the step, the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azdiskbackup.core.backup_vault import desired as vault_desired
from azdiskbackup.core.backup_vault import status as vault_status
from azdiskbackup.core.backup_vault.observed import Fact, Recorded
from azdiskbackup.core.backup_vault.observed import Observed as VaultSeen
from azdiskbackup.core.backup_vault.rules import snapshot_grants
from azdiskbackup.core.backup_vault.steps import (
    AssignRole,
    CreateGroup,
    CreateVault,
    SetIdentity,
    UpdateVault,
)
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.core.rules.verdicts import Need
from harness.objects import SECOND_SUBSCRIPTION, SNAPSHOT_GROUP, SUBSCRIPTION, vault
from unit.core.backup_vault.vault_world import (
    DENIED,
    EXISTS,
    GRANT,
    GROUP,
    KNOWN,
    LEAVING,
    NEW,
    NOW,
    OURS,
    OWNER,
    READY,
    SETTINGS,
    VAULT,
    decide,
    make_plan,
    resource,
    wanted_vault,
)


@pytest.mark.parametrize(
    ("observed", "step"),
    [
        (NEW, CreateVault),
        (replace(READY, vault=replace(VAULT, settings=replace(SETTINGS, soft_delete_days=30))), UpdateVault),
        (replace(READY, vault=replace(VAULT, settings=replace(SETTINGS, immutability="Unlocked"))), UpdateVault),
        (replace(READY, grants={GRANT: False}), AssignRole),
        (READY, None),
    ],
)
def test_the_one_step_for_a_vault(observed: VaultSeen, step: type | None) -> None:
    found = make_plan(wanted_vault(), observed, NOW)
    assert found.step is None if step is None else isinstance(found.step, step)
    # Nobody waits for a setting.
    assert found.ready is (step in (UpdateVault, None))


@pytest.mark.parametrize(
    ("observed", "condition", "reason"),
    [
        (replace(NEW, vault=DENIED), reasons.SYNCED, "AccessDenied"),
        (replace(EXISTS, vault=replace(VAULT, provisioning_state="Provisioning")), reasons.SYNCED,
         reasons.PROVISIONING),
        (replace(EXISTS, vault=replace(VAULT, provisioning_state="Failed")), reasons.SYNCED,
         reasons.PROVISIONING_FAILED),
        (replace(EXISTS, vault=replace(VAULT, location="x")), reasons.SYNCED, reasons.DRIFT_DETECTED),
        (replace(EXISTS, groups={GROUP: DENIED}), reasons.SNAPSHOT_GROUPS_READY, "AccessDenied"),
        (replace(EXISTS, groups={GROUP: NOT_FOUND}), reasons.SNAPSHOT_GROUPS_READY, reasons.GROUP_MISSING),
        (replace(READY, grants={GRANT: DENIED}), reasons.SNAPSHOT_GROUPS_READY, "AccessDenied"),
    ],
)  # fmt: skip
def test_what_keeps_a_vault_waiting(observed: VaultSeen, condition: str, reason: str) -> None:
    found = make_plan(wanted_vault(), observed, NOW)
    assert (found.condition, found.verdict.reason, found.step) == (condition, reason, None)


@pytest.mark.parametrize(
    ("desired", "observed", "need"),
    [
        (wanted_vault(), VaultSeen((), 0), Need(Fact.VAULT)),
        (wanted_vault(), EXISTS, Need(Fact.RESOURCE_GROUP, (GROUP,))),
        (wanted_vault(), replace(READY, grants={}), Need(Fact.ROLE_GRANT, (GRANT,))),
        (LEAVING, VaultSeen((), 0), Need(Fact.VAULT)),
        (LEAVING, OURS, Need(Fact.INSTANCES)),
        (LEAVING, replace(OURS, instances=0), Need(Fact.DELETED_INSTANCES)),
        (LEAVING, KNOWN, Need(Fact.ROLE_GRANT, (GRANT,))),
    ],
)
def test_a_rule_that_cannot_decide_names_the_fact(
    desired: vault_desired.Desired, observed: VaultSeen, need: Need
) -> None:
    assert decide(desired, observed, NOW) == need


def test_a_missing_group_is_made_only_where_that_was_asked_for() -> None:
    desired = wanted_vault(snapshotResourceGroups=[{"name": SNAPSHOT_GROUP, "create": True}])
    found = make_plan(desired, replace(EXISTS, groups={GROUP: NOT_FOUND}), NOW)
    assert found.step == CreateGroup(GROUP, "westeurope", {})


def test_a_vault_that_is_run_elsewhere_is_used_and_never_written() -> None:
    desired = wanted_vault(managementPolicy="Observe", deletionPolicy="Delete")
    missing = make_plan(desired, NEW, NOW)
    assert (missing.step, missing.verdict.reason) == (None, reasons.VAULT_MISSING)
    differs = replace(READY, vault=replace(VAULT, settings=replace(SETTINGS, soft_delete_days=30)))
    found = make_plan(desired, differs, NOW)
    assert found.ready and found.step is None
    synced = next(each for each in found.findings if each.type == "Synced")
    assert (synced.status, synced.reason) == ("False", reasons.DRIFT_DETECTED)
    assert "softDelete.retentionDays" in synced.message
    shown = vault_status.build_status(resource(vault()), desired, differs, found, NOW).conditions
    assert {each.type: each.status for each in shown}["Ready"] == "True"
    leaving = wanted_vault(deleting=True, managementPolicy="Observe", deletionPolicy="Delete")
    assert make_plan(leaving, replace(EXISTS, instances=0, deleted=()), NOW).step is None
    other = make_plan(desired, replace(EXISTS, vault=replace(VAULT, principal_id=None)), NOW)
    assert (other.step, other.verdict.reason) == (None, reasons.IDENTITY_MISSING)


ASSIGNED = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u"
)


def test_the_identity_that_is_wanted_is_given() -> None:
    without = replace(EXISTS, vault=replace(VAULT, principal_id=None))
    step = make_plan(wanted_vault(), without, NOW).step
    assert isinstance(step, SetIdentity) and (step.assigned, step.own) == ((), True)
    desired = wanted_vault(identity={"type": "UserAssigned", "userAssignedIdentityID": ASSIGNED})
    step = make_plan(desired, EXISTS, NOW).step
    assert isinstance(step, SetIdentity) and (step.assigned, step.own) == ((ASSIGNED.lower(),), True)
    others = replace(EXISTS, vault=replace(VAULT, principal_id=None, assigned={"/theirs": "them"}))
    step = make_plan(desired, others, NOW).step
    assert isinstance(step, SetIdentity) and (step.assigned, step.own) == ((ASSIGNED.lower(), "/theirs"), False)
    step = make_plan(wanted_vault(), others, NOW).step
    assert isinstance(step, SetIdentity) and (step.assigned, step.own) == (("/theirs",), True), "none is taken off"
    given = replace(EXISTS, vault=replace(VAULT, assigned={ASSIGNED.lower(): "assigned"}))
    assert snapshot_grants(desired, given)[0].principal == "assigned"


def test_roles_that_others_assign_are_asked_for_by_name() -> None:
    desired = wanted_vault(roleAssignments="Preassigned")
    found = make_plan(desired, replace(READY, grants={GRANT: False}), NOW)
    assert (found.step, found.verdict.reason) == (None, reasons.ROLE_MISSING)
    assert "az role assignment create --assignee-object-id principal" in found.verdict.message
    leaving = wanted_vault(deleting=True, deletionPolicy="Delete", roleAssignments="Preassigned")
    assert make_plan(leaving, KNOWN, NOW).ready, "what others assigned is theirs"


@pytest.mark.parametrize(
    ("observed", "step"),
    [
        (NEW, CreateVault),
        (replace(READY, vault=replace(VAULT, settings=replace(SETTINGS, soft_delete_days=30))), UpdateVault),
        (replace(READY, grants={GRANT: False}), AssignRole),
    ],
)
def test_what_somebody_changed_of_a_vault_is_put_back_and_said(observed: VaultSeen, step: type) -> None:
    found = make_plan(wanted_vault(), replace(observed, recorded=Recorded(is_settled=True)), NOW)
    assert isinstance(found.step, step) and found.verdict.reason == reasons.DRIFT_CORRECTED


def test_a_vault_that_azure_updates_is_used_meanwhile_and_not_written() -> None:
    updating = replace(VAULT, provisioning_state="Updating", settings=replace(SETTINGS, soft_delete_days=30))
    found = make_plan(wanted_vault(), replace(READY, vault=updating), NOW)
    assert found.ready and found.step is None and found.verdict.requeue_at is not None


@pytest.mark.parametrize(
    ("actual", "told"),
    [
        ({"soft_delete_state": "AlwaysOn"}, "`softDelete.state: AlwaysOn`, which cannot be changed. Write that"),
        ({"immutability": "Locked"}, "`immutability: Locked`, which cannot be changed. Write that"),
        ({"redundancy": "GeoRedundant"}, "`redundancy: GeoRedundant`, which cannot be changed. It makes no difference"),
    ],
)
def test_what_azure_never_lets_go_of_is_told_and_not_asked_for(actual: dict[str, str], told: str) -> None:
    """It is put back by nobody, and what else differs all the same."""
    settings = replace(SETTINGS, **actual)  # type: ignore[arg-type]
    found = make_plan(wanted_vault(), replace(READY, vault=replace(VAULT, settings=settings)), NOW)
    synced = next(each for each in found.findings if each.type == reasons.SYNCED)
    assert found.ready and found.step is None
    assert (synced.status, synced.reason) == ("False", reasons.DRIFT_DETECTED) and told in synced.message
    more = replace(settings, soft_delete_days=30)
    step = make_plan(wanted_vault(), replace(READY, vault=replace(VAULT, settings=more)), NOW).step
    assert isinstance(step, UpdateVault) and step.settings == settings


THEIRS = {**OWNER, "azdiskbackup.io.cluster": "cluster-2"}


@pytest.mark.parametrize(
    ("deletion", "tags", "written"),
    [
        ("Delete", {"env": "prod"}, {"env": "prod", **OWNER}),
        ("Delete", OWNER, None),
        ("Delete", THEIRS, None),
        ("Retain", {"env": "prod"}, None),
    ],
)
def test_a_vault_that_was_there_says_whose_it_is_before_it_may_be_deleted(
    deletion: str, tags: dict[str, str], written: dict[str, str] | None
) -> None:
    found = replace(READY, vault=replace(VAULT, settings=replace(SETTINGS, tags=tags)))
    step = make_plan(wanted_vault(deletionPolicy=deletion), found, NOW).step
    assert step is None if written is None else isinstance(step, UpdateVault) and step.settings.tags == written


def test_a_new_vault_says_whose_it_is() -> None:
    step = make_plan(wanted_vault(tags={"env": "prod"}), NEW, NOW).step
    assert isinstance(step, CreateVault) and step.settings.tags == {"env": "prod", **OWNER}


def test_a_vault_that_never_was_leaves_nothing_to_revoke() -> None:
    assert make_plan(wanted_vault(deleting=True, deletionPolicy="Delete"), NEW, NOW).ready


def test_tags_of_others_are_kept() -> None:
    desired = wanted_vault(tags={"env": "prod"})
    drifted = replace(VAULT, settings=replace(SETTINGS, tags={"owner": "them", "env": "test"}))
    step = make_plan(desired, replace(READY, vault=drifted), NOW).step
    assert isinstance(step, UpdateVault) and step.settings.tags == {"owner": "them", "env": "prod"}


def test_every_subscription_has_its_own_group_and_right() -> None:
    groups = [{"name": "a"}, {"name": "b", "subscriptionID": SECOND_SUBSCRIPTION}]
    grants = snapshot_grants(wanted_vault(snapshotResourceGroups=groups), EXISTS)
    assert [grant.subscription for grant in grants] == [SUBSCRIPTION, SECOND_SUBSCRIPTION]
