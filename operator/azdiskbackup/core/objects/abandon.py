"""The way out of a deletion that cannot be carried out in Azure: the object goes, and Azure stays as it is."""

from __future__ import annotations

from azdiskbackup.core.objects.markers import ABANDON
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.conditions import with_message
from azdiskbackup.core.rules.verdicts import Plan, StepT


def is_abandoned(resource: Resource) -> bool:
    """Return whether somebody lets an object go without what it has to do in Azure."""
    annotations = resource.meta.get("annotations") or {}
    return resource.deleting and resource.has_finalizer and annotations.get(ABANDON) == resource.uid


def with_way_out(plan: Plan[StepT], resource: Resource) -> Plan[StepT]:
    """Return the plan of a deletion that is held up, with how to let the object go all the same."""
    if plan.verdict.reason == reasons.DELETING:
        return plan
    return with_message(plan, f"{plan.verdict.message} {way_out(resource)}")


def way_out(resource: Resource) -> str:
    """Return how to let an object go."""
    place = f" -n {resource.namespace}" if resource.namespace else ""
    kind = str(resource.raw["kind"]).lower()
    return (
        f"To delete the object and leave everything in Azure as it is: kubectl annotate {kind} {resource.name}{place} "
        f"{ABANDON}={resource.uid}"
    )
