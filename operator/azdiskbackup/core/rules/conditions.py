"""From a plan to the conditions of an object, in the form that kubectl, kstatus, Flux and Argo CD read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from azdiskbackup.api.v1alpha1.base import Condition
from azdiskbackup.core.formatting import clock_time, span
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.verdicts import Finding, Plan, Progress, StepT, Verdict
from azdiskbackup.errors import CORRELATION, OperatorError

# The API server takes no more; a proxy's error page can be longer.
_MOST = 32_000
_ID = re.compile(re.escape(CORRELATION) + r"\S+")


def after_failure(
    plan: Plan[StepT],
    error: OperatorError,
    again: datetime,
    every: timedelta | None = None,
    *,
    is_overdue: bool = False,
) -> Plan[StepT]:
    """Return the plan as it looks after its step failed: the deciding condition tells the error.

    Args:
        plan: what the rules wanted.
        error: how its step failed.
        again: when it is tried again.
        every: the time between two tries, if it stays the same from now on.
        is_overdue: whether it should have healed by itself long ago.
    """
    if plan.ready:
        # A chore that fails spoils nothing; it is tried again.
        return replace(plan, verdict=replace(plan.verdict, step=None, requeue_at=again))
    hint = f" {plan.verdict.hint}" if plan.verdict.hint else ""
    tries = f"The operator retries every {span(every)}." if every else f"Next attempt at {clock_time(again)}."
    message = f"{error.user_message}{hint} {tries}"
    verdict = replace(
        plan.verdict,
        reason=error.reason,
        message=message,
        requeue_at=again,
        progress=Progress.STALLED if is_overdue or not error.is_transient else Progress.RECONCILING,
    )
    return tell(plan, verdict)


def tell(plan: Plan[StepT], verdict: Verdict[StepT]) -> Plan[StepT]:
    """Return a plan whose deciding condition tells another verdict."""
    told = Finding(plan.condition, "False", verdict.reason, verdict.message)
    findings = tuple(told if finding.type == plan.condition else finding for finding in plan.findings)
    return replace(plan, findings=findings, verdict=verdict)


def summary(plan: Plan[Any], ready_reason: str, ready_message: str) -> list[Finding]:
    """Return Ready, and Reconciling or Stalled while True, after the findings of a plan."""
    warning = plan.blocking_warning if plan.ready else None
    if plan.ready and warning is None:
        return [*plan.findings, Finding(reasons.READY, "True", ready_reason, ready_message)]
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
    """Return what a finding says; the correlation id of the first such answer is worth as much as that of the last."""
    message = finding.message[:_MOST]
    if before is not None and _ID.sub("", before.message) == _ID.sub("", message):
        return before.message
    return message


def _since(before: Condition | None, finding: Finding, now: datetime) -> datetime:
    if before is not None and before.status == finding.status:
        return before.last_transition_time
    return now.replace(microsecond=0)
