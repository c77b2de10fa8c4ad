"""From a plan to the conditions of an object, in the form that kubectl, kstatus, Flux and Argo CD read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from azdiskbackup.api.v1alpha1.base import Condition
from azdiskbackup.core.formatting import clock_time
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.verdicts import Finding, Plan, Progress, StepT, Verdict
from azdiskbackup.errors import CORRELATION, OperatorError, Retryable

# The API server takes no more; a proxy's error page can be longer.
_MOST = 32_000
# What is another one in each answer: the id that we ask for, and what Entra ID adds to its words
# (cert-manager/cert-manager 5652 and 8318).
_EACH_TIME = re.compile(re.escape(CORRELATION) + r"\S+|(?:Trace|Correlation) ID: \S+|Timestamp: \S+ \S+")


def after_failure(
    plan: Plan[StepT],
    error: OperatorError,
    again: datetime,
    interval: str | None = None,
    *,
    is_overdue: bool = False,
) -> Plan[StepT]:
    """Return the plan as it looks after its step failed: the deciding condition tells the error.

    Args:
        plan: what the rules wanted.
        error: how its step failed.
        again: when it is tried again.
        interval: how often it is tried, in words, if they fit every try from now on.
        is_overdue: whether it should have healed by itself long ago.
    """
    hint = f" {plan.verdict.hint}" if plan.verdict.hint else ""
    tries = f"The operator retries {interval}." if interval else f"Next attempt at {clock_time(again)}."
    message = f"{error.user_message}{hint} {tries}"
    if plan.ready:
        # A chore that fails spoils nothing; it is tried again.
        verdict = replace(plan.verdict, step=None, requeue_at=again, progress=Progress.DONE)
        after = replace(plan, verdict=verdict)
        return with_message(after, f"{verdict.message} That failed. {message}") if verdict.is_warning else after
    expected = None if isinstance(error, Retryable) else plan.verdict.refusal_reason
    needs_attention = is_overdue or not error.is_transient or expected is not None
    verdict = replace(
        plan.verdict,
        reason=expected or error.reason,
        requeue_at=again,
        progress=Progress.STALLED if needs_attention else Progress.RECONCILING,
    )
    return tell(plan, replace(verdict, message=message))


def with_message(plan: Plan[StepT], message: str) -> Plan[StepT]:
    """Return a plan whose deciding condition says something else."""
    return tell(plan, replace(plan.verdict, message=message))


def tell(plan: Plan[StepT], verdict: Verdict[StepT]) -> Plan[StepT]:
    """Return a plan whose deciding condition tells another verdict."""
    holds = verdict.satisfied and not verdict.is_warning
    told = Finding(plan.condition, "True" if holds else "False", verdict.reason, verdict.message)
    findings = tuple(told if finding.type == plan.condition else finding for finding in plan.findings)
    return replace(plan, findings=findings, verdict=verdict)


def summary(plan: Plan[Any], ready_reason: str, ready_message: str) -> list[Finding]:
    """Return Ready, and Reconciling or Stalled while True, after the findings of a plan."""
    warning = plan.blocking_warning if plan.ready else None
    if plan.ready and warning is None:
        ready = Finding(reasons.READY, "True", ready_reason, ready_message)
        correcting = Finding(reasons.RECONCILING, "True", plan.verdict.reason, plan.verdict.message)
        return [*plan.findings, ready, *([correcting] if plan.verdict.progress is Progress.RECONCILING else [])]
    why = warning or plan.verdict
    is_stalled = warning is not None or plan.verdict.progress is Progress.STALLED
    return [
        *plan.findings,
        Finding(reasons.READY, "False", why.reason, why.message),
        Finding(reasons.STALLED if is_stalled else reasons.RECONCILING, "True", why.reason, why.message),
    ]


def build(
    findings: Iterable[Finding],
    previous: Sequence[Condition],
    generation: int,
    now: datetime,
) -> list[Condition]:
    """Return the conditions; the time of a transition is kept while the status of a condition stays."""
    before = {condition.type: condition for condition in previous}
    return [
        Condition(
            type=finding.type,
            status=finding.status,
            reason=finding.reason,
            message=_message(before.get(finding.type), finding),
            observed_generation=generation,
            last_transition_time=_since(before.get(finding.type), finding, now),
        )
        for finding in findings
    ]


def _message(before: Condition | None, finding: Finding) -> str:
    """Return what a finding says; the ids of the first such answer are worth as much as those of the last."""
    message = finding.message[:_MOST]
    if before is not None and _EACH_TIME.sub("", before.message) == _EACH_TIME.sub("", message):
        return before.message
    return message


def _since(before: Condition | None, finding: Finding, now: datetime) -> datetime:
    if before is not None and before.status == finding.status:
        return before.last_transition_time
    return now.replace(microsecond=0)
