"""Names, ids, claims, selectors, back-off, words, conditions: the small parts of the core; memory."""

import gc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultStatus
from azdiskbackup.api.v1alpha1.base import Condition
from azdiskbackup.api.v1alpha1.label_selector import LabelRequirement, LabelSelector
from azdiskbackup.app.allocator import tune_allocator
from azdiskbackup.core import formatting as words
from azdiskbackup.core.identity.arm_ids import ArmId, same_id, vault_id
from azdiskbackup.core.identity.naming import assignment_name, instance_name, policy_name, restored_disk_name
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, Grant
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound, disk_of
from azdiskbackup.core.objects.resource import Resource, parse_status, selects
from azdiskbackup.core.rules import backoff, conditions
from azdiskbackup.core.rules.verdicts import Finding, Plan, Verdict, evaluate, satisfied, wait
from azdiskbackup.errors import (
    AccessDenied,
    Conflict,
    InvalidRequest,
    NoEffectYet,
    OperatorError,
    PermissionsMissing,
    ServiceFloodGuard,
    Throttled,
    Unavailable,
)
from harness.objects import claim, disk_id, volume

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


# --- ids and names ------------------------------------------------------------------------------


def test_ids_are_parsed_in_any_case_and_written_as_they_came() -> None:
    text = "/subscriptions/S/resourcegroups/G/providers/microsoft.compute/disks/D"
    found = ArmId.parse(text)
    assert (found.subscription, found.group, found.provider, found.path) == (
        "S",
        "G",
        "microsoft.compute",
        ("disks", "D"),
    )
    assert same_id(found, text.upper())
    assert str(found.child("x", "y")).endswith("/disks/D/x/y") and found.name == "D"


@pytest.mark.parametrize(
    "text",
    ["", "/", "/subscriptions/S", "/subscriptions/S/resourceGroups/G/providers/P/disks", "/a/S/b/G/c/P/disks/D",
     "/subscriptions/S/resourceGroups/../providers/P/disks/D", "/subscriptions//resourceGroups/G/providers/P/disks/D"],
)  # fmt: skip
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the ARM id"):
        ArmId.parse(text)


def test_names_are_deterministic_and_do_not_depend_on_letter_case() -> None:
    one, other = ArmId.parse(disk_id("Data.0")), ArmId.parse(disk_id("Data.0").upper())
    assert instance_name(one).split("-")[:2] == ["Data", "0"]
    assert instance_name(one)[-36:] == instance_name(other)[-36:]
    assert assignment_name("/A", "P", "r") == assignment_name("/a", "p", "R")
    assert assignment_name("/a", "p", "r") != assignment_name("/a", "q", "r"), "depends on the principal"
    assert len(instance_name(ArmId.parse(disk_id("x" * 80)))) <= 100


def test_restored_disks_are_told_from_those_of_a_provisioner() -> None:
    uid = "0A1b2c3d-0000-4000-8000-000000000001"
    assert restored_disk_name("pvc", uid) == f"restored-pvc-{uid.lower()}"
    assert restored_disk_name("data.of-1", uid) == f"restored-data-of-1-{uid.lower()}"
    assert len(restored_disk_name("x" * 253, uid)) == 80, "as many as Compute allows"


def test_policies_of_other_content_have_other_names() -> None:
    assert policy_name("gold", {"a": 1, "b": 2}) == policy_name("gold", {"b": 2, "a": 1})
    assert policy_name("gold", {"a": 1}) != policy_name("gold", {"a": 2})
    assert policy_name("gold", {}).startswith("gold-") and len(policy_name("gold", {})) == 13


def test_vault_ids() -> None:
    assert str(vault_id("S", "G", "V")) == (
        "/subscriptions/S/resourceGroups/G/providers/Microsoft.DataProtection/backupVaults/V"
    )


def test_grants_say_who_may_what_where() -> None:
    assert str(Grant("/scope", "S", DISK_BACKUP_READER, "P")) == "Disk Backup Reader for P on /scope"
    assert Grant("/scope", "S", DISK_BACKUP_READER, "P").name == assignment_name("/scope", "P", DISK_BACKUP_READER.guid)


# --- claims -------------------------------------------------------------------------------------


