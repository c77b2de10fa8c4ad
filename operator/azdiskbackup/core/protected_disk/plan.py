"""What one pass of a disk does."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.rules import WAY
from azdiskbackup.core.protected_disk.steps import Step
from azdiskbackup.core.protected_disk.way_out import WAY_OUT
from azdiskbackup.core.verdicts import Plan, first_unsatisfied


def plan(want: Desired, seen: Observed, now: datetime) -> Plan[Step]:
    """Return what this pass does: the first rule that is not satisfied decides."""
    return first_unsatisfied(WAY_OUT if want.deleting else WAY, want, seen, now)
