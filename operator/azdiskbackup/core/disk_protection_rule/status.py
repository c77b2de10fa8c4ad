"""The status of a rule, rebuilt from what was seen."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.disk_protection_rule import (
    EXAMPLES,
    SKIP_REASONS,
    DiskProtectionRuleStatus,
    HeldWithdrawal,
    SkippedClaims,
)
from azdiskbackup.core.disk_protection_rule.assessment import WITHDRAWALS, State
from azdiskbackup.core.disk_protection_rule.desired import Desired
from azdiskbackup.core.disk_protection_rule.observed import Claims, Observed
from azdiskbackup.core.disk_protection_rule.rules import held_withdrawal, told
from azdiskbackup.core.disk_protection_rule.steps import Step
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.verdicts import Finding, Plan


def build_status(
    resource: Resource, desired: Desired, observed: Observed, plan: Plan[Step], now: datetime
) -> DiskProtectionRuleStatus:
    """Return the status after a pass."""
    before = parse_status(DiskProtectionRuleStatus, resource, now)
    is_preview = desired.spec.mode == "DryRun"
    claims = observed.claims if isinstance(observed.claims, Claims) else None
    ready_message = told(desired, observed) if claims is not None else ""
    findings = conditions.summary(plan, reasons.DRY_RUN if is_preview else reasons.ALL_GOOD, ready_message)
    findings += _limits(desired, observed, plan, now)
    update: dict[str, object] = {
        "observed_generation": resource.generation,
        "conditions": conditions.build(findings, before.conditions, resource.generation, now),
        "disks": observed.disks,
        "hour_start_time": observed.hour.start.replace(microsecond=0) if observed.hour.start else None,
        "new_this_hour": observed.hour.made,
        "withdrawn_this_hour": observed.hour.withdrawn,
        "withdrawal": _withdrawal(claims, observed),
    }
    if claims is not None:
        update |= {
            "matched": claims.matched,
            "protected": claims.count(State.PROTECTED),
            "pending": claims.count(State.PENDING),
            "kept": claims.count(State.KEPT),
            "skipped": _skipped(claims),
        }
    return before.model_copy(update=update)


def _limits(desired: Desired, observed: Observed, plan: Plan[Step], now: datetime) -> list[Finding]:
    """Return the conditions that are there only while a limit holds something back."""
    found = []
    if plan.verdict.reason == reasons.HOURLY_LIMIT_REACHED:
        found.append(Finding(reasons.THROTTLED, "True", plan.verdict.reason, plan.verdict.message))
    if desired.spec.mode == "Enforce" and isinstance(observed.claims, Claims):
        held = held_withdrawal(desired, observed, now)
        if held is not None:
            found.append(Finding(reasons.WITHDRAWAL_HELD, "True", reasons.MASS_WITHDRAWAL, held))
    return found


def _withdrawal(claims: Claims | None, observed: Observed) -> HeldWithdrawal | None:
    if claims is None or observed.held_since is None:
        return None
    return HeldWithdrawal(
        since=observed.held_since, count=claims.to_do(*WITHDRAWALS), examples=list(claims.withdrawn[:EXAMPLES])
    )


def _skipped(claims: Claims) -> list[SkippedClaims]:
    found = [
        SkippedClaims(reason=reason, count=count, examples=list(claims.examples.get((state, reason), ())))
        for (state, reason), count in claims.counts.items()
        if state is State.SKIPPED
    ]
    return sorted(found, key=lambda each: (-each.count, each.reason))[:SKIP_REASONS]
