"""The rules of a DiskProtectionRule's pass, and what its status says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.disk_backup_policy import Retention, Schedule
from azdiskbackup.api.v1alpha1.vault_parts import VaultAccess
from azdiskbackup.core.disk_protection_rule.assessment import Action, Assessment, State
from azdiskbackup.core.disk_protection_rule.desired import Acknowledgement, Desired, read_desired
from azdiskbackup.core.disk_protection_rule.observed import Claims, Fact, Hour, Observed, Target, read_recorded
from azdiskbackup.core.disk_protection_rule.rules import (
    DELETION_RULES,
    ENFORCING_RULES,
    INSTANCES_OF_A_VAULT,
    PREVIEWING_RULES,
)
from azdiskbackup.core.disk_protection_rule.status import build_status
from azdiskbackup.core.disk_protection_rule.steps import Adjust, Delete, Make, Stop
from azdiskbackup.core.disk_protection_rule.withdrawal import Withdrawal
from azdiskbackup.core.objects.markers import ACKNOWLEDGE, FOLLOW_PVC, RULE, STOPPED_BY_RULE
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.core.rules.verdicts import Need, Plan, Progress, Rules, evaluate
from harness import objects
from unit.core.disk_protection_rule.rule_claims import NOW, spec

HOUR = timedelta(hours=1)
POLICY = PolicyView("gold", "demo", True, "", "/p", True, Schedule(frequency="Daily"), "x", Retention())
VAULT = VaultView("demo", True, "", None, None, "westeurope", (), VaultAccess())


def target(action: Action, claim: str = "data-0", **more: Any) -> Target:
    assessment = Assessment("databases", State.PENDING, "x", action, claim)
    return Target("shop", claim, "u", claim, assessment, **more)


def claims(to_do: dict[Action, int] | None = None, **counts: int) -> Claims:
    """Return claims: how often something is to be done, and how many are in a state, as ``STATE_reason``."""
    named = {(State[key.split("_", 1)[0]], key.split("_", 1)[1]): count for key, count in counts.items()}
    found = to_do or {}
    examples = {key: ("shop/data-0",) for key in named}
    return Claims(named, examples, {action: target(action) for action in found}, found, ("shop/data-0",))


def observed(found: Claims | None = None, **more: Any) -> Observed:
    given: dict[str, Any] = {"policy": POLICY, "vault": VAULT, "claims": found or claims(), "disks": 20}
    return Observed(**(given | more))


def desired(*, acknowledged: Acknowledgement | None = None, **given: Any) -> Desired:
    return Desired("databases", False, spec(**given), acknowledged)


def make_plan(wanted: Desired, seen: Observed, rules: Rules = ENFORCING_RULES, now: datetime = NOW) -> Plan[Any]:
    found = evaluate(rules, wanted, seen, now)
    assert isinstance(found, Plan), f"{found} is missing"
    return found


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"policy": NOT_FOUND}, reasons.POLICY_NOT_FOUND),
        ({"policy": Invalid("x")}, reasons.POLICY_NOT_READY),
        ({"policy": replace(POLICY, ready=False)}, reasons.POLICY_NOT_READY),
        ({"vault": NOT_FOUND}, reasons.VAULT_NOT_READY),
        ({"vault": Invalid("x")}, reasons.VAULT_NOT_READY),
        ({"vault": replace(VAULT, ready=False)}, reasons.VAULT_NOT_READY),
    ],
)
def test_without_a_usable_policy_nothing_is_done(more: Any, reason: str) -> None:
    plan = make_plan(desired(), observed(claims({Action.MAKE: 1}), **more))
    assert (plan.condition, plan.verdict.reason, plan.step) == (reasons.POLICY_ACCEPTED, reason, None)


def test_disks_in_another_region_than_the_vault() -> None:
    plan = make_plan(desired(), observed(claims({Action.MAKE: 5}, SKIPPED_RegionMismatch=1)))
    assert plan.verdict.reason == reasons.REGION_MISMATCH and plan.verdict.progress is Progress.STALLED
    some = claims({Action.MAKE: 5}, SKIPPED_RegionMismatch=1, PROTECTED_Protected=1)
    assert isinstance(make_plan(desired(), observed(some)).step, Make)


def test_what_is_applied() -> None:
    step = make_plan(desired(), observed(claims({Action.MAKE: 2}))).step
    assert isinstance(step, Make) and step.manifest["spec"] == {
        "policyRef": {"name": "gold"},
        "source": {"persistentVolumeClaim": {"name": "data-0"}},
    }
    assert step.manifest["metadata"] == {"name": "data-0", "namespace": "shop", "labels": {RULE: "databases"}}
    follows = replace(claims(), next={Action.ADJUST: target(Action.ADJUST, follows="u")})
    step = make_plan(desired(), observed(follows)).step
    assert isinstance(step, Adjust) and step.manifest["metadata"]["annotations"] == {FOLLOW_PVC: "u"}
    step = make_plan(desired(), observed(claims({Action.STOP: 1}))).step
    assert isinstance(step, Stop) and step.manifest["spec"]["protection"] == "Stopped"
    assert step.manifest["metadata"]["labels"] == {RULE: "databases", STOPPED_BY_RULE: "true"}


def test_one_whose_pvc_is_gone_is_deleted_once_that_is_sure() -> None:
    found = claims({Action.DELETE: 1})
    need = evaluate(ENFORCING_RULES, desired(), observed(found), NOW)
    assert need == Need(Fact.CLAIM_ABSENCE, ("shop", "data-0"))
    assert isinstance(make_plan(desired(), observed(found, is_claim_absent=True)).step, Delete)
    plan = make_plan(desired(), observed(found, is_claim_absent=False))
    assert plan.step is None and plan.verdict.reason == reasons.WITHDRAWING


# --- limits -------------------------------------------------------------------------------------------


def test_so_many_an_hour() -> None:
    found = claims({Action.MAKE: 3})
    full = Hour(NOW - timedelta(minutes=20), made=20)
    plan = make_plan(desired(), observed(found, hour=full))
    assert plan.verdict.reason == reasons.HOURLY_LIMIT_REACHED and plan.verdict.requeue_at == NOW + 2 * HOUR / 3
    assert isinstance(make_plan(desired(), observed(found, hour=full), now=NOW + HOUR).step, Make)
    assert isinstance(make_plan(desired(), observed(found, hour=replace(full, made=19))).step, Make)


@pytest.mark.parametrize(
    ("given", "more", "reason"),
    [
        ({"maxProtected": 20}, {}, reasons.MAX_PROTECTED_REACHED),
        ({}, {"in_vault": INSTANCES_OF_A_VAULT}, reasons.VAULT_FULL),
    ],
)
def test_so_many_in_all(given: Any, more: Any, reason: str) -> None:
    plan = make_plan(desired(**given), observed(claims({Action.MAKE: 3}), **more))
    assert plan.verdict.reason == reason and plan.verdict.progress is Progress.STALLED
    assert make_plan(desired(**given), observed(claims(), **more)).ready


def test_the_hours() -> None:
    begun = Hour().with_more(NOW, made=1)
    assert begun == Hour(NOW, 1, 0)
    assert begun.with_more(NOW + HOUR / 2, withdrawn=2) == Hour(NOW, 1, 2)
    assert begun.with_more(NOW + HOUR, made=1) == Hour(NOW + HOUR, 1, 0)
    assert begun.at(NOW - HOUR) == Hour(), "clocks differ"


# --- withdrawals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pending", "done", "disks", "is_large"),
    [
        (0, 99, 10, False),
        (10, 0, 10, False),
        (11, 0, 10, True),
        (1, 10, 10, True),
        (20, 0, 100, False),
        (21, 0, 100, True),
        (400, 0, 2000, False),
    ],
)
def test_what_is_more_than_usual(pending: int, done: int, disks: int, is_large: bool) -> None:
    assert Withdrawal(pending, done, disks).is_large == is_large


def test_who_acknowledged_what() -> None:
    held = Withdrawal(40, 0, 50, NOW)
    assert held.is_held(None) and held.is_held(Acknowledgement(39, NOW))
    assert held.is_held(Acknowledgement(40, NOW - HOUR))
    assert not held.is_held(Acknowledgement(40, NOW)) and not held.is_held(Acknowledgement(99, NOW))
    assert Withdrawal(40, 0, 50).is_held(Acknowledgement(40, NOW)), "before anybody was told of it"


def test_many_at_once_are_held_and_what_is_new_is_made_all_the_same() -> None:
    found = claims({Action.STOP: 12, Action.MAKE: 1})
    plan = make_plan(desired(), observed(found))
    assert isinstance(plan.step, Make) and plan.blocking_warning is not None
    plan = make_plan(desired(), observed(claims({Action.STOP: 12}), held_since=NOW - HOUR))
    assert f"{ACKNOWLEDGE}=12@2026-01-05T08:00:00Z" in plan.blocking_warning.message  # type: ignore[union-attr] # it is
    acknowledged = desired(acknowledged=Acknowledgement(12, NOW - HOUR))
    plan = make_plan(acknowledged, observed(claims({Action.STOP: 12}), held_since=NOW - HOUR))
    assert isinstance(plan.step, Stop)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12@2026-01-05T09:00:00Z", Acknowledgement(12, NOW)),
        ("12@tomorrow", None),
        ("12@0001-01-01T00:00:00Z", None),
        ("-1@2026-01-05T09:00:00Z", None),
        ("true", None),
    ],
)
def test_an_acknowledgement_is_read(text: str, expected: Acknowledgement | None) -> None:
    raw = objects.stored(objects.rule())
    raw["metadata"]["annotations"] = {ACKNOWLEDGE: text}
    found = read_desired(Resource(raw))
    assert isinstance(found, Desired) and found.acknowledged == expected


def test_a_spec_that_cannot_be_read() -> None:
    assert isinstance(read_desired(Resource(objects.stored(objects.rule(mode="Sometimes")))), Invalid)


# --- status -------------------------------------------------------------------------------------------


def status(wanted: Desired, seen: Observed, rules: Rules = ENFORCING_RULES, **before: Any) -> dict[str, Any]:
    raw = objects.stored(objects.rule()) | {"status": before}
    return build_status(Resource(raw), wanted, seen, make_plan(wanted, seen, rules), NOW).to_wire()


def conditions(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in found["conditions"]}


def test_what_status_counts() -> None:
    found = status(
        desired(),
        observed(
            claims(
                PROTECTED_Protected=30,
                PENDING_Validating=2,
                SKIPPED_SharedDisk=1,
                SKIPPED_OptedOut=3,
                SKIPPED_TooYoung=1,
                SKIPPED_NameTaken=1,
                KEPT_NoRule=4,
            ),
            hour=Hour(NOW, 2, 1),
        ),
    )
    assert (found["matched"], found["protected"], found["pending"], found["kept"]) == (38, 30, 2, 4)
    assert [(each["reason"], each["count"]) for each in found["skipped"]] == [
        ("OptedOut", 3),
        ("NameTaken", 1),
        ("SharedDisk", 1),
        ("TooYoung", 1),
    ]
    assert (found["newThisHour"], found["withdrawnThisHour"], found["disks"]) == (2, 1, 20)
    assert conditions(found)["Ready"] == ("True", "Ready") and "withdrawal" not in found
    message = next(each["message"] for each in found["conditions"] if each["type"] == "Ready")
    assert message == (
        "30 of 38 PVCs are protected, 2 are about to be, 6 are skipped (OptedOut: 3, TooYoung: 1, SharedDisk: 1, …)."
    )


def test_what_status_says_of_limits() -> None:
    full = observed(claims({Action.MAKE: 3, Action.STOP: 12}), hour=Hour(NOW, made=20), held_since=NOW)
    found = status(desired(), full)
    assert conditions(found)["Throttled"] == ("True", "HourlyLimitReached")
    assert conditions(found)["WithdrawalHeld"] == ("True", "MassWithdrawal")
    found = status(desired(), observed(claims({Action.STOP: 12}), held_since=NOW))
    assert conditions(found)["WithdrawalHeld"] == ("True", "MassWithdrawal")
    assert found["withdrawal"] == {"since": "2026-01-05T09:00:00Z", "count": 12, "examples": ["shop/data-0"]}


def test_what_a_dry_run_says() -> None:
    found = status(desired(mode="DryRun"), observed(claims(PENDING_DryRun=2)), PREVIEWING_RULES)
    assert conditions(found)["Ready"] == ("True", "DryRun")
    assert conditions(found)["ClaimsProtected"] == ("False", "DryRun")


def test_a_rule_that_waits_for_its_policy_keeps_its_numbers() -> None:
    seen = observed(policy=NOT_FOUND)
    found = status(desired(), replace(seen, claims=Observed(POLICY, VAULT).claims), matched=3)
    assert found["matched"] == 3 and conditions(found)["Ready"] == ("False", "PolicyNotFound")


@pytest.mark.parametrize(
    ("found", "more", "words"),
    [
        (claims(), {}, "selects no PVC"),
        (claims(PROTECTED_Protected=1), {"in_vault": 4600}, "which takes 5000"),
        (claims(PROTECTED_Protected=1000), {}, "diskRoleScope: ResourceGroup"),
        (claims(PROTECTED_Protected=9, SKIPPED_OwnedElsewhere=4), {}, "Azure Policy"),
    ],
)
def test_what_its_author_should_know(found: Claims, more: Any, words: str) -> None:
    told = status(desired(), observed(found, **more))
    assert words in next(each["message"] for each in told["conditions"] if each["type"] == "Ready")


def test_the_end_of_a_rule_withdraws_nothing() -> None:
    plan = make_plan(desired(), observed(claims({Action.STOP: 1})), DELETION_RULES)
    assert plan.ready and plan.step is None


def test_what_status_recorded() -> None:
    since = "2026-01-05T08:30:00Z"
    raw = objects.stored(objects.rule())
    raw["status"] = {
        "hourStartTime": since,
        "newThisHour": 3,
        "withdrawnThisHour": 1,
        "withdrawal": {"since": since, "count": 9},
    }
    found = read_recorded(Resource(raw), NOW)
    assert found.hour == Hour(NOW - HOUR / 2, 3, 1) and found.held_since == NOW - HOUR / 2
    assert read_recorded(Resource(objects.stored(objects.rule())), NOW).hour == Hour()
