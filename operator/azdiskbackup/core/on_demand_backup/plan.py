"""What one pass of an on-demand backup does."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.on_demand_backup.desired import Desired
from azdiskbackup.core.on_demand_backup.observed import Observed
from azdiskbackup.core.on_demand_backup.rules import WAY
from azdiskbackup.core.on_demand_backup.steps import Step
from azdiskbackup.core.verdicts import Plan, first_unsatisfied


def plan(want: Desired, seen: Observed, now: datetime) -> Plan[Step]:
    """Return what this pass does: the first rule that is not satisfied decides."""
    return first_unsatisfied(WAY, want, seen, now)
