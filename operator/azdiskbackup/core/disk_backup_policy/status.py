"""The status of a policy, rebuilt from what was seen."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.disk_backup_policy import (
    PREDECESSORS,
    DiskBackupPolicyStatus,
    RestorePointBudget,
    Succession,
)
from azdiskbackup.core.disk_backup_policy.desired import Desired
from azdiskbackup.core.disk_backup_policy.observed import Exists, Observed
from azdiskbackup.core.disk_backup_policy.steps import DeletePolicy, Step
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.verdicts import Plan
from azdiskbackup.core.schedule.backup_times import backups_per_day, next_backup
from azdiskbackup.core.schedule.retention import expected_restore_points


def build_status(
    resource: Resource, desired: Desired, observed: Observed, plan: Plan[Step], now: datetime
) -> DiskBackupPolicyStatus:
    """Return the status after a pass."""
    before = parse_status(DiskBackupPolicyStatus, resource)
    findings = conditions.summary(plan, reasons.ALL_GOOD, "The policy is usable by disks.")
    expected = expected_restore_points(desired.spec.schedule, desired.spec.retention)
    update: dict[str, object] = {
        "observed_generation": resource.generation,
        "conditions": conditions.build(findings, before.conditions, resource.generation, now),
        "backups_per_day": backups_per_day(desired.spec.schedule),
        "restore_points": RestorePointBudget(
            expected=expected.count,
            limit=desired.limits.policy,
            room_for_on_demand=max(0, desired.limits.disk - expected.count),
        ),
        "next_backup_time": next_backup(desired.spec.schedule, now) if plan.ready else None,
        "protected_disks": observed.disk_count,
    }
    if isinstance(observed.policy, Exists) and isinstance(observed.vault, VaultView) and observed.vault.id:
        found = str(observed.recorded.policy_id if desired.deleting else desired.id_in(observed.vault.id))
        update["policy_id"] = found
        if not desired.deleting:
            update |= _succession(observed, plan, found)
    return before.model_copy(update=update)


def _succession(observed: Observed, plan: Plan[Step], policy: str) -> dict[str, object]:
    made = [ArmId.parse(each) for each in observed.recorded.made if not same_id(each, policy)]
    # A step that failed is no longer in the plan.
    deleted = plan.step.id if isinstance(plan.step, DeletePolicy) else None
    left = list(dict.fromkeys(each.name for each in made if each != deleted))
    moved, total = observed.moved, observed.moving
    moving = left and moved < total
    return {
        "predecessors": left[-PREDECESSORS:] or None,
        "succession": Succession(from_=left[-1], total=total, moved=moved) if moving else None,
    }
