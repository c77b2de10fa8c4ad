"""What the status of a ProtectedDisk says of earlier passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk
from azdiskbackup.core.objects.resource import Resource, parse_time
from azdiskbackup.core.rules import reasons


@dataclass(frozen=True, slots=True)
class Recorded:
    """A hint where to look, and no proof of anything: whoever may write an object may write its status, too.

    Attributes:
        has_finalizer: whether our finalizer is on the object. Without it nothing was ever written for it in Azure.
        disk: the disk that the object protected before.
        instance_id: ARM id of the backup instance that was made or found before.
        policy_id: ARM id of the policy in Azure by which the disk was backed up when it was observed last.
        policy: name of the DiskBackupPolicy that the spec named then.
        validation_failing_since: when Azure began to refuse the disk; None while it does not.
        is_settled: whether everything was as this spec wants it: a difference since then is somebody else's doing.
    """

    has_finalizer: bool = False
    disk: AzureDisk | None = None
    instance_id: str | None = None
    policy_id: str | None = None
    policy: str | None = None
    validation_failing_since: datetime | None = None
    is_settled: bool = False

    @property
    def disk_id(self) -> ArmId | None:
        """Return the ARM id of the disk that the object protected before."""
        return self.disk.id if self.disk is not None else None


def read_recorded(resource: Resource) -> Recorded:
    """Read the status of a ProtectedDisk; what is no ARM id is left out."""
    validated = resource.condition(reasons.VALIDATED)
    instance = parse_id(resource.status.get("backupInstanceID"))
    return Recorded(
        has_finalizer=resource.has_finalizer,
        disk=_disk(resource),
        instance_id=str(instance) if instance is not None else None,
        policy_id=resource.status.get("policyID"),
        policy=resource.status.get("policy"),
        validation_failing_since=(
            parse_time(validated["lastTransitionTime"]) if validated.get("status") == "False" else None
        ),
        is_settled=resource.settled,
    )


def parse_id(text: object) -> ArmId | None:
    """Return an ARM id that a status has, None for what is none."""
    try:
        return ArmId.parse(str(text))
    except ValueError:
        return None


def _disk(resource: Resource) -> AzureDisk | None:
    recorded = resource.status.get("disk") or {}
    disk = parse_id(recorded.get("id"))
    if disk is None:
        return None
    return AzureDisk(disk, str(recorded.get("location")), recorded.get("sizeGiB"), recorded.get("sku"))
