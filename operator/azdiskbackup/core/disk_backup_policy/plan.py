"""What one pass of a policy does."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.disk_backup_policy.desired import Desired
from azdiskbackup.core.disk_backup_policy.observed import Observed
from azdiskbackup.core.disk_backup_policy.rules import DELETION_RULES, PROVISIONING_RULES
from azdiskbackup.core.disk_backup_policy.steps import Step
from azdiskbackup.core.rules.verdicts import Plan, evaluate


def make_plan(desired: Desired, observed: Observed, now: datetime) -> Plan[Step]:
    """Return what this pass does: the first rule that is not satisfied decides."""
    return evaluate(DELETION_RULES if desired.deleting else PROVISIONING_RULES, desired, observed, now)
