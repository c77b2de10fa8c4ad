"""DiskProtectionRule: which PVCs are protected without an object of their own. Platform teams own it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from azdiskbackup.api.v1alpha1 import names
from azdiskbackup.api.v1alpha1.base import (
    Count,
    LocalRef,
    Moment,
    ObjectName,
    Part,
    Rule,
    Status,
    StatusPart,
    Text,
)
from azdiskbackup.api.v1alpha1.kind import AGE, MESSAGE, READY, REASON, Column, Kind
from azdiskbackup.api.v1alpha1.label_selector import LabelSelector

SKIP_REASONS = 24
EXAMPLES = 10

AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


class DiskProtectionRuleSpec(Part):
    """Which PVCs the rule selects, and how their disks are protected. All criteria have to hold."""

    rules = (
        Rule(
            "!has(self.minSizeGiB) || !has(self.maxSizeGiB) || self.minSizeGiB <= self.maxSizeGiB",
            lambda it: it.min_size_gib is None or it.max_size_gib is None or it.min_size_gib <= it.max_size_gib,
            "may not be less than `minSizeGiB`",
            "maxSizeGiB",
        ),
    )
    policy_ref: Annotated[
        LocalRef,
        Field(
            description="The DiskBackupPolicy by which the disks are backed up; the vault follows from it. Changed to "
            "another policy of the same vault, the disks of the rule move to it."
        ),
    ]
    namespace_selector: Annotated[
        LabelSelector,
        Field(
            description="The namespaces whose PVCs are selected, by their labels; `{}` selects every namespace that "
            "the vault serves. Whoever may label a namespace decides with it: `kubernetes.io/metadata.name` alone "
            "cannot be changed. Namespaces whose names begin with `kube-` are selected only by that label."
        ),
    ]
    claim_selector: Annotated[
        LabelSelector | None,
        Field(description="The PVCs, by their labels; absent: every PVC of these namespaces."),
    ] = None
    storage_class_names: Annotated[
        list[ObjectName] | None,
        Field(
            min_length=1,
            max_length=32,
            description="Only PVCs of these StorageClasses; absent: of any, and of none.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    access_modes: Annotated[
        list[AccessMode] | None,
        Field(
            min_length=1,
            max_length=4,
            description="Only PVCs that ask for one of these access modes; absent: for any.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    min_size_gib: Annotated[
        int | None,
        Field(ge=1, le=65_536, description="Only PVCs that ask for at least so many GiB."),
    ] = None
    max_size_gib: Annotated[
        int | None,
        Field(ge=1, le=65_536, description="Only PVCs that ask for at most so many GiB."),
    ] = None
    min_age_minutes: Annotated[
        int,
        Field(
            ge=0,
            le=525_600,
            description="How old a PVC has to be, in minutes: those of a CI run are gone before, and each disk that "
            "was protected leaves a soft-deleted backup, which Azure bills for days.",
        ),
    ] = 60
    priority: Annotated[
        int,
        Field(
            ge=-1000,
            le=1000,
            description="Of several rules that select a PVC the one with the highest priority protects it; of those "
            "the oldest, then the first by name.",
        ),
    ] = 0
    mode: Annotated[
        Literal["Enforce", "DryRun"],
        Field(
            description="Enforce: the rule makes ProtectedDisks. DryRun: it makes, changes and deletes nothing; its "
            "status shows what it would do. Other rules decide as if it did not exist."
        ),
    ] = "Enforce"
    opt_out: Annotated[
        Literal["Allowed", "Forbidden"],
        Field(
            description='Allowed: the label `azdiskbackup.io/protect: "false"` on a PVC, or on its namespace, keeps '
            "the rule from protecting it; the PVC's label wins. Forbidden: the rule ignores the label, and says so in "
            "an event on the PVC."
        ),
    ] = "Allowed"
    max_new_per_hour: Annotated[
        int,
        Field(ge=1, le=500, description="How many ProtectedDisks the rule makes in an hour at most."),
    ] = 20
    max_protected: Annotated[
        int | None,
        Field(
            ge=1,
            le=5000,
            description="How many ProtectedDisks the rule has at most; it makes no more then, and says so. Absent: as "
            "many as the vault takes.",
        ),
    ] = None
    when_unselected: Annotated[
        Literal["Keep", "Stop"],
        Field(
            description="What happens to a ProtectedDisk of the rule whose PVC no rule selects any more, since a "
            "label, the rule or the opt-out changed. Keep: it stays protected. Stop: it gets `protection: Stopped` (no "
            "new backups, nothing expires), and Active again once its PVC is selected."
        ),
    ] = "Keep"
    when_claim_deleted: Annotated[
        Literal["KeepBackups", "Keep"],
        Field(
            description="What happens to a ProtectedDisk of the rule whose PVC is gone. KeepBackups: after "
            "`gracePeriodHours` it is deleted, with `deletionPolicy: Retain`: all restore points stay. Keep: it stays."
        ),
    ] = "KeepBackups"
    grace_period_hours: Annotated[
        int,
        Field(ge=1, le=8760, description="Hours for which a ProtectedDisk outlives its PVC, with KeepBackups."),
    ] = 24


Examples: TypeAlias = Annotated[
    list[Text],
    Field(
        max_length=EXAMPLES,
        description="Some of them, as namespace/name.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    ),
]


class SkippedClaims(StatusPart):
    """PVCs that the rule selects and that are not protected, for one reason."""

    reason: Annotated[Text, Field(description="Why, as a constant; docs list them all.")]
    count: Annotated[Count, Field(description="How many PVCs.")]
    examples: Examples = []


class HeldWithdrawal(StatusPart):
    """More ProtectedDisks than usual would be stopped or deleted: a person has to acknowledge that."""

    since: Annotated[Moment, Field(description="Since when it is held; the annotation that acknowledges names it.")]
    count: Annotated[Count, Field(description="How many ProtectedDisks would be stopped or deleted.")]
    examples: Examples = []


class DiskProtectionRuleStatus(Status):
    """What the rule selects, and what became of it. Numbers are at most a minute old."""

    matched: Annotated[
        Count | None,
        Field(description="PVCs that the rule selects, and no rule before it: protected, pending and skipped ones."),
    ] = None
    protected: Annotated[
        Count | None,
        Field(description="Those whose disks Azure protects, by ProtectedDisks of the rule or of people."),
    ] = None
    pending: Annotated[
        Count | None,
        Field(
            description="Those that are about to be protected: their ProtectedDisks are yet to be made, or not "
            "protected yet. With `mode: DryRun` those that would be."
        ),
    ] = None
    skipped: Annotated[
        list[SkippedClaims],
        Field(
            max_length=SKIP_REASONS,
            description="Those that are not protected, by reason, the most frequent first.",
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["reason"]},
        ),
    ] = []
    kept: Annotated[
        Count | None,
        Field(description="ProtectedDisks of the rule whose PVC it does not select any more, or whose PVC is gone."),
    ] = None
    disks: Annotated[Count | None, Field(description="ProtectedDisks that have the label of the rule.")] = None
    hour_start_time: Annotated[
        Moment | None, Field(description="When the hour began that `newThisHour` and `withdrawnThisHour` count.")
    ] = None
    new_this_hour: Annotated[Count | None, Field(description="ProtectedDisks that the rule made in that hour.")] = None
    withdrawn_this_hour: Annotated[
        Count | None, Field(description="ProtectedDisks that the rule stopped or deleted in that hour.")
    ] = None
    withdrawal: Annotated[
        HeldWithdrawal | None, Field(description="What is held until it is acknowledged; absent: nothing.")
    ] = None


DISK_PROTECTION_RULE = Kind(
    names=names.DISK_PROTECTION_RULE,
    spec=DiskProtectionRuleSpec,
    status=DiskProtectionRuleStatus,
    columns=(
        READY,
        REASON,
        Column("Policy", ".spec.policyRef.name"),
        Column("Mode", ".spec.mode"),
        Column("Matched", ".status.matched", "integer"),
        Column("Protected", ".status.protected", "integer"),
        Column("Pending", ".status.pending", "integer"),
        AGE,
        Column("Priority", ".spec.priority", "integer", wide=True),
        MESSAGE,
    ),
    selectable=(".spec.policyRef.name",),
    description="Protects every PVC that it selects: for each it makes a ProtectedDisk of the same name, in the PVC's "
    "namespace. ProtectedDisks that people wrote are left alone. Restore points are never deleted by a rule.",
)
