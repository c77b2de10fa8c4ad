"""BackupVault: where backups are managed, who may use it and what it may grant. Platform teams own it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from azdiskbackup.api.v1alpha1.base import (
    AGE,
    MESSAGE,
    READY,
    REASON,
    ArmID,
    Column,
    Count,
    Kind,
    LabelSelector,
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

AZURE_NAME = r"^[-a-zA-Z0-9]{2,50}$"
VaultName = Annotated[str, StringConstraints(min_length=2, max_length=50, pattern=AZURE_NAME)]
Location = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9]+$")]
ClusterID = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[-a-z0-9]+$")]
TagValue = Annotated[str, StringConstraints(max_length=256)]

_ANOTHER = "create another BackupVault instead"


MOST_IDENTITIES = 20


class VaultIdentity(Part):
    """The identity with which the vault reads disks and writes snapshots."""

    rules = (
        Rule(
            "(self.type == 'UserAssigned') == has(self.userAssignedIdentityID)",
            lambda it: (it.type == "UserAssigned") == (it.user_assigned_identity_id is not None),
            "must be set when `type` is 'UserAssigned', and only then",
            "userAssignedIdentityID",
        ),
    )
    type: Annotated[
        Literal["SystemAssigned", "UserAssigned"],
        Field(
            description="SystemAssigned: Azure makes an identity with the vault. "
            "UserAssigned: the vault uses the one named in `userAssignedIdentityID`."
        ),
    ] = "SystemAssigned"
    user_assigned_identity_id: Annotated[
        ArmID | None,
        Field(description="ARM id of the user-assigned identity; exactly when that type is chosen."),
    ] = None


class SoftDelete(Part):
    """What happens to backups after they were deleted."""

    transitions = (
        Transition(
            "oldSelf.state != 'AlwaysOn' || self.state == 'AlwaysOn'",
            "may not leave 'AlwaysOn': Azure does not allow it",
            "state",
        ),
    )
    state: Annotated[
        Literal["On", "AlwaysOn"],
        Field(description="On, or AlwaysOn, which can never be lowered again."),
    ] = "On"
    retention_days: Annotated[
        int,
        Field(
            ge=14,
            le=180,
            description="Days for which deleted backups can be undeleted; they stay billed.",
        ),
    ] = 14


class SnapshotResourceGroup(Part):
    """A resource group that holds the snapshots of one subscription's disks."""

    name: Annotated[
        ResourceGroupName,
        Field(description="Name of the group. Never a disk's own group, never the node group."),
    ]
    subscription_id: Annotated[
        SubscriptionID | None,
        Field(description="Subscription of the group and of the disks whose snapshots it holds; default: the vault's."),
    ] = None
    create: Annotated[
        bool,
        Field(
            description="Create the group, in the vault's region, when it is missing. The operator never deletes it."
        ),
    ] = False
    tags: Annotated[
        dict[str, TagValue] | None,
        Field(
            max_length=40,
            description="Tags of the group when the operator creates it: Azure Policy often asks for some. The tags of "
            "a group that exists are not changed.",
        ),
    ] = None


class RestoreResourceGroup(Part):
    """A resource group that takes the restored disks of one subscription."""

    name: Annotated[
        ResourceGroupName,
        Field(
            description="Name of the group. Never a snapshot resource group; the node group is deleted with the "
            "cluster, and may be locked down. The cluster's identity needs permission to attach disks of this group."
        ),
    ]
    subscription_id: Annotated[
        SubscriptionID | None,
        Field(description="Subscription of the group and of the disks that were backed up; default: the vault's."),
    ] = None
    create: Annotated[
        bool,
        Field(
            description="Create the group, in the vault's region, when it is missing. The operator never deletes it."
        ),
    ] = False
    tags: Annotated[
        dict[str, TagValue] | None,
        Field(
            max_length=40,
            description="Tags of the group when the operator creates it. The tags of a group that exists are not "
            "changed.",
        ),
    ] = None


class VaultAccess(Part):
    """Which namespaces may do what with this vault."""

    namespaces: Annotated[
        LabelSelector,
        Field(
            description="Namespaces whose PVCs may be protected with this vault; "
            "the empty selector means every namespace. Narrowing it stops no backup: a disk that is protected stays "
            "protected and reports `NamespaceNotAllowed`, until its object is deleted or the namespace is allowed "
            "again."
        ),
    ] = LabelSelector()
    disk_id_namespaces: Annotated[
        LabelSelector | None,
        Field(
            description="Namespaces that may name a disk by ARM id; absent means none. Narrowing it stops no backup "
            "either."
        ),
    ] = None
    deletion_namespaces: Annotated[
        LabelSelector | None,
        Field(
            description="Namespaces that may use `deletionPolicy: Delete`, which destroys restore "
            "points; absent means none."
        ),
    ] = None
    restore_namespaces: Annotated[
        LabelSelector | None,
        Field(
            description="Namespaces that may restore their own disks; absent means none. Whoever restores reads old "
            "data: what was deleted from a volume since then comes back."
        ),
    ] = None
    restore_orphan_namespaces: Annotated[
        LabelSelector | None,
        Field(
            description="Namespaces that may restore by backup instance, when the ProtectedDisk or its namespace is "
            "gone; absent means none. The tags of the instance must name the same namespace, and its uid where they "
            "have it: instances that were protected by an older version of the operator have no uid, and a namespace "
            "of the same name that was created later may restore them."
        ),
    ] = None
    adopt_from_clusters: Annotated[
        list[ClusterID],
        Field(
            max_length=32,
            description="Clusters whose backup instances in this vault a ProtectedDisk here for the same disk adopts, "
            "with all their restore points: to move to this cluster, or after the loss of another. "
            "Each by the id that `OwnedElsewhere` names, the UID of its namespace `kube-system`. The object of the "
            "other cluster then reports `OwnedElsewhere`, and can be deleted.",
        ),
    ] = []


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
            "4,000 role assignments)."
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
        Count | None, Field(description="Number of ProtectedDisks whose policy uses the vault.")
    ] = None


BACKUP_VAULT = Kind(
    name="BackupVault",
    plural="backupvaults",
    short_name="azvault",
    namespaced=False,
    spec=BackupVaultSpec,
    status=BackupVaultStatus,
    columns=(
        READY,
        REASON,
        Column("Location", ".spec.location"),
        Column("Disks", ".status.protectedDisks", "integer"),
        AGE,
        MESSAGE,
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
