"""A ProtectedDisk as rules see it: whose it is, and how far it got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from azdiskbackup.core.objects.markers import FOLLOW_PVC, RULE, STOPPED_BY_RULE
from azdiskbackup.core.objects.recorded import recorded_text, recorded_time
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons


class Progress(Enum):
    """How far a ProtectedDisk got."""

    PROTECTED = "protected"
    PENDING = "pending"
    NOT_PROTECTED = "not protected"


@dataclass(frozen=True, slots=True)
class DiskView:
    """A ProtectedDisk.

    Attributes:
        rule: the rule that it belongs to; None for one of a person.
        claim: the PVC that it names, empty for none.
        policy: the policy that it names.
        vault: the vault in which the disk is protected; None as long as there is none.
        is_stopped_by_rule: whether its rule stopped it.
        follows: the uid of the PVC to whose disk it is told to change over.
        has_changed_disk: whether its PVC was recreated with another disk.
        claim_missing_since: since when its PVC is gone; None while it is there, or its absence was not noticed yet.
        reason: that of Ready.
    """

    namespace: str
    name: str
    uid: str
    rule: str | None
    claim: str
    policy: str
    vault: str | None
    deletion_policy: str
    deleting: bool
    is_stopped_by_rule: bool
    follows: str | None
    has_changed_disk: bool
    claim_missing_since: datetime | None
    progress: Progress
    reason: str


def disk_view(disk: Resource) -> DiskView:
    """Read a ProtectedDisk from outside."""
    resolved = disk.condition(reasons.DISK_RESOLVED)
    is_gone = resolved.get("status") == "False" and resolved.get("reason") == reasons.CLAIM_NOT_FOUND
    return DiskView(
        namespace=disk.namespace,
        name=disk.name,
        uid=disk.uid,
        rule=disk.labels.get(RULE),
        claim=str(((disk.spec.get("source") or {}).get("persistentVolumeClaim") or {}).get("name") or ""),
        policy=str((disk.spec.get("policyRef") or {}).get("name") or ""),
        vault=recorded_text(disk, "vault") if disk.status.get("backupInstanceID") else None,
        deletion_policy=str(disk.spec.get("deletionPolicy") or "Retain"),
        deleting=disk.deleting,
        is_stopped_by_rule=STOPPED_BY_RULE in disk.labels,
        follows=(disk.meta.get("annotations") or {}).get(FOLLOW_PVC),
        has_changed_disk=resolved.get("reason") == reasons.DISK_CHANGED,
        # Since when the condition is False may tell of something else, which was wrong before.
        claim_missing_since=recorded_time(disk.status.get("persistentVolumeClaimNotFoundSince")) if is_gone else None,
        progress=_progress(disk),
        reason=str(disk.condition(reasons.READY).get("reason") or reasons.NOT_YET_KNOWN),
    )


def _progress(disk: Resource) -> Progress:
    ready = disk.condition(reasons.READY)
    if ready.get("status") == "True" and ready.get("reason") in (reasons.SUSPENDED, reasons.STOPPED):
        return Progress.NOT_PROTECTED
    if disk.is_true(reasons.PROTECTED):
        return Progress.PROTECTED
    return Progress.NOT_PROTECTED if disk.is_true(reasons.STALLED) else Progress.PENDING
