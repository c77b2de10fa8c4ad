"""The steps that a restore can need: at most one a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.jobs.ending import DeleteObject
from azdiskbackup.core.objects.azure import AzureRestorePoint, RestoreRequest


@dataclass(frozen=True, slots=True)
class PinPoint:
    """Write into status which restore point is restored: it is chosen once."""

    vault: str
    instance: ArmId
    point: AzureRestorePoint


@dataclass(frozen=True, slots=True)
class CreateClaim:
    """Create the PVC, which waits for its volume."""

    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AssignRole:
    """Give the vault's identity the right to make the disk."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Validate:
    """Ask Azure whether the restore would succeed.

    Attributes:
        grant: the role that it needs.
    """

    request: RestoreRequest
    grant: Grant


@dataclass(frozen=True, slots=True)
class RecordIntent:
    """Write into status that the request will be sent, and which disk it makes; only then it may be."""

    instance: ArmId
    disk: ArmId


@dataclass(frozen=True, slots=True)
class Submit:
    """Ask Azure for the restore.

    Attributes:
        request_id: travels with the request and comes back as the job's activity id.
    """

    request: RestoreRequest
    request_id: str


@dataclass(frozen=True, slots=True)
class TagDisk:
    """Write on the disk what it is in Kubernetes; the tags are the whole set."""

    disk: ArmId
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CreateVolume:
    """Create the PersistentVolume for the restored disk, bound to the PVC."""

    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SetReclaimPolicy:
    """Give the bound volume the reclaim policy that is wanted."""

    volume: str
    policy: str


Step: TypeAlias = (
    PinPoint
    | CreateClaim
    | AssignRole
    | Validate
    | RecordIntent
    | Submit
    | TagDisk
    | CreateVolume
    | SetReclaimPolicy
    | DeleteObject
)
