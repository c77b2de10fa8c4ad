"""What one BackupVault asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultSpec
from azdiskbackup.api.v1alpha1.vault_parts import RestoreResourceGroup, SnapshotResourceGroup
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId, vault_id
from azdiskbackup.core.objects.azure import VaultSettings
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec

# By which BackupVault a vault in Azure is kept. Only that one ever deletes it.
OWNER_TAGS = ("azdiskbackup.io.cluster", "azdiskbackup.io.backupvault")


@dataclass(frozen=True, slots=True)
class Group:
    """A group for snapshots or restored disks; ``create`` says whether we may make it, then with ``tags``."""

    id: ResourceGroupId
    create: bool
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Desired:
    """A vault as its object wants it.

    Attributes:
        groups: for snapshots.
        restore_groups: for restored disks.
        owner: tags that name this object as the one that keeps the vault.
    """

    name: str
    deleting: bool
    spec: BackupVaultSpec
    id: ArmId
    groups: tuple[Group, ...]
    restore_groups: tuple[Group, ...]
    owner: Mapping[str, str]

    @property
    def identity(self) -> str | None:
        """Return the user-assigned identity that works for the disks; None for the vault's own."""
        return self.spec.identity.user_assigned_identity_id

    @property
    def is_managed(self) -> bool:
        """Return whether we keep the vault; one that is only observed is never written."""
        return self.spec.management_policy == "Manage"

    @property
    def deletes_vault(self) -> bool:
        """Return whether the vault goes with the object: when that was asked for, and it is not run elsewhere."""
        return self.is_managed and self.spec.deletion_policy == "Delete"

    @property
    def settings(self) -> VaultSettings:
        """Return the wanted settings as Azure has them."""
        return VaultSettings(
            redundancy=self.spec.redundancy,
            soft_delete_state=self.spec.soft_delete.state,
            soft_delete_days=self.spec.soft_delete.retention_days,
            immutability=self.spec.immutability,
            tags=self.spec.tags or {},
        )


def read_desired(resource: Resource, default_subscription: str, cluster: str) -> Desired | Invalid:
    """Read a BackupVault.

    Args:
        resource: the object.
        default_subscription: where it is when the spec does not say.
        cluster: the id of this cluster, the uid of its kube-system namespace.
    """
    spec = parse_spec(BackupVaultSpec, resource)
    if isinstance(spec, Invalid):
        return spec
    subscription = spec.subscription_id or default_subscription
    return Desired(
        name=resource.name,
        deleting=resource.deleting,
        spec=spec,
        id=vault_id(subscription, spec.resource_group, spec.azure_name or resource.name),
        groups=_groups(spec.snapshot_resource_groups, subscription),
        restore_groups=_groups(spec.restore_resource_groups or (), subscription),
        owner=dict(zip(OWNER_TAGS, (cluster, resource.name), strict=True)),
    )


def _groups(wanted: Iterable[SnapshotResourceGroup | RestoreResourceGroup], subscription: str) -> tuple[Group, ...]:
    return tuple(
        Group(ResourceGroupId(each.subscription_id or subscription, each.name), each.create, each.tags or {})
        for each in wanted
    )
