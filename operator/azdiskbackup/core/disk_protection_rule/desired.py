"""What one DiskProtectionRule asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.api.v1alpha1.disk_protection_rule import DiskProtectionRuleSpec
from azdiskbackup.core.objects.markers import ACKNOWLEDGE
from azdiskbackup.core.objects.recorded import recorded_time
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec

_ACKNOWLEDGEMENT = re.compile(r"([0-9]{1,9})@(\S+)")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """That a person read how many ProtectedDisks would be withdrawn: ``COUNT@SINCE``, as the rule's status has it.

    Attributes:
        count: how many, at most.
        since: which withdrawal is meant: a later one has another time.
    """

    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Desired:
    """A rule as its object wants it."""

    name: str
    deleting: bool
    spec: DiskProtectionRuleSpec
    acknowledged: Acknowledgement | None = None


def read_desired(resource: Resource) -> Desired | Invalid:
    """Read a DiskProtectionRule."""
    spec = parse_spec(DiskProtectionRuleSpec, resource)
    if isinstance(spec, Invalid):
        return spec
    annotation = (resource.meta.get("annotations") or {}).get(ACKNOWLEDGE)
    return Desired(resource.name, resource.deleting, spec, _acknowledgement(annotation))


def _acknowledgement(text: str | None) -> Acknowledgement | None:
    match = _ACKNOWLEDGEMENT.fullmatch(text or "")
    if match is None:
        return None
    since = recorded_time(match[2])
    return Acknowledgement(int(match[1]), since) if since is not None else None