def bound() -> tuple[dict[str, Any], dict[str, Any]]:
    pvc, pv = claim("data-0", "pv-0"), volume("pv-0", disk_id("d"), "data-0")
    pvc["metadata"]["uid"] = pv["spec"]["claimRef"]["uid"] = "u1"
    pvc["status"] = {"phase": "Bound"}
    return pvc, pv


def test_a_bound_claim_names_its_disk() -> None:
    assert disk_of(*bound()) == ClaimedDisk(ArmId.parse(disk_id("d")), "pv-0", bound()[0]["metadata"]["uid"])


def test_a_migrated_in_tree_volume_names_its_disk() -> None:
    pvc, pv = bound()
    del pv["spec"]["csi"]
    pv["spec"]["azureDisk"] = {"diskURI": disk_id("d").lower()}
    assert isinstance(disk_of(pvc, pv), NotAzureDisk)
    pv["metadata"]["annotations"] = {"pv.kubernetes.io/migrated-to": "disk.csi.azure.com"}
    assert isinstance(disk_of(pvc, pv), ClaimedDisk)


def test_what_is_not_surely_bound_is_not_taken() -> None:
    pvc, pv = bound()
    assert isinstance(disk_of(pvc, None), NotBound)
    assert isinstance(disk_of(pvc | {"status": {"phase": "Pending"}}, pv), NotBound)
    assert isinstance(disk_of(pvc | {"spec": {}}, pv), NotBound)
    pv["spec"]["claimRef"]["uid"] = "somebody else's"
    assert isinstance(disk_of(pvc, pv), NotBound)


@pytest.mark.parametrize("handle", ["", "nonsense", disk_id("d").replace("disks", "snapshots")])
def test_a_handle_that_is_no_disk_is_refused(handle: str) -> None:
    pvc, pv = bound()
    pv["spec"]["csi"]["volumeHandle"] = handle
    assert isinstance(disk_of(pvc, pv), NotAzureDisk)


def test_another_driver_is_named() -> None:
    pvc, pv = bound()
    pv["spec"]["csi"]["driver"] = "file.csi.azure.com"
    found = disk_of(pvc, pv)
    assert isinstance(found, NotAzureDisk) and "file.csi.azure.com" in found.why
    del pv["spec"]["csi"]
    assert isinstance(disk_of(pvc, pv), NotAzureDisk)


# --- selectors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "values", "hit", "miss"),
    [
        ("In", ["a", "b"], {"x": "a"}, {"x": "c"}),
        ("NotIn", ["a"], {}, {"x": "a"}),
        ("Exists", None, {"x": ""}, {}),
        ("DoesNotExist", None, {}, {"x": "a"}),
    ],
)
def test_label_requirements(operator: Any, values: list[str] | None, hit: dict[str, str], miss: dict[str, str]) -> None:
    selector = LabelSelector(match_expressions=[LabelRequirement(key="x", operator=operator, values=values)])
    assert selects(selector, hit) and not selects(selector, miss)


def test_no_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not selects(None, {"a": "b"}) and selects(LabelSelector(), {})
    exact = LabelSelector(match_labels={"team": "shop"})
    assert selects(exact, {"team": "shop", "x": "y"}) and not selects(exact, {"team": "other"})


def test_labels_are_needed_exactly_where_the_operator_asks_for_values() -> None:
    with pytest.raises(ValueError, match="must be set for the operators"):
        LabelRequirement(key="x", operator="In")
    with pytest.raises(ValueError, match="must be set for the operators"):
        LabelRequirement(key="x", operator="Exists", values=["a"])


# --- back-off -----------------------------------------------------------------------------------


def seconds(error: BaseException, failures: int, jitter: float = 1.0) -> float:
    return backoff.pause(error, failures, jitter).total_seconds()


def test_what_heals_soon_is_tried_soon_and_ever_more_rarely() -> None:
    error = Unavailable("Down", "no answer")
    assert [seconds(error, n) for n in (1, 2, 3, 4, 20)] == [1, 2, 4, 8, 300]
    assert seconds(error, 4, jitter=0.0) == 4, "jitter takes half at most"
    assert seconds(ValueError(), 1) == 1, "a bug is retried like anything else"


