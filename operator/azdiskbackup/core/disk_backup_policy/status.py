"""The status of a policy, rebuilt from what was seen."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.disk_backup_policy import (
    PREDECESSORS,
    DiskBackupPolicyStatus,
    RestorePointBudget,
    Succession,
)
from azdiskbackup.core import conditions, reasons
from azdiskbackup.core.arm_ids import ArmId, same_id
from azdiskbackup.core.disk_backup_policy.desired import Desired
from azdiskbackup.core.disk_backup_policy.observed import Observed, Present
from azdiskbackup.core.disk_backup_policy.steps import Step
from azdiskbackup.core.resource import Resource, parse_status
from azdiskbackup.core.retention import expected_restore_points
from azdiskbackup.core.schedule import backups_per_day, next_backup
from azdiskbackup.core.vault_view import VaultView
from azdiskbackup.core.verdicts import Plan


def status(
    resource: Resource, want: Desired, seen: Observed, plan: Plan[Step], now: datetime
) -> DiskBackupPolicyStatus:
    """Return the status after a pass."""
    before = parse_status(DiskBackupPolicyStatus, resource)
    findings = conditions.summary(plan, reasons.ALL_GOOD, "The policy can be used by disks.")
    expected = expected_restore_points(want.spec.schedule, want.spec.retention)
    update: dict[str, object] = {
        "observed_generation": resource.generation,
        "conditions": conditions.build(findings, before.conditions, resource.generation, now),
        "backups_per_day": backups_per_day(want.spec.schedule),
        "restore_points": RestorePointBudget(
            expected=expected.count,
            limit=want.limits.policy,
            room_for_on_demand=max(0, want.limits.disk - expected.count),
        ),
        "next_backup_time": next_backup(want.spec.schedule, now) if plan.ready else None,
        "protected_disks": len(seen.disks),
    }
    if isinstance(seen.policy, Present) and isinstance(seen.vault, VaultView) and seen.vault.id:
        found = str(want.known_id if want.deleting else want.id_in(seen.vault.id))
        update["policy_id"] = found
        if not want.deleting:
            update |= _succession(want, seen, found)
    return before.model_copy(update=update)


def _succession(want: Desired, seen: Observed, policy: str) -> dict[str, object]:
    known = [*want.predecessors, *([want.known_id] if want.known_id else [])]
    left = list(dict.fromkeys(ArmId.parse(each).name for each in known if not same_id(each, policy)))
    gone = seen.gone.name if seen.gone is not None else None
    left = [name for name in left if name != gone]
    moved = sum(same_id(each, policy) for each in seen.policies_in_use)
    total = len(seen.policies_in_use)
    moving = left and moved < total
    return {
        "predecessors": left[-PREDECESSORS:] or None,
        "succession": Succession(from_=left[-1], total=total, moved=moved) if moving else None,
    }
