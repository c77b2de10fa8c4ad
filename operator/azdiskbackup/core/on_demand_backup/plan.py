"""What one pass of an on-demand backup does."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.on_demand_backup.desired import Desired
from azdiskbackup.core.on_demand_backup.observed import Observed
from azdiskbackup.core.on_demand_backup.rules import PROVISIONING_RULES
from azdiskbackup.core.on_demand_backup.steps import Step
from azdiskbackup.core.rules.verdicts import Plan, evaluate


def make_plan(desired: Desired, observed: Observed, now: datetime) -> Plan[Step]:
    """Return what this pass does: the first rule that is not satisfied decides."""
    return evaluate(PROVISIONING_RULES, desired, observed, now)
