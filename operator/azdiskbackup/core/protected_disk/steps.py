"""The steps that a disk can need: at most one a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import AzureInstance, InstanceRequest


@dataclass(frozen=True, slots=True)
class AssignRole:
    """Grant the vault's identity the right to read the disk."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class RevokeRole:
    """Take the right back, after the instance is gone."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Validate:
    """Ask Azure whether it can back the disk up, which needs the grant."""

    request: InstanceRequest
    grant: Grant


@dataclass(frozen=True, slots=True)
class PutInstance:
    """Create the backup instance, or move it to another policy."""

    request: InstanceRequest


@dataclass(frozen=True, slots=True)
class Sync:
    """Let Azure try again what it failed to configure, for which it may have lacked the grant."""

    id: ArmId
    grant: Grant


@dataclass(frozen=True, slots=True)
class Undelete:
    """Bring a soft-deleted backup instance back."""

    id: ArmId


@dataclass(frozen=True, slots=True)
class Resume:
    """Back the disk up again."""

    id: ArmId


@dataclass(frozen=True, slots=True)
class Suspend:
    """No new backups; old ones expire by the policy."""

    id: ArmId


@dataclass(frozen=True, slots=True)
class Stop:
    """No new backups; nothing expires."""

    id: ArmId


@dataclass(frozen=True, slots=True)
class DeleteInstance:
    """Delete the backup instance and its restore points, softly."""

    id: ArmId


@dataclass(frozen=True, slots=True)
class FollowPVC:
    """Change over to the disk that the PVC stands for now: a write to status alone.

    Attributes:
        instance: the backup instance of the earlier disk, which rests; None when there is nothing to restore from.
    """

    instance: AzureInstance | None


Change: TypeAlias = Sync | Undelete | Resume | Suspend | Stop | DeleteInstance
Step: TypeAlias = AssignRole | RevokeRole | Validate | PutInstance | FollowPVC | Change
