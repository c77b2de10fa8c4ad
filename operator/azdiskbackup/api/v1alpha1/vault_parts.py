"""The parts of a vault's spec: its identity, soft delete, the groups that it uses, who may do what with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from azdiskbackup.api.v1alpha1.base import ArmID, Part, ResourceGroupName, Rule, SubscriptionID, Transition
from azdiskbackup.api.v1alpha1.label_selector import LabelSelector

ClusterID = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[-a-z0-9]+$")]
TagValue = Annotated[str, StringConstraints(max_length=256)]


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
            "of the same name that was created later may restore them. Of a namespace that was deleted and created "
            "again the uid differs: it may restore while `adoptFromClusters` names this cluster."
        ),
    ] = None
    adopt_from_clusters: Annotated[
        list[ClusterID],
        Field(
            max_length=32,
            description="Clusters whose backup instances in this vault a ProtectedDisk here for the same disk adopts, "
            "with all their restore points: to move to this cluster, or after the loss of another. "
            "Each by the id that `OwnedElsewhere` names, the UID of its namespace `kube-system`. The object of the "
            "other cluster then reports `OwnedElsewhere`, and can be deleted. A namespace that "
            "`restoreOrphanNamespaces` selects may restore their backups of the namespace of its name, and with the "
            "id of this cluster those of a namespace that was deleted since.",
        ),
    ] = []
