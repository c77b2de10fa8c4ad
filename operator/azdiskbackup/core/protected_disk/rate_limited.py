"""What a disk says while nothing may be asked for it.

Of thousands, the last may wait for hours for our share of Azure's limits; after a change of leader, all for seconds.
"""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.steps import PutInstance, Step, Validate
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.verdicts import Finding, Plan
from azdiskbackup.errors import LeaderHandover, RateLimited

# What a disk says that is about to take its next step; it has said nothing when it is new.
_ON_ITS_WAY = {None, reasons.GRANTING, reasons.VALIDATING, reasons.HANDING_OVER}
_MESSAGE = (
    "Azure limits what may be asked of a subscription in a time, and other disks came before. This goes on by itself, "
    "step by step, as their turns are over."
)


_HANDING_OVER = (
    "Another replica of azdiskbackup led until a moment ago, and what it sent last may still arrive. This goes on by "
    "itself within a minute."
)


def waiting(resource: Resource, why: RateLimited, now: datetime) -> ProtectedDiskStatus | None:
    """Return the status of a disk that has to wait for its next step; None if what it says stays true meanwhile."""
    handing_over = isinstance(why, LeaderHandover)
    reason = reasons.HANDING_OVER if handing_over else reasons.WAITING_FOR_LIMITS
    message = _HANDING_OVER if handing_over else _MESSAGE
    before = parse_status(ProtectedDiskStatus, resource)
    decided = resource.condition(reasons.READY).get("reason")
    if decided not in _ON_ITS_WAY or resource.deleting:
        return None
    new = [Finding(reasons.READY, "False", "", ""), Finding(reasons.RECONCILING, "True", "", "")]
    known = [Finding(each.type, each.status, each.reason, each.message) for each in before.conditions]
    findings = [
        Finding(each.type, each.status, reason, message) if each.reason in ("", decided) else each
        for each in known or new
    ]
    built = conditions.build(findings, before.conditions, resource.generation, now)
    return before.model_copy(update={"conditions": built})


def covers(resource: Resource, plan: Plan[Step]) -> bool:
    """Return whether what a waiting disk says will do until the next look, a minute after a step: a write less."""
    waits = resource.condition(reasons.READY).get("reason") == reasons.WAITING_FOR_LIMITS
    return waits and isinstance(plan.step, Validate | PutInstance)
