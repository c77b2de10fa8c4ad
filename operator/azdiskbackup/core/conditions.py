"""From a plan to the conditions of an object, in the form that kubectl, kstatus, Flux and Argo CD read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from azdiskbackup.api.v1alpha1.base import Condition
from azdiskbackup.core import reasons
from azdiskbackup.core.verdicts import Finding, Plan, Progress, StepT
from azdiskbackup.core.words import clock_time
from azdiskbackup.errors import OperatorError, Terminal

# The API server takes no more; a proxy's error page can be longer.
_MOST = 32_000


def after_failure(plan: Plan[StepT], error: OperatorError, again: datetime) -> Plan[StepT]:
    """Return the plan as it looks after its step failed: the deciding condition tells the error."""
    if plan.ready:
        # A chore that fails spoils nothing; it is tried again.
        return replace(plan, verdict=replace(plan.verdict, step=None, look_again=again))
    terminal = isinstance(error, Terminal)
    hint = f" {plan.verdict.hint}" if plan.verdict.hint else ""
    message = f"{error.sentence}{hint} Next try at {clock_time(again)}."
    verdict = replace(
        plan.verdict,
        reason=error.reason,
        message=message,
        look_again=again,
        progress=Progress.STALLED if terminal else Progress.RECONCILING,
    )
    findings = tuple(
        Finding(plan.condition, "False", error.reason, message) if finding.type == plan.condition else finding
        for finding in plan.findings
    )
    return replace(plan, findings=findings, verdict=verdict)


def summary(plan: Plan[Any], ready_reason: str, ready_message: str) -> list[Finding]:
    """Return Ready, and Reconciling or Stalled while True, after the findings of a plan."""
    verdict = plan.verdict
    if plan.ready and plan.objection is not None:
        says = plan.objection
        return [
            *plan.findings,
            Finding(reasons.READY, "False", says.reason, says.message),
            Finding(reasons.STALLED, "True", says.reason, says.message),
        ]
    if plan.ready:
        return [*plan.findings, Finding(reasons.READY, "True", ready_reason, ready_message)]
    found = [
        *plan.findings,
        Finding(reasons.READY, "False", verdict.reason, verdict.message),
    ]
    abnormal = reasons.STALLED if verdict.progress is Progress.STALLED else reasons.RECONCILING
    return [*found, Finding(abnormal, "True", verdict.reason, verdict.message)]


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
            message=finding.message[:_MOST],
            observed_generation=generation,
            last_transition_time=_since(before.get(finding.type), finding, now),
        )
        for finding in findings
    ]


def _since(before: Condition | None, finding: Finding, now: datetime) -> datetime:
    if before is not None and before.status == finding.status:
        return before.last_transition_time
    return now.replace(microsecond=0)
