"""The steps that a vault can need: at most one a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import VaultSettings


@dataclass(frozen=True, slots=True)
class CreateVault:
    """Create the vault, with an identity of its own or a user-assigned one."""

    id: ArmId
    location: str
    settings: VaultSettings
    identity: str | None


@dataclass(frozen=True, slots=True)
class SetIdentity:
    """Give the vault an identity more: those that it has stay, since instances may use them, and others, too.

    Attributes:
        assigned: all user-assigned identities that it is to have.
        own: whether it is to have one of its own.
    """

    id: ArmId
    assigned: tuple[str, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class UpdateVault:
    """Set soft delete, immutability and tags; the tags are the whole set."""

    id: ArmId
    settings: VaultSettings


@dataclass(frozen=True, slots=True)
class DeleteVault:
    """Delete the empty vault."""

    id: ArmId


@dataclass(frozen=True, slots=True)
class CreateGroup:
    """Create a resource group for snapshots."""

    id: ResourceGroupId
    location: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AssignRole:
    """Grant a right to the vault's identity."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class RevokeRole:
    """Take a right back that the vault's identity no longer needs."""

    grant: Grant


Step: TypeAlias = CreateVault | SetIdentity | UpdateVault | DeleteVault | CreateGroup | AssignRole | RevokeRole
