"""What one pass of a vault does."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.backup_vault.deletion import DELETION_RULES
from azdiskbackup.core.backup_vault.desired import Desired
from azdiskbackup.core.backup_vault.observed import Observed
from azdiskbackup.core.backup_vault.rules import PROVISIONING_RULES
from azdiskbackup.core.backup_vault.steps import Step
from azdiskbackup.core.rules.verdicts import Plan, evaluate


def make_plan(desired: Desired, observed: Observed, now: datetime) -> Plan[Step]:
    """Return what this pass does: the first rule that is not satisfied decides."""
    return evaluate(DELETION_RULES if desired.deleting else PROVISIONING_RULES, desired, observed, now)
