"""From rules to conditions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from azdiskbackup.api.v1alpha1.base import Condition
from azdiskbackup.core.rules import backoff, conditions
from azdiskbackup.core.rules.verdicts import Finding, Plan, Verdict, evaluate, satisfied, wait
from azdiskbackup.errors import (
    AccessDenied,
    InvalidRequest,
    Throttled,
    Unavailable,
)

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


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


def test_tries_that_do_not_thin_out_any_more_are_told_in_the_same_words() -> None:
    down, denied = Unavailable("Down", "no answer"), AccessDenied("x", "y")
    slowly = "at intervals of 10 min to 1 h"
    assert backoff.retry_interval(down, 8) is None and backoff.retry_interval(down, 10) == "every 5 min"
    assert backoff.retry_interval(denied, 5) is None and backoff.retry_interval(denied, 6) == slowly
    assert backoff.retry_interval(InvalidRequest("x", "y"), 1) == "every 1 h"
    throttled = Throttled("429", "slow down", retry_after=timedelta(seconds=40))
    assert backoff.retry_interval(throttled, 50) is None, "each time Azure may name another time"
    plan: Plan[str] = evaluate((("A", rule(WAITING)),), None, None, NOW)
    later = NOW + timedelta(minutes=10)
    told = [conditions.after_failure(plan, denied, when, slowly).verdict for when in (NOW, later)]
    assert told[0].message == told[1].message and f"retries {slowly}." in told[0].message
    assert "Next attempt at 2026-01-05 09:10 UTC" in conditions.after_failure(plan, denied, later).verdict.message


def test_another_correlation_id_is_not_worth_a_write() -> None:
    def told(code: str, correlation: str) -> Finding:
        error = AccessDenied(code, "No.", correlation_id=correlation)
        return Finding("A", "False", "AccessDenied", f"{error.user_message} It is tried again.")

    first = conditions.build([told("Denied", "c-1")], [], 1, NOW)
    assert conditions.build([told("Denied", "c-2")], first, 1, NOW) == first
    assert conditions.build([told("Other", "c-2")], first, 1, NOW) != first
