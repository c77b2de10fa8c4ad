"""All that the rules may know about one vault, gathered once a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from azdiskbackup.core.identity.arm_ids import ResourceGroupId
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import AzureGroup, AzureInstance, AzureVault
from azdiskbackup.core.objects.recorded import recorded_identities, recorded_name
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound


class Fact(Enum):
    """What a rule may need and the cache does not hold. Each has exactly one fetcher."""

    VAULT = auto()
    INSTANCES = auto()
    DELETED_INSTANCES = auto()
    # Of its id.
    RESOURCE_GROUP = auto()
    # Of the grant.
    ROLE_GRANT = auto()
    RESTORE_ROLE = auto()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What status says of earlier passes.

    Attributes:
        principal: object id of the vault's identity, so that its role assignments are found when the vault is gone.
        restore_role: whether a role for restores was assigned from here, and not revoked since.
        principals: those of all identities that the vault had.
        is_settled: whether everything was as this spec wants it: a difference since then is somebody else's doing.
    """

    principal: str | None = None
    is_settled: bool = False
    principals: tuple[str, ...] = ()
    restore_role: bool = False


def read_recorded(resource: Resource) -> Recorded:
    """Read the status of a BackupVault."""
    principals = tuple(recorded_identities(resource).values())
    has_role = resource.status.get("restoreRole") is True
    return Recorded(recorded_name(resource, "principalID"), resource.settled, principals, has_role)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed.

    Attributes:
        policies: names of the DiskBackupPolicies that refer to the vault.
        disks: number of ProtectedDisks whose policy refers to it.
        groups: the resource groups that were fetched.
        grants: of the role assignments that were fetched, whether they exist.
        instances: number of backup instances in the vault; fetched only before its deletion.
        deleted: soft-deleted backup instances in the vault; fetched only before its deletion.
        is_restoring: whether any DiskRestore restores from the vault.
        is_role_needed: whether any DiskRestore of the cluster is in progress: vaults may share identity and group.
        restore_roles: of the roles for restores that were fetched, whether they are assigned.
        orphaned: number of its backup instances whose ProtectedDisk in this cluster is gone; None while unknown.
        is_swept: whether any ProtectedDisk has an instance in it, so that it is read again and again.
        degraded_reason: why its disks cannot be read from Resource Graph; None while they can.
    """

    policies: tuple[str, ...]
    disks: int
    vault: AzureVault | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    groups: Mapping[ResourceGroupId, AzureGroup | NotFound | FetchFailed] = field(default_factory=dict)
    grants: Mapping[Grant, bool | FetchFailed] = field(default_factory=dict)
    instances: int | NotFetched | FetchFailed = NOT_FETCHED
    deleted: tuple[AzureInstance, ...] | NotFetched | FetchFailed = NOT_FETCHED
    is_restoring: bool = False
    is_role_needed: bool = False
    restore_roles: Mapping[Grant, bool | FetchFailed] = field(default_factory=dict)
    orphaned: int | None = None
    is_swept: bool = False
    degraded_reason: str | None = None
    recorded: Recorded = field(default_factory=Recorded)
