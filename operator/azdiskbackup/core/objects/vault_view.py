"""A vault as policies, disks and backups see it: from the BackupVault object, without asking Azure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultSpec
from azdiskbackup.api.v1alpha1.vault_parts import VaultAccess
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId
from azdiskbackup.core.objects.recorded import VAULT, recorded_id, recorded_identities, recorded_name
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec
from azdiskbackup.core.rules import reasons


@dataclass(frozen=True, slots=True)
class VaultView:
    """A BackupVault.

    Attributes:
        ready: whether it can protect disks now.
        not_ready_reason: the reason of its own that it is not ready.
        id: ARM id, known once Azure has the vault.
        principal: object id of its identity, known with the id.
        snapshot_groups: the groups for snapshots.
        restore_groups: the groups for restored disks.
        identity: the user-assigned identity that works for new disks; None for the vault's own.
        is_guarded: whether a Resource Guard protects it.
        is_immutable: whether it keeps restore points until they expire.
        principals: object ids of its identities, by lower-case ARM id; the vault's own under the empty one.
        assigns_roles: whether the operator grants what is missing; else it only verifies.
        role_scope: Disk or ResourceGroup, where the right to read disks is granted.
    """

    name: str
    ready: bool
    not_ready_reason: str
    id: ArmId | None
    principal: str | None
    location: str
    snapshot_groups: tuple[ResourceGroupId, ...]
    access: VaultAccess
    identity: str | None = None
    assigns_roles: bool = True
    role_scope: str = "Disk"
    principals: Mapping[str, str] = field(default_factory=dict)
    is_guarded: bool = False
    is_immutable: bool = False
    restore_groups: tuple[ResourceGroupId, ...] = ()

    def principal_of(self, identity: str | None) -> str | None:
        """Return the object id of a user-assigned identity of the vault, or of its own; None if it has no such."""
        is_current = (identity or "").lower() == (self.identity or "").lower()
        return self.principal if is_current else self.principals.get((identity or "").lower())

    def snapshot_group_for(self, subscription: str) -> ResourceGroupId | None:
        """Return the group that holds the snapshots of a subscription's disks."""
        return _of_subscription(self.snapshot_groups, subscription)

    def restore_group_for(self, subscription: str) -> ResourceGroupId | None:
        """Return the group that takes the restored disks of a subscription."""
        return _of_subscription(self.restore_groups, subscription)


def _of_subscription(groups: tuple[ResourceGroupId, ...], subscription: str) -> ResourceGroupId | None:
    return next((each for each in groups if each.subscription.lower() == subscription.lower()), None)


def vault_view(resource: Resource) -> VaultView | Invalid:
    """Read a BackupVault from outside."""
    spec = parse_spec(BackupVaultSpec, resource)
    if isinstance(spec, Invalid):
        return spec
    vault = recorded_id(resource, VAULT, "vaultID")
    fallback = spec.subscription_id or (vault.subscription if vault else "")
    ready = resource.condition(reasons.READY)
    return VaultView(
        name=resource.name,
        ready=ready.get("status") == "True" and not resource.deleting,
        not_ready_reason=str(ready.get("reason", reasons.NOT_YET_KNOWN)),
        id=vault,
        principal=recorded_name(resource, "principalID"),
        location=spec.location,
        snapshot_groups=tuple(
            ResourceGroupId(group.subscription_id or fallback, group.name) for group in spec.snapshot_resource_groups
        ),
        access=spec.access,
        identity=spec.identity.user_assigned_identity_id,
        assigns_roles=spec.role_assignments == "Managed",
        role_scope=spec.disk_role_scope,
        principals=recorded_identities(resource),
        is_guarded=resource.status.get("resourceGuard") is True,
        is_immutable=spec.immutability != "Disabled",
        restore_groups=tuple(
            ResourceGroupId(group.subscription_id or fallback, group.name)
            for group in spec.restore_resource_groups or ()
        ),
    )
