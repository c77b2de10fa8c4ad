"""BackupVault: where backups are managed, who may use it and what it may grant. Platform teams own it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from azdiskbackup.api.v1alpha1 import names
from azdiskbackup.api.v1alpha1.base import (
    ArmID,
    Count,
    Matching,
    Part,
    ResourceGroupName,
    Rule,
    Status,
    StatusPart,
    SubscriptionID,
    Text,
    Transition,
    immutable,
)
from azdiskbackup.api.v1alpha1.kind import AGE, MESSAGE, READY, REASON, Column, Kind
from azdiskbackup.api.v1alpha1.vault_parts import (
    RestoreResourceGroup,
    SnapshotResourceGroup,
    SoftDelete,
    TagValue,
    VaultAccess,
    VaultIdentity,
)

AZURE_NAME = r"^[-a-zA-Z0-9]{2,50}$"
VaultName = Annotated[str, StringConstraints(min_length=2, max_length=50, pattern=AZURE_NAME)]
Location = Annotated[str, Matching("[a-z0-9]+", "must be a region in its short form, such as westeurope", 64)]

_ANOTHER = "create another BackupVault instead"


MOST_IDENTITIES = 20


class BackupVaultSpec(Part):
    """The desired vault."""

    rules = (
        Rule(
            "self.snapshotResourceGroups.all(a, self.snapshotResourceGroups.exists_one(b,"
            " (has(a.subscriptionID) ? a.subscriptionID.lowerAscii() : '')"
            " == (has(b.subscriptionID) ? b.subscriptionID.lowerAscii() : '')))",
            lambda it: (
                len({(g.subscription_id or "").lower() for g in it.snapshot_resource_groups})
                == len(it.snapshot_resource_groups)
            ),
            "must name at most one group for each subscription",
            "snapshotResourceGroups",
        ),
        Rule(
            "!has(self.restoreResourceGroups) || self.restoreResourceGroups.all(a,"
            " self.restoreResourceGroups.exists_one(b,"
            " (has(a.subscriptionID) ? a.subscriptionID.lowerAscii() : '')"
            " == (has(b.subscriptionID) ? b.subscriptionID.lowerAscii() : '')))",
            lambda it: (
                len({(g.subscription_id or "").lower() for g in it.restore_resource_groups or ()})
                == len(it.restore_resource_groups or ())
            ),
            "must name at most one group for each subscription",
            "restoreResourceGroups",
        ),
        Rule(
            "!has(self.restoreResourceGroups) || !self.restoreResourceGroups.exists(r,"
            " self.snapshotResourceGroups.exists(s, r.name.lowerAscii() == s.name.lowerAscii()"
            " && (has(r.subscriptionID) ? r.subscriptionID.lowerAscii() : '')"
            " == (has(s.subscriptionID) ? s.subscriptionID.lowerAscii() : '')))",
            lambda it: (
                not {(g.name.lower(), (g.subscription_id or "").lower()) for g in it.restore_resource_groups or ()}
                & {(g.name.lower(), (g.subscription_id or "").lower()) for g in it.snapshot_resource_groups}
            ),
            "may not name a snapshot resource group: the role that restoring needs would reach the snapshots",
            "restoreResourceGroups",
        ),
    )
    transitions = (
        immutable("subscriptionID", _ANOTHER),
        immutable("resourceGroup", _ANOTHER, required=True),
        immutable("azureName", _ANOTHER),
        immutable("location", _ANOTHER, required=True),
        immutable("redundancy", _ANOTHER, required=True),
        Transition(
            "oldSelf.immutability != 'Locked' || self.immutability == 'Locked'",
            "may not leave 'Locked': Azure does not allow it",
            "immutability",
        ),
    )
    subscription_id: Annotated[
        SubscriptionID | None,
        Field(description="Subscription of the vault; default: the operator's. Immutable."),
    ] = None
    resource_group: Annotated[
        ResourceGroupName,
        Field(description="Resource group of the vault; it must exist. Immutable."),
    ]
    azure_name: Annotated[
        VaultName | None,
        Field(description="Name of the vault in Azure; default: this object's name. Immutable."),
    ] = None
    location: Annotated[
        Location,
        Field(
            description="Azure region in its short form, such as westeurope. It must be the region "
            "of the disks. Immutable."
        ),
    ]
    redundancy: Annotated[
        Literal["LocallyRedundant", "ZoneRedundant", "GeoRedundant"],
        Field(
            description="Redundancy of the vault store. It does not matter for disks, whose "
            "snapshots never enter the vault. Immutable."
        ),
    ] = "LocallyRedundant"
    identity: Annotated[
        VaultIdentity,
        Field(
            description="The identity that backs up the disks and gets the roles on disks and snapshot resource "
            "groups. A protected disk keeps the identity that it was protected with."
        ),
    ] = VaultIdentity()
    soft_delete: Annotated[SoftDelete, Field(description="How long deleted backups can be undeleted.")] = SoftDelete()
    immutability: Annotated[
        Literal["Disabled", "Unlocked", "Locked"],
        Field(description="Immutability of the vault; Locked can never be undone."),
    ] = "Disabled"
    tags: Annotated[
        dict[str, TagValue] | None,
        Field(max_length=40, description="Tags on the vault in Azure."),
    ] = None
    snapshot_resource_groups: Annotated[
        list[SnapshotResourceGroup],
        Field(
            min_length=1,
            max_length=16,
            description="Where snapshots are kept: one group for each subscription that has disks. "
            "Azure keeps a disk's snapshots only in the disk's own subscription.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ]
    restore_resource_groups: Annotated[
        list[RestoreResourceGroup] | None,
        Field(
            min_length=1,
            max_length=16,
            description="Where restored disks go: one group for each subscription that has disks, in the vault's "
            "region. Absent: nothing is restored from this vault.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    role_assignments: Annotated[
        Literal["Managed", "Preassigned"],
        Field(
            description="Managed: the operator assigns the vault's identity the roles that it needs. Preassigned: it "
            "only verifies them, and needs no permission to assign roles."
        ),
    ] = "Managed"
    disk_role_scope: Annotated[
        Literal["Disk", "ResourceGroup"],
        Field(
            description="Scope of the role on disks: each disk, or each resource group of disks (a subscription holds "
            "4,000 role assignments). With ResourceGroup only the first disk of a group waits until the role has "
            "propagated; each further one is a single write to Azure."
        ),
    ] = "Disk"
    access: Annotated[VaultAccess, Field(description="Which namespaces may use the vault, and how.")] = VaultAccess()
    management_policy: Annotated[
        Literal["Manage", "Observe"],
        Field(
            description="Manage: the operator keeps the vault as specified here. Observe: the vault is managed "
            "elsewhere; the operator uses it and never changes or deletes it. Role assignments are separate, see "
            "`roleAssignments`."
        ),
    ] = "Manage"
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Field(
            description="What happens to the vault in Azure when this object is deleted. "
            "Delete only ever deletes an empty vault whose tags azdiskbackup.io.cluster and "
            "azdiskbackup.io.backupvault name this object. The operator writes them when it creates the vault, or when "
            "it finds one without an owner while this is Delete."
        ),
    ] = "Retain"


class VaultIdentityStatus(StatusPart):
    """An identity that the vault has."""

    principal_id: Annotated[Text, Field(description="Object id of the identity.")]
    user_assigned_identity_id: Annotated[
        ArmID | None, Field(description="ARM id of a user-assigned identity; absent for the vault's own.")
    ] = None


class BackupVaultStatus(Status):
    """The vault as Azure says it is."""

    vault_id: Annotated[ArmID | None, Field(description="ARM id of the vault.")] = None
    principal_id: Annotated[
        Text | None, Field(description="Object id of the vault's identity, for role assignments.")
    ] = None
    identities: Annotated[
        list[VaultIdentityStatus] | None,
        Field(
            max_length=MOST_IDENTITIES,
            description="Identities that the vault has. A disk keeps the one with which its protection began; the "
            "operator takes none off.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    resource_guard: Annotated[
        bool | None,
        Field(
            description="Whether a Resource Guard protects the vault: then Azure refuses the operator to stop, suspend "
            "or delete backups, as far as the guard covers that. Its administrators approve them."
        ),
    ] = None
    restore_role: Annotated[
        bool | None,
        Field(
            description="Whether the operator assigned the vault's identity the role to make disks, for a restore, and "
            "has not revoked it yet."
        ),
    ] = None
    provisioning_state: Annotated[Text | None, Field(description="Azure's own provisioning state of the vault.")] = None
    protected_disks: Annotated[
        Count | None,
        Field(description="Number of ProtectedDisks whose policy uses the vault, protected or not."),
    ] = None
    orphaned_backup_instances: Annotated[
        Count | None,
        Field(
            description="Number of backup instances in the vault whose ProtectedDisk in this cluster no longer exists, "
            "or protects another disk, as of the last sweep. Their restore points stay, and are billed; `kubectl "
            "azdiskbackup orphans` lists them. Absent while that is not known: no ProtectedDisk has had a backup "
            "instance in the vault since the operator started, and such a vault is not swept."
        ),
    ] = None


BACKUP_VAULT = Kind(
    names=names.BACKUP_VAULT,
    spec=BackupVaultSpec,
    status=BackupVaultStatus,
    columns=(
        READY,
        REASON,
        Column("Location", ".spec.location"),
        Column("Used by", ".status.protectedDisks", "integer"),
        AGE,
        MESSAGE,
        Column("Orphans", ".status.orphanedBackupInstances", "integer", wide=True),
        Column("Vault ID", ".status.vaultID", wide=True),
    ),
    selectable=(),
    description="A vault of Azure Backup: where backups are managed, who may use it, what it may "
    "grant. Cluster-scoped: platform teams own it.",
    root_rules=(
        Rule(
            f"has(self.spec.azureName) || self.metadata.name.matches('{AZURE_NAME}')",
            lambda it: bool(it.spec.azure_name) or bool(re.search(AZURE_NAME, it.name)),
            "`metadata.name` must have 2 to 50 letters, digits and hyphens, or `spec.azureName` must be set: "
            "Azure's vault names allow nothing else",
        ),
    ),
)