def test_nothing_is_tried_before_the_time_that_the_service_asks_for() -> None:
    down = Unavailable("Down", "busy", retry_after=timedelta(seconds=100))
    assert [seconds(down, n, jitter=0.0) for n in (1, 4, 20)] == [100, 100, 150], "and ever more rarely all the same"
    assert backoff.longest_pause(down, 10) == timedelta(minutes=5)
    long = Unavailable("Down", "busy", retry_after=timedelta(minutes=20))
    assert seconds(long, 20, jitter=0.0) == 1200 and backoff.longest_pause(long, 20) is None


def test_what_a_person_must_heal_is_tried_slowly() -> None:
    for error in (AccessDenied("x", "y"), PermissionsMissing("x", "y")):
        assert [seconds(error, n) for n in (1, 2, 50)] == [30, 60, 600]


def test_what_nobody_can_heal_is_parked() -> None:
    assert seconds(InvalidRequest("x", "y"), 1) == 3600


def test_the_service_is_obeyed_when_it_names_a_time() -> None:
    throttled = Throttled("429", "slow down", retry_after=timedelta(seconds=40))
    assert 40 <= seconds(throttled, 1, 0.5) <= 44
    assert seconds(Throttled("429", "slow down"), 1) == 1


def test_tries_that_do_not_thin_out_any_more_are_told_in_the_same_words() -> None:
    down, denied = Unavailable("Down", "no answer"), AccessDenied("x", "y")
    assert backoff.longest_pause(down, 8) is None and backoff.longest_pause(down, 10) == timedelta(minutes=5)
    assert backoff.longest_pause(denied, 5) is None and backoff.longest_pause(denied, 6) == timedelta(minutes=10)
    assert backoff.longest_pause(InvalidRequest("x", "y"), 1) == timedelta(hours=1)
    throttled = Throttled("429", "slow down", retry_after=timedelta(seconds=40))
    assert backoff.longest_pause(throttled, 50) is None, "each time Azure may name another time"
    plan: Plan[str] = evaluate((("A", rule(WAITING)),), None, None, NOW)
    later = NOW + timedelta(minutes=10)
    told = [conditions.after_failure(plan, denied, when, timedelta(minutes=10)).verdict for when in (NOW, later)]
    assert told[0].message == told[1].message and "every 10 min" in told[0].message
    assert "Next attempt at 2026-01-05 09:10 UTC" in conditions.after_failure(plan, denied, later).verdict.message


def test_another_correlation_id_is_not_worth_a_write() -> None:
    def told(code: str, correlation: str) -> Finding:
        error = AccessDenied(code, "No.", correlation_id=correlation)
        return Finding("A", "False", "AccessDenied", f"{error.user_message} It is tried again.")

    first = conditions.build([told("Denied", "c-1")], [], 1, NOW)
    assert conditions.build([told("Denied", "c-2")], first, 1, NOW) == first
    assert conditions.build([told("Other", "c-2")], first, 1, NOW) != first


def test_errors_speak_in_sentences() -> None:
    error = Conflict("Busy", "Another one runs.", action="Wait.", correlation_id="c-1")
    assert error.user_message == "Busy: Another one runs. Azure recommends: Wait. Correlation id c-1."
    assert OperatorError("X", "y").user_message == "X: y."


def test_words() -> None:
    assert words.clock_time(NOW) == "2026-01-05 09:00 UTC"
    spans = [timedelta(seconds=20), timedelta(minutes=12), timedelta(hours=3), timedelta(hours=3, minutes=5)]
    assert [words.span(each) for each in spans] == ["0 min", "12 min", "3 h", "3 h 5 min"]
    assert words.listing(["a", "b"]) == "a, b" and words.listing(list("abcde")) == "a, b, c and 2 more"


# --- verdicts and conditions --------------------------------------------------------------------


def rule(verdict: Verdict[str]) -> Any:
    return lambda desired, observed, now: verdict


GOOD: Verdict[str] = satisfied("Fine", "It is fine.")
WAITING: Verdict[str] = wait("Later", "It takes time.", NOW)


def statuses(findings: Any) -> dict[str, str]:
    return {finding.type: finding.status for finding in findings}


