"""All that the rules may know about one vault, gathered once a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from azdiskbackup.core.arm_ids import ResourceGroupId
from azdiskbackup.core.azure_model import AzureGroup, AzureInstance, AzureVault
from azdiskbackup.core.presence import UNKNOWN, Absent, Unknown, Unreadable
from azdiskbackup.core.roles import Grant


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen.

    Attributes:
        policies: names of the DiskBackupPolicies that refer to the vault.
        disks: number of ProtectedDisks whose policy refers to it.
        groups: the snapshot groups that were looked at.
        grants: of the grants that were looked at, whether they exist.
        instances: number of backup instances in the vault; looked at only before its deletion.
        deleted: soft-deleted backup instances in the vault; looked at only before its deletion.
        trouble: why its disks cannot be read from Resource Graph; None while they can.
    """

    policies: tuple[str, ...]
    disks: int
    vault: AzureVault | Absent | Unknown | Unreadable = UNKNOWN
    groups: Mapping[ResourceGroupId, AzureGroup | Absent | Unreadable] = field(default_factory=dict)
    grants: Mapping[Grant, bool | Unreadable] = field(default_factory=dict)
    instances: int | Unknown | Unreadable = UNKNOWN
    deleted: tuple[AzureInstance, ...] | Unknown | Unreadable = UNKNOWN
    trouble: str | None = None
