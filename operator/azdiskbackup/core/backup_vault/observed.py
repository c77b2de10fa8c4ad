"""All that the rules may know about one vault, gathered once a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from azdiskbackup.core.identity.arm_ids import ResourceGroupId
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import AzureGroup, AzureInstance, AzureVault
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound


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
    vault: AzureVault | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    groups: Mapping[ResourceGroupId, AzureGroup | NotFound | FetchFailed] = field(default_factory=dict)
    grants: Mapping[Grant, bool | FetchFailed] = field(default_factory=dict)
    instances: int | NotFetched | FetchFailed = NOT_FETCHED
    deleted: tuple[AzureInstance, ...] | NotFetched | FetchFailed = NOT_FETCHED
    degraded_reason: str | None = None