def test_the_first_rule_that_is_not_satisfied_decides() -> None:
    way = (("A", rule(GOOD)), ("A", rule(GOOD)), ("B", rule(WAITING)), ("B", rule(GOOD)), ("C", rule(GOOD)))
    plan: Plan[str] = evaluate(way, None, None, NOW)
    assert statuses(plan.findings) == {"A": "True", "B": "False", "C": "Unknown"}
    assert plan.verdict is WAITING and plan.condition == "B" and not plan.ready and plan.step is None


def test_a_condition_of_two_rules_is_true_only_when_both_hold() -> None:
    plan: Plan[str] = evaluate((("A", rule(GOOD)), ("A", rule(WAITING))), None, None, NOW)
    assert statuses(plan.findings) == {"A": "False"}


def test_the_summary_is_what_kstatus_reads() -> None:
    waiting: Plan[str] = evaluate((("A", rule(WAITING)),), None, None, NOW)
    assert statuses(conditions.summary(waiting, "R", "m")) == {"A": "False", "Ready": "False", "Reconciling": "True"}
    ready: Plan[str] = evaluate((("A", rule(GOOD)),), None, None, NOW)
    assert statuses(conditions.summary(ready, "R", "m")) == {"A": "True", "Ready": "True"}
    refused = conditions.after_failure(waiting, InvalidRequest("Bad", "no good"), NOW)
    assert statuses(conditions.summary(refused, "R", "m")) == {"A": "False", "Ready": "False", "Stalled": "True"}
    assert refused.findings[0].reason == "Refused" and "Bad: no good." in refused.findings[0].message


def test_a_failure_changes_only_the_condition_that_asked_for_the_step() -> None:
    way = (("A", rule(GOOD)), ("B", rule(WAITING)), ("C", rule(GOOD)))
    plan: Plan[str] = evaluate(way, None, None, NOW)
    failed = conditions.after_failure(plan, Unavailable("Down", "no answer"), NOW)
    assert [f.reason for f in failed.findings] == ["Fine", "Unavailable", "NotYetKnown"]


def test_the_time_of_a_transition_is_kept_while_the_status_stays() -> None:
    then = NOW - timedelta(hours=1)
    before = [Condition(type="A", status="True", reason="Old", message="m", last_transition_time=then)]
    kept, moved = conditions.build([Finding("A", "True", "New", "n"), Finding("B", "False", "X", "y")], before, 3, NOW)
    assert (kept.last_transition_time, kept.reason, kept.observed_generation) == (then, "New", 3)
    assert moved.last_transition_time == NOW
    turned = conditions.build([Finding("A", "False", "New", "n")], before, 3, NOW)
    assert turned[0].last_transition_time == NOW


def test_a_status_that_cannot_be_read_counts_as_none() -> None:
    raw = {"metadata": {"name": "x"}, "status": {"protectedDisks": "many"}}
    assert parse_status(BackupVaultStatus, Resource(raw)) == BackupVaultStatus()


def test_condition_is_true() -> None:
    raw = {"metadata": {"name": "x"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert Resource(raw).is_true("Ready") and not Resource(raw).is_true("Stalled")


def test_resources_without_anything_are_read_all_the_same() -> None:
    resource = Resource({"metadata": {"name": "x", "uid": "u", "creationTimestamp": "2026-01-05T09:00:00Z"}})
    assert (resource.namespace, resource.generation, resource.deleting, resource.has_finalizer) == ("", 0, False, False)
    assert resource.condition("Ready") == {} and resource.created == NOW and resource.labels == {}


def test_what_is_in_the_way_or_flooded_or_without_effect_has_its_own_pace() -> None:
    busy, flooded, idle = Conflict("Busy", "."), ServiceFloodGuard("Flood", "."), NoEffectYet("Idle", ".")
    assert [seconds(busy, failures) for failures in (1, 2, 9)] == [20, 40, 300]
    assert [seconds(flooded, failures) for failures in (1, 2, 3, 9)] == [3600, 7200, 14400, 14400]
    assert [seconds(idle, failures) for failures in (1, 2, 99)] == [30, 60, 3600]


# --- memory -------------------------------------------------------------------------------------------


def test_what_is_made_after_the_start_is_collected() -> None:
    gc.disable()
    try:
        tune_allocator()
        assert gc.isenabled() and gc.get_freeze_count()
    finally:
        gc.enable()
        gc.unfreeze()
