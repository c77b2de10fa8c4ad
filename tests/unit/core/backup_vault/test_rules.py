"""The ways of a vault."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from azdiskbackup.core.backup_vault import desired as vault_desired
from azdiskbackup.core.backup_vault import status as vault_status
from azdiskbackup.core.backup_vault.deletion import DELETION_RULES
from azdiskbackup.core.backup_vault.observed import Fact, Recorded, read_recorded
from azdiskbackup.core.backup_vault.observed import Observed as VaultSeen
from azdiskbackup.core.backup_vault.rules import PROVISIONING_RULES, RESTORE_RULES, restore_grants, snapshot_grants
from azdiskbackup.core.backup_vault.steps import (
    AssignRole,
    CreateGroup,
    CreateVault,
    DeleteVault,
    RevokeRole,
    SetIdentity,
    UpdateVault,
)
from azdiskbackup.core.identity.arm_ids import ResourceGroupId, vault_id
from azdiskbackup.core.objects.azure import AzureGroup, AzureInstance, AzureVault, VaultSettings
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed
from azdiskbackup.core.rules.verdicts import Need, Plan, evaluate
from azdiskbackup.errors import AccessDenied
from harness.objects import RESTORE_GROUP, SECOND_SUBSCRIPTION, SNAPSHOT_GROUP, SUBSCRIPTION, Json, vault

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DENIED = FetchFailed(AccessDenied("AuthorizationFailed", "No."))
VAULT_ID = vault_id(SUBSCRIPTION, "backup-rg", "demo")


def resource(raw: Json, deleting: bool = False, **status: Any) -> Resource:
    raw["metadata"] |= {
        "uid": "u",
        "generation": 3,
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-05T09:00:00Z",
    }
    if deleting:
        raw["metadata"]["deletionTimestamp"] = "2026-01-05T09:00:00Z"
    return Resource({**raw, "status": status})


OWNER = dict(zip(vault_desired.OWNER_TAGS, ("cluster-1", "demo"), strict=True))


def decide(desired: vault_desired.Desired, observed: VaultSeen, now: datetime) -> Plan[Any] | Need:
    return evaluate(DELETION_RULES if desired.deleting else PROVISIONING_RULES, desired, observed, now)


def make_plan(desired: vault_desired.Desired, observed: VaultSeen, now: datetime) -> Plan[Any]:
    found = decide(desired, observed, now)
    assert isinstance(found, Plan), f"{found} is missing"
    return found


def wanted_vault(deleting: bool = False, **spec: Any) -> vault_desired.Desired:
    found = vault_desired.read_desired(resource(vault(**spec), deleting), SUBSCRIPTION, "cluster-1")
    assert isinstance(found, vault_desired.Desired)
    return found


SETTINGS = VaultSettings("LocallyRedundant", "On", 14, "Disabled", {})
VAULT = AzureVault(VAULT_ID, "westeurope", "Succeeded", "principal", SETTINGS)
GROUP = ResourceGroupId(SUBSCRIPTION, SNAPSHOT_GROUP)
NEW = VaultSeen((), 0, NOT_FOUND)
EXISTS = VaultSeen((), 0, VAULT)
OURS = VaultSeen((), 0, replace(VAULT, settings=replace(SETTINGS, tags=OWNER)))
GRANT = snapshot_grants(wanted_vault(), EXISTS)[0]
KNOWN = replace(NEW, recorded=Recorded("principal"))
LEAVING = wanted_vault(deleting=True, deletionPolicy="Delete")
READY = replace(EXISTS, groups={GROUP: AzureGroup("westeurope")}, grants={GRANT: True})


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


SOFT_DELETED = AzureInstance(
    VAULT_ID.child("backupInstances", "d"), "disk", "policy", None, "SoftDeleted", soft_deleted_until=NOW
)


@pytest.mark.parametrize(
    ("desired", "observed", "step"),
    [
        (LEAVING, replace(OURS, instances=0, deleted=()), DeleteVault),
        # Nothing says that this object ever kept it: neither a finalizer nor its status proves that.
        (LEAVING, replace(EXISTS, instances=0, deleted=(), grants={GRANT: True}), None),
        (LEAVING, replace(KNOWN, grants={GRANT: True}), RevokeRole),
        (LEAVING, replace(KNOWN, grants={GRANT: False}), None),
        (wanted_vault(deleting=True), VaultSeen((), 0), None),
    ],
)
def test_the_way_out_of_a_vault(desired: vault_desired.Desired, observed: VaultSeen, step: type | None) -> None:
    found = make_plan(desired, observed, NOW)
    assert found.step is None if step is None else isinstance(found.step, step)
    # Nobody waits for a setting.
    assert found.ready is (step in (UpdateVault, None))


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        (VaultSeen(("gold",), 1), reasons.IN_USE),
        (replace(NEW, vault=DENIED), "AccessDenied"),
        (replace(OURS, instances=DENIED), "AccessDenied"),
        (replace(OURS, instances=2), reasons.IN_USE),
        (replace(OURS, instances=0, deleted=DENIED), "AccessDenied"),
        (replace(OURS, instances=0, deleted=(SOFT_DELETED,)), reasons.BLOCKED_BY_SOFT_DELETE),
        (replace(KNOWN, grants={GRANT: DENIED}), "AccessDenied"),
    ],
)
def test_what_keeps_a_vault_from_going(observed: VaultSeen, reason: str) -> None:
    found = make_plan(LEAVING, observed, NOW)
    assert (found.verdict.reason, found.step) == (reason, None)


def test_status_of_a_vault() -> None:
    desired = wanted_vault()
    found = vault_status.build_status(resource(vault()), desired, READY, make_plan(desired, READY, NOW), NOW)
    assert (found.vault_id, found.principal_id, found.observed_generation) == (str(VAULT_ID), "principal", 3)
    assert [each.type for each in found.conditions][-1] == "Ready"
    assert read_recorded(resource(vault(), **found.to_wire())) == Recorded("principal", True, ("principal",))
    blind = vault_status.build_status(
        resource(vault(), **found.to_wire()), desired, NEW, make_plan(desired, NEW, NOW), NOW
    )
    assert blind.vault_id == found.vault_id, "what was known stays until Azure says otherwise"


def test_a_vault_seen_from_outside() -> None:
    groups = [{"name": "a"}, {"name": "b", "subscriptionID": SECOND_SUBSCRIPTION}]
    fresh = vault_view(resource(vault(snapshotResourceGroups=groups)))
    assert isinstance(fresh, VaultView) and fresh.id is None and not fresh.ready and fresh.not_ready_reason
    ready = {"type": "Ready", "status": "True"}
    known = vault_view(resource(vault(snapshotResourceGroups=groups), vaultID=str(VAULT_ID), conditions=[ready]))
    assert isinstance(known, VaultView) and known.ready and known.id == VAULT_ID
    assert known.snapshot_group_for(SUBSCRIPTION.upper()) == ResourceGroupId(SUBSCRIPTION, "a")
    assert known.snapshot_group_for("another") is None
    assert isinstance(vault_view(resource(vault(location=1))), Invalid)
    assert isinstance(vault_desired.read_desired(resource(vault(location=1)), SUBSCRIPTION, "cluster-1"), Invalid)


def test_a_vault_says_that_it_is_listed_only_while_it_is() -> None:
    def conditions(degraded_reason: str | None) -> list[str]:
        observed = replace(READY, degraded_reason=degraded_reason)
        desired = wanted_vault()
        found = vault_status.build_status(resource(vault()), desired, observed, make_plan(desired, observed, NOW), NOW)
        return [each.type for each in found.conditions]

    assert reasons.RESOURCE_GRAPH_UNAVAILABLE in conditions("Resource Graph is behind.")
    assert reasons.RESOURCE_GRAPH_UNAVAILABLE not in conditions(None)


# --- restores -----------------------------------------------------------------------------------------

RESTORING = ResourceGroupId(SUBSCRIPTION, RESTORE_GROUP)


def restoring_vault(**spec: Any) -> vault_desired.Desired:
    return wanted_vault(restoreResourceGroups=[{"name": RESTORE_GROUP, **spec.pop("group", {})}], **spec)


def restoring(desired: vault_desired.Desired, observed: VaultSeen) -> Plan[Any] | Need:
    return evaluate(PROVISIONING_RULES + RESTORE_RULES, desired, observed, NOW)


@pytest.mark.parametrize(
    ("found", "spec", "step", "reason"),
    [
        (AzureGroup("West Europe"), {}, None, reasons.EXISTS),
        (AzureGroup("northeurope"), {}, None, reasons.REGION_MISMATCH),
        (NOT_FOUND, {}, None, reasons.GROUP_MISSING),
        (NOT_FOUND, {"create": True}, CreateGroup(RESTORING, "westeurope", {}), reasons.CREATING),
    ],
)
def test_a_group_for_restored_disks_keeps_no_disk_from_being_protected(
    found: Any, spec: dict[str, Any], step: object, reason: str
) -> None:
    observed = replace(READY, groups={**READY.groups, RESTORING: found}, is_restoring=True)
    plan = restoring(restoring_vault(group=spec), observed)
    assert isinstance(plan, Plan) and plan.ready and plan.step == step
    told = next(each for each in plan.findings if each.type == reasons.RESTORE_GROUPS_READY)
    assert told.reason == reason
    missing = restoring(restoring_vault(), READY)
    assert missing == Need(Fact.RESOURCE_GROUP, (RESTORING,))


def test_the_role_for_restores_goes_once_none_is_in_progress() -> None:
    both = replace(VAULT, assigned={"/identity": "assigned"})
    observed = replace(READY, vault=both, groups={**READY.groups, RESTORING: AzureGroup("westeurope")})
    desired = restoring_vault()
    grants = restore_grants(desired, observed)
    assert [each.principal for each in grants] == ["principal", "assigned"]
    untouched = restoring(desired, observed)
    assert isinstance(untouched, Plan) and untouched.step is None, "another cluster may have assigned it"
    observed = replace(observed, recorded=Recorded("principal", restore_role=True))
    assert restoring(desired, observed) == Need(Fact.RESTORE_ROLE, (grants[0],))
    left = replace(observed, restore_roles=dict.fromkeys(grants, True))
    plan = restoring(desired, left)
    assert isinstance(plan, Plan) and plan.ready and plan.step == RevokeRole(grants[0])
    gone = restoring(desired, replace(observed, restore_roles=dict.fromkeys(grants, False)))
    assert isinstance(gone, Plan) and gone.ready and gone.step is None
    for kept in (restoring(desired, replace(left, is_role_needed=True)),
                 restoring(restoring_vault(roleAssignments="Preassigned"), left)):  # fmt: skip
        assert isinstance(kept, Plan) and kept.step is None


def test_the_role_for_restores_is_in_status_until_it_is_revoked() -> None:
    observed = replace(READY, groups={**READY.groups, RESTORING: AzureGroup("westeurope")})
    desired, recorded = restoring_vault(), Recorded("principal", restore_role=True)
    grant = restore_grants(desired, observed)[0]

    def told(seen: VaultSeen, of: vault_desired.Desired = desired) -> object:
        plan = restoring(of, seen)
        assert isinstance(plan, Plan)
        return vault_status.build_status(resource(vault()), of, seen, plan, NOW).restore_role

    assert told(observed) is None
    assert told(replace(observed, is_restoring=True, is_role_needed=True)) is True
    assert told(replace(observed, recorded=recorded, restore_roles={grant: True})) is True
    assert told(replace(observed, recorded=recorded, restore_roles={grant: False})) is None
    assert told(replace(observed, is_restoring=True), restoring_vault(roleAssignments="Preassigned")) is None
    leaving = restoring_vault(deleting=True, deletionPolicy="Delete")
    gone = replace(KNOWN, recorded=recorded, grants={GRANT: False})
    assert decide(leaving, gone, NOW) == Need(Fact.ROLE_GRANT, (grant,))
