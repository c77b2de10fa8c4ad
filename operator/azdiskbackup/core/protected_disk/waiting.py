"""What a new disk says while it waits for our share of Azure's limits: of thousands, the last may wait for hours."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core import conditions, reasons
from azdiskbackup.core.protected_disk.steps import Step, Validate
from azdiskbackup.core.resource import Resource, parse_status
from azdiskbackup.core.verdicts import Finding, Plan

_MESSAGE = (
    "Azure limits what may be asked of a subscription in a time, and other disks came before. This goes on by itself, "
    "step by step, as their turns are over."
)


def waiting(resource: Resource, now: datetime) -> ProtectedDiskStatus | None:
    """Return the status of a disk that has to wait; None if it says something already, which stays true."""
    before = parse_status(ProtectedDiskStatus, resource)
    if before.conditions or resource.deleting:
        return None
    findings = [
        Finding(reasons.READY, "False", reasons.WAITING_FOR_LIMITS, _MESSAGE),
        Finding(reasons.RECONCILING, "True", reasons.WAITING_FOR_LIMITS, _MESSAGE),
    ]
    return before.model_copy(update={"conditions": conditions.build(findings, (), resource.generation, now)})


def covers(resource: Resource, todo: Plan[Step]) -> bool:
    """Return whether what a waiting disk says will do for a step that is over in a minute: a write less."""
    return resource.condition(reasons.READY).get("reason") == reasons.WAITING_FOR_LIMITS and isinstance(
        todo.step, Validate
    )
