"""The ways of a policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.disk_backup_policy import PREDECESSORS
from azdiskbackup.core.disk_backup_policy import desired as policy_desired
from azdiskbackup.core.disk_backup_policy import status as policy_status
from azdiskbackup.core.disk_backup_policy.deletion import DELETION_RULES
from azdiskbackup.core.disk_backup_policy.observed import Exists, Fact, Recorded, Uses, read_recorded
from azdiskbackup.core.disk_backup_policy.observed import Observed as PolicySeen
from azdiskbackup.core.disk_backup_policy.rules import PROVISIONING_RULES
from azdiskbackup.core.disk_backup_policy.steps import CreatePolicy, DeletePolicy
from azdiskbackup.core.identity.arm_ids import ArmId, vault_id
from azdiskbackup.core.objects.policy_view import PolicyView, policy_view
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.conditions import after_failure
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed
from azdiskbackup.core.rules.verdicts import Need, Plan, evaluate
from azdiskbackup.errors import AccessDenied
from harness.objects import SUBSCRIPTION, Json, policy, stored, vault

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DENIED = FetchFailed(AccessDenied("AuthorizationFailed", "No."))
VAULT_ID = vault_id(SUBSCRIPTION, "backup-rg", "demo")


def resource(raw: Json, deleting: bool = False, **status: Any) -> Resource:
    return Resource({**stored(raw, generation=3, deleting=deleting), "status": status})


LIMITS = policy_desired.Limits(450, 500)
VIEW = vault_view(resource(vault(), vaultID=str(VAULT_ID), conditions=[{"type": "Ready", "status": "True"}]))
assert isinstance(VIEW, VaultView)


def decide(desired: policy_desired.Desired, observed: PolicySeen, now: datetime) -> Plan[Any] | Need:
    return evaluate(DELETION_RULES if desired.deleting else PROVISIONING_RULES, desired, observed, now)


def make_plan(desired: policy_desired.Desired, observed: PolicySeen, now: datetime) -> Plan[Any]:
    found = decide(desired, observed, now)
    assert isinstance(found, Plan), f"{found} is missing"
    return found


def wanted_policy(deleting: bool = False, **spec: Any) -> policy_desired.Desired:
    found = policy_desired.read_desired(resource(policy(**spec), deleting), LIMITS)
    assert isinstance(found, policy_desired.Desired)
    return found


KNOWN = str(wanted_policy().id_in(VAULT_ID))
MADE, LEAVING = Recorded(KNOWN), wanted_policy(deleting=True)


@pytest.mark.parametrize(
    ("desired", "observed", "condition", "reason"),
    [
        (wanted_policy(schedule={"frequency": "Daily", "timeZone": "Mars"}), PolicySeen(VIEW, ()), reasons.ACCEPTED,
         reasons.TIME_ZONE_UNKNOWN),
        (wanted_policy(retention={"default": {"days": 80}}), PolicySeen(VIEW, ()), reasons.ACCEPTED,
         reasons.TOO_MANY_RESTORE_POINTS),
        (wanted_policy(), PolicySeen(NOT_FOUND, ()), reasons.VAULT_READY, reasons.VAULT_NOT_FOUND),
        (wanted_policy(), PolicySeen(replace(VIEW, ready=False), ()), reasons.VAULT_READY, reasons.VAULT_NOT_READY),
        (wanted_policy(), PolicySeen(replace(VIEW, id=None), ()), reasons.VAULT_READY, reasons.VAULT_NOT_READY),
        (LEAVING, PolicySeen(VIEW, (), Exists(), uses=DENIED, recorded=MADE), reasons.SYNCED,
         "AccessDenied"),
        (LEAVING, PolicySeen(VIEW, (), Exists(), uses=Uses(("i",), None), recorded=MADE),
         reasons.SYNCED, reasons.IN_USE),
        (LEAVING, PolicySeen(VIEW, (), Exists(), uses=Uses((), NOW), recorded=MADE),
         reasons.SYNCED, reasons.BLOCKED_BY_SOFT_DELETE),
        (wanted_policy(), PolicySeen(VIEW, (), DENIED), reasons.SYNCED, "AccessDenied"),
        (LEAVING, PolicySeen(VIEW, ("shop/data",)), reasons.SYNCED, reasons.IN_USE),
        (LEAVING, PolicySeen(VIEW, (), DENIED, recorded=MADE), reasons.SYNCED, "AccessDenied"),
    ],
)  # fmt: skip
def test_what_keeps_a_policy_waiting(
    desired: policy_desired.Desired, observed: PolicySeen, condition: str, reason: str
) -> None:
    found = make_plan(desired, observed, NOW)
    assert (found.condition, found.verdict.reason, found.step) == (condition, reason, None)


def test_a_policy_is_made_and_deleted() -> None:
    step = make_plan(wanted_policy(), PolicySeen(VIEW, (), NOT_FOUND), NOW).step
    assert isinstance(step, CreatePolicy) and str(step.id) == KNOWN and step.content.rule_name == "BackupHourly"
    assert make_plan(wanted_policy(), PolicySeen(VIEW, (), Exists()), NOW).ready
    unused = PolicySeen(VIEW, (), Exists(), uses=Uses((), None), recorded=MADE)
    assert isinstance(make_plan(LEAVING, unused, NOW).step, DeletePolicy)
    settled = Recorded(KNOWN, is_settled=True)
    gone = make_plan(wanted_policy(), PolicySeen(VIEW, (), NOT_FOUND, recorded=settled), NOW)
    assert gone.verdict.reason == reasons.DRIFT_CORRECTED and isinstance(gone.step, CreatePolicy)
    assert make_plan(LEAVING, PolicySeen(VIEW, (), NOT_FOUND, recorded=MADE), NOW).ready
    kept = wanted_policy(deleting=True, deletionPolicy="Retain")
    assert make_plan(kept, PolicySeen(VIEW, (), recorded=MADE), NOW).ready
    assert make_plan(wanted_policy(deleting=True), PolicySeen(VIEW, ()), NOW).ready, "it was never made"


@pytest.mark.parametrize(
    ("desired", "observed", "need"),
    [
        (wanted_policy(), PolicySeen(VIEW, ()), Need(Fact.POLICY, (ArmId.parse(KNOWN),))),
        (LEAVING, PolicySeen(VIEW, (), recorded=MADE), Need(Fact.POLICY, (ArmId.parse(KNOWN),))),
        (LEAVING, PolicySeen(VIEW, (), Exists(), recorded=MADE), Need(Fact.USES, (ArmId.parse(KNOWN),))),
    ],
)
def test_a_rule_that_cannot_decide_names_the_fact(
    desired: policy_desired.Desired, observed: PolicySeen, need: Need
) -> None:
    assert decide(desired, observed, NOW) == need


OLD = str(ArmId.parse(KNOWN).parent.child("backupPolicies", "gold-00000000"))


@pytest.mark.parametrize(
    ("more", "step", "says"),
    [
        ({"moving": 2, "moved": 1}, None, "Waiting for 1 disks to be migrated to it"),
        ({"moving": 1, "moved": 1, "uses": Uses(("i",), None)}, None, "the backup instances i use it"),
        ({"uses": Uses((), NOW)}, None, "soft-deleted backup instances refer to it until 2026-01-05 09:00 UTC"),
        ({"uses": DENIED}, None, "Azure has the policy"),
        ({"uses": Uses((), None)}, DeletePolicy, "is deleted"),
    ],
)
def test_an_edit_makes_a_successor_and_removes_what_it_replaced(more: Json, step: type | None, says: str) -> None:
    edited = PolicySeen(VIEW, ("shop/data",), Exists(), recorded=Recorded(OLD), **more)
    found = make_plan(wanted_policy(), edited, NOW)
    assert found.ready, "the policy is usable all the while"
    assert found.step is None if step is None else isinstance(found.step, step)
    assert says in found.verdict.message
    unfetched = PolicySeen(VIEW, (), Exists(), recorded=Recorded(OLD))
    assert decide(wanted_policy(), unfetched, NOW) == Need(Fact.USES, (ArmId.parse(OLD),))


@pytest.mark.parametrize("theirs", ["silver-0a1b2c3d", "gold-0a1b2c3", "gold-0a1b2c3d4", "gold", "GOLD-x0a1b2c3"])
def test_a_status_that_names_a_policy_of_others_deletes_nothing(theirs: str) -> None:
    known = str(ArmId.parse(KNOWN).parent.child("backupPolicies", theirs))
    forged = read_recorded(resource(policy(), policyID=known), "gold")
    found = make_plan(LEAVING, PolicySeen(VIEW, (), Exists(), uses=Uses((), None), recorded=forged), NOW)
    assert found.ready and found.step is None
    assert not read_recorded(resource(policy(), policyID=KNOWN, predecessors=[theirs]), "gold").predecessors


def test_succession_is_shown_while_disks_move() -> None:
    raw = resource(policy(), policyID=OLD, predecessors=["gold-11111111"])
    desired, recorded = wanted_policy(), read_recorded(raw, "gold")
    observed = PolicySeen(VIEW, (), Exists(), disk_count=2, moving=2, moved=1, recorded=recorded)
    found = policy_status.build_status(raw, desired, observed, make_plan(desired, observed, NOW), NOW)
    assert found.policy_id == KNOWN and found.predecessors == ["gold-11111111", ArmId.parse(OLD).name]
    assert found.succession is not None
    assert (found.succession.from_, found.succession.total, found.succession.moved) == (ArmId.parse(OLD).name, 2, 1)
    moved = replace(observed, moved=2, uses=Uses((), None))
    going = make_plan(desired, moved, NOW)
    assert isinstance(going.step, DeletePolicy) and going.step.id.name == "gold-11111111"
    after = policy_status.build_status(raw, desired, moved, going, NOW)
    assert after.succession is None and after.predecessors == [ArmId.parse(OLD).name]
    edited_back = read_recorded(resource(policy(), policyID=OLD, predecessors=[ArmId.parse(KNOWN).name]), "gold")
    back = replace(observed, recorded=edited_back)
    again = policy_status.build_status(raw, desired, back, make_plan(desired, back, NOW), NOW)
    assert again.predecessors == [ArmId.parse(OLD).name], "an edit back finds the old policy"


def test_a_chore_that_fails_spoils_nothing() -> None:
    edited = PolicySeen(VIEW, (), Exists(), uses=Uses((), None), recorded=Recorded(OLD))
    found = make_plan(wanted_policy(), edited, NOW)
    after = after_failure(found, AccessDenied("AuthorizationFailed", "No."), NOW)
    assert after.ready and after.step is None and after.verdict.requeue_at == NOW


def test_the_name_of_a_policy_follows_its_content_and_nothing_else() -> None:
    daily = {"frequency": "Daily"}
    assert wanted_policy(schedule=daily).id_in(VAULT_ID) != wanted_policy().id_in(VAULT_ID)
    assert wanted_policy(deletionPolicy="Retain").id_in(VAULT_ID) == wanted_policy().id_in(VAULT_ID)
    content = wanted_policy(schedule=daily, retention={"weekly": {"days": 84}}).content
    assert content is not None and content.repeats.endswith("/P1D") and content.rule_name == "BackupDaily"
    assert content.retention_days == {"Default": 7, "Weekly": 84}
    assert wanted_policy(schedule={"frequency": "Daily", "timeZone": "Mars"}).id_in(VAULT_ID) is None


def test_status_of_a_policy() -> None:
    desired, observed = wanted_policy(), PolicySeen(VIEW, (), Exists(), disk_count=1)
    found = policy_status.build_status(resource(policy()), desired, observed, make_plan(desired, observed, NOW), NOW)
    assert found.policy_id == KNOWN and found.protected_disks == 1 and found.backups_per_day == 6
    assert found.restore_points is not None
    assert (found.restore_points.expected, found.restore_points.room_for_on_demand) == (42, 458)
    assert found.next_backup_time == datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    waiting = PolicySeen(NOT_FOUND, ())
    blind = policy_status.build_status(resource(policy()), desired, waiting, make_plan(desired, waiting, NOW), NOW)
    assert blind.next_backup_time is None and blind.policy_id is None


def test_a_policy_seen_from_outside() -> None:
    found = policy_view(resource(policy(retention={"daily": {"days": 30}}), policyID=KNOWN))
    assert isinstance(found, PolicyView) and found.retention_rules == {"Default", "Daily"} and found.id == KNOWN
    assert not found.ready and found.vault == "demo" and not found.in_force
    unedited = policy_view(resource(policy(), policyID=KNOWN))
    assert isinstance(unedited, PolicyView) and unedited.in_force
    lost = policy_view(resource(policy(schedule={"frequency": "Daily", "timeZone": "Mars"}), policyID=KNOWN))
    assert lost is not None and not lost.in_force
    assert isinstance(policy_view(resource(policy(schedule={}))), Invalid)
    assert isinstance(policy_desired.read_desired(resource(policy(schedule={})), LIMITS), Invalid)
    assert isinstance(VIEW, VaultView)


def test_a_leaving_policy_shows_what_it_leaves() -> None:
    desired, observed = LEAVING, PolicySeen(VIEW, (), Exists(), uses=Uses(("i",), None), recorded=Recorded(OLD))
    found = policy_status.build_status(
        resource(policy(), policyID=OLD), desired, observed, make_plan(desired, observed, NOW), NOW
    )
    assert found.policy_id == OLD and found.succession is None


def test_an_edit_waits_while_what_was_replaced_cannot_be_recorded() -> None:
    old = tuple(f"{KNOWN.rpartition('/')[0]}/gold-{number:08x}" for number in range(PREDECESSORS))
    edited = PolicySeen(VIEW, (), NOT_FOUND, recorded=Recorded(OLD, old))
    first = ArmId.parse(old[0])
    assert evaluate(PROVISIONING_RULES, wanted_policy(), edited, NOW) == Need(Fact.USES, (first,))
    used = make_plan(wanted_policy(), replace(edited, uses=Uses(("i",), None)), NOW)
    assert used.step is None and used.verdict.reason == reasons.IN_USE and first.name in used.verdict.message
    free = replace(edited, uses=Uses((), None))
    plan = make_plan(wanted_policy(), free, NOW)
    assert plan.step == DeletePolicy(first)
    found = policy_status.build_status(resource(policy()), wanted_policy(), free, plan, NOW)
    assert found.predecessors == [each.rpartition("/")[2] for each in old[1:]], "and forgotten with its deletion only"
    room = replace(edited, recorded=Recorded(OLD, old[1:]))
    step = make_plan(wanted_policy(), room, NOW).step
    assert isinstance(step, CreatePolicy)
    done = replace(room, policy=Exists(), uses=Uses(("i",), None))
    after = policy_status.build_status(
        resource(policy()), wanted_policy(), done, make_plan(wanted_policy(), done, NOW), NOW
    )
    assert after.predecessors is not None and len(after.predecessors) == PREDECESSORS, "all of them"


def test_a_vault_whose_spec_is_not_accepted_is_told_to_exist() -> None:
    plan = make_plan(wanted_policy(), PolicySeen(Invalid("`spec.x`: bad."), ()), NOW)
    assert plan.verdict.reason == reasons.VAULT_NOT_READY
    assert "exists, but its spec is not accepted: `spec.x`: bad." in plan.verdict.message
