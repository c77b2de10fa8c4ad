"""The status of a disk while no request may be sent for it.

Of thousands, the last may wait for hours for our share of Azure's limits; after a change of leader, all for seconds.
"""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.protected_disk.rules.permissions import IN_TURN
from azdiskbackup.core.protected_disk.steps import PutInstance, Step, Validate
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.verdicts import Finding, Plan
from azdiskbackup.errors import LeaderHandover, RateLimited

# The reasons of a disk that is about to take its next step; a new one has none.
_IN_PROGRESS = {None, reasons.GRANTING, reasons.VALIDATING, reasons.LEADER_HANDOVER}
_WAITING_FOR_LIMITS = (
    "Azure limits the requests to a subscription, and other disks are ahead in the queue. The operator continues "
    "automatically, one step at a time."
)
_LEADER_HANDOVER = (
    "Another replica of azdiskbackup was the leader until a moment ago, and its last requests may still arrive. The "
    "operator continues automatically within a minute."
)


def status_while_rate_limited(resource: Resource, why: RateLimited, now: datetime) -> ProtectedDiskStatus | None:
    """Return the status of a disk that waits for its next step; None if what it reports stays true meanwhile."""
    is_handover = isinstance(why, LeaderHandover)
    reason = reasons.LEADER_HANDOVER if is_handover else reasons.WAITING_FOR_LIMITS
    message = _LEADER_HANDOVER if is_handover else _WAITING_FOR_LIMITS
    before = parse_status(ProtectedDiskStatus, resource, now)
    decided = resource.condition(reasons.READY).get("reason")
    if decided not in _IN_PROGRESS or resource.deleting or (_is_in_turn(resource) and not is_handover):
        return None
    new = [Finding(reasons.READY, "False", "", ""), Finding(reasons.RECONCILING, "True", "", "")]
    known = [Finding(each.type, each.status, each.reason, each.message) for each in before.conditions]
    findings = [
        Finding(each.type, each.status, reason, message) if each.reason in ("", decided) else each
        for each in known or new
    ]
    built = conditions.build(findings, before.conditions, resource.generation, now)
    return before.model_copy(update={"conditions": built})


def stays_true(resource: Resource, plan: Plan[Step], *, was_just_sent: bool = False) -> bool:
    """Return whether the status of a waiting disk will do until the next check, soon after a step: a write less.

    Args:
        resource: the object.
        plan: what is to be done.
        was_just_sent: whether the next check after a step is still to come.
    """
    waits = resource.condition(reasons.READY).get("reason") == reasons.WAITING_FOR_LIMITS or _is_in_turn(resource)
    return waits and (was_just_sent or isinstance(plan.step, Validate | PutInstance))


def _is_in_turn(resource: Resource) -> bool:
    """Return whether a disk says that it waits for others of its resource group, which is so until its own turn."""
    ready = resource.condition(reasons.READY)
    return (ready.get("reason"), ready.get("message")) == (reasons.VALIDATING, IN_TURN)
