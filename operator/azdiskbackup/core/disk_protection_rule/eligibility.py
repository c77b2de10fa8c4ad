"""Why a PVC that a rule selects is not given a ProtectedDisk: one that would fail is of no use, and counts as made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.disk_protection_rule import DiskProtectionRuleSpec
from azdiskbackup.core.disk_protection_rule.claim import Claim
from azdiskbackup.core.objects.pvc import NotAzureDisk, NotBound
from azdiskbackup.core.rules import reasons


@dataclass(frozen=True, slots=True)
class Skip:
    """A reason against a ProtectedDisk.

    Attributes:
        until: when it ends by itself; None while nothing but a change ends it.
    """

    reason: str
    until: datetime | None = None


# The first that holds is told.
_AGAINST: tuple[tuple[str, Callable[[Claim], bool]], ...] = (
    (reasons.DELETING, lambda claim: claim.deleting),
    # What a pod has for itself goes with the pod.
    (reasons.EPHEMERAL_VOLUME, lambda claim: "Pod" in claim.owners),
    (reasons.TEMPORARY_CLAIM, lambda claim: claim.is_temporary),
    (reasons.WAITING_FOR_VOLUME, lambda claim: isinstance(claim.source, NotBound)),
    (reasons.NOT_AN_AZURE_DISK, lambda claim: isinstance(claim.source, NotAzureDisk)),
    (reasons.SHARED_DISK, lambda claim: claim.max_shares > 1),
)


def reason_to_skip(spec: DiskProtectionRuleSpec, claim: Claim, is_name_taken: bool, now: datetime) -> Skip | None:
    """Return why a PVC gets no ProtectedDisk now; None if it gets one.

    Args:
        spec: of the rule that selects it.
        claim: the PVC.
        is_name_taken: whether a ProtectedDisk about another PVC has its name.
        now: the time.
    """
    is_against = next((reason for reason, holds in _AGAINST if holds(claim)), None)
    if is_against is not None:
        return Skip(is_against)
    if is_name_taken:
        return Skip(reasons.NAME_TAKEN)
    old_enough = claim.created + timedelta(minutes=spec.min_age_minutes)
    return Skip(reasons.TOO_YOUNG, old_enough) if spec.min_age_minutes and now < old_enough else None
