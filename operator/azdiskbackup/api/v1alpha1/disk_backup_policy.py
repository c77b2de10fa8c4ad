"""DiskBackupPolicy: when disks are backed up and how long restore points are kept. Platform teams own it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from azdiskbackup.api.v1alpha1 import names
from azdiskbackup.api.v1alpha1.base import (
    ArmID,
    Count,
    LocalRef,
    Matching,
    Part,
    Rule,
    Status,
    StatusPart,
    Text,
    immutable,
)
from azdiskbackup.api.v1alpha1.kind import AGE, MESSAGE, READY, REASON, Column, Kind

PREDECESSORS = 64
AZURE_NAME = r"^[-a-zA-Z0-9]{2,100}$"
PolicyName = Annotated[str, StringConstraints(min_length=2, max_length=100, pattern=AZURE_NAME)]
TimeOfDay = Annotated[
    str, Matching("([01][0-9]|2[0-3]):[0-5][0-9]", "must be a time of day as HH:MM, such as 02:00 or 18:30", 32)
]
TimeZone = Annotated[
    str, Matching("[A-Za-z][-+_/A-Za-z0-9]*", "must be an IANA name of a time zone, such as Europe/Berlin or UTC", 64)
]


def _no_bool(value: object) -> object:
    """Python takes True for 1; the API server does not."""
    if isinstance(value, bool):
        raise ValueError("must be an integer")
    return value


class Schedule(Part):
    """When backups start. Azure may start one up to two hours late."""

    rules = (
        Rule(
            "(self.frequency == 'Hourly') == has(self.intervalHours)",
            lambda it: (it.frequency == "Hourly") == (it.interval_hours is not None),
            "must be set when `frequency` is 'Hourly', and only then",
            "intervalHours",
        ),
    )
    frequency: Annotated[
        Literal["Hourly", "Daily"],
        Field(description="Hourly: every `intervalHours` hours. Daily: once a day."),
    ]
    interval_hours: Annotated[
        Literal[1, 2, 4, 6, 8, 12] | None,
        BeforeValidator(_no_bool),
        Field(description="Hours between two backups: 1, 2, 4, 6, 8 or 12; only for Hourly."),
    ] = None
    start_time: Annotated[
        TimeOfDay,
        Field(
            description="HH:MM. Daily: the time of day of the backup. Hourly: the time from which "
            "the hours are counted."
        ),
    ] = "02:00"
    time_zone: Annotated[
        TimeZone,
        Field(
            description="IANA name of the time zone of `startTime`, such as Europe/Berlin. "
            "Azure gets its Windows name; a zone without one is refused. Zones other than UTC were not tried on Azure: "
            "while daylight saving time holds, backups may come an hour away from `startTime`."
        ),
    ] = "UTC"


class RetentionRule(Part):
    """How long the restore points of one rule are kept."""

    days: Annotated[
        int,
        Field(
            ge=1, le=365, description="Days until a restore point expires. Azure keeps the newest one of a disk longer."
        ),
    ]


class Retention(Part):
    """How long restore points are kept. A point is kept by the first rule that fits: weekly, daily, default."""

    default: Annotated[
        RetentionRule,
        Field(description="For every backup that no other rule keeps. Cannot be removed."),
    ] = RetentionRule(days=7)
    daily: Annotated[RetentionRule | None, Field(description="For the first successful backup of the day.")] = None
    weekly: Annotated[RetentionRule | None, Field(description="For the first successful backup of the week.")] = None


class DiskBackupPolicySpec(Part):
    """The desired policy."""

    transitions = (
        immutable("vaultRef", "create another DiskBackupPolicy instead", required=True),
        immutable("azureName", "create another DiskBackupPolicy instead"),
    )
    vault_ref: Annotated[LocalRef, Field(description="The BackupVault that holds the policy. Immutable.")]
    azure_name: Annotated[
        PolicyName | None,
        Field(
            description="Stem of the policy's name in Azure, which is `<azureName>-<hash of its "
            "content>`; default: this object's name. Immutable."
        ),
    ] = None
    schedule: Annotated[
        Schedule,
        Field(
            description="When backups start. Azure cannot edit a policy: an edit makes another one, to which the disks "
            "move one after the other, without a gap in their backups."
        ),
    ]
    retention: Annotated[
        Retention,
        Field(description="How long restore points are kept. Those that exist keep the expiry that they have."),
    ] = Retention()
    deletion_policy: Annotated[
        Literal["Delete", "Retain"],
        Field(
            description="What happens to the policy in Azure when this object is deleted. "
            "Nothing is deleted while disks use it."
        ),
    ] = "Delete"


class RestorePointBudget(StatusPart):
    """How many restore points the policy may lead to, a disk."""

    expected: Annotated[Count, Field(description="Restore points a disk in the worst case, by this policy alone.")]
    limit: Annotated[Count, Field(description="The most that a policy may keep.")]
    room_for_on_demand: Annotated[
        Count,
        Field(
            description="Restore points left for on-demand backups before a disk reaches Azure's limit of snapshots."
        ),
    ]


class Succession(StatusPart):
    """How far the disks have moved to the policy that an edit made."""

    from_: Annotated[Text, Field(alias="from", description="Name in Azure of the policy that is left.")]
    total: Annotated[Count, Field(description="Disks that move.")]
    moved: Annotated[Count, Field(description="Disks that have moved.")]


class DiskBackupPolicyStatus(Status):
    """The policy as Azure has it."""

    policy_id: Annotated[ArmID | None, Field(description="ARM id of the policy in use.")] = None
    backups_per_day: Annotated[Count | None, Field(description="Scheduled backups a day.")] = None
    restore_points: Annotated[
        RestorePointBudget | None, Field(description="Expected restore points and their limits.")
    ] = None
    next_backup_time: Annotated[datetime | None, Field(description="When the next scheduled backup is due.")] = None
    protected_disks: Annotated[
        Count | None,
        Field(description="Number of ProtectedDisks that use the policy, whether they are protected yet or not."),
    ] = None
    predecessors: Annotated[
        list[Text] | None,
        Field(
            max_length=PREDECESSORS,
            description="Names in Azure of policies that an edit replaced; each is deleted when nothing refers to it "
            "any more, soft-deleted backup instances included.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    succession: Annotated[Succession | None, Field(description="Present only while disks move after an edit.")] = None


DISK_BACKUP_POLICY = Kind(
    names=names.DISK_BACKUP_POLICY,
    spec=DiskBackupPolicySpec,
    status=DiskBackupPolicyStatus,
    columns=(
        READY,
        REASON,
        Column("Vault", ".spec.vaultRef.name"),
        Column("Per day", ".status.backupsPerDay", "integer"),
        Column("Used by", ".status.protectedDisks", "integer"),
        AGE,
        Column("Next backup", ".status.nextBackupTime", wide=True),
        MESSAGE,
        Column("Policy ID", ".status.policyID", wide=True),
    ),
    selectable=(".spec.vaultRef.name",),
    description="When disks are backed up and how long restore points are kept. Cluster-scoped: platform teams own it.",
    root_rules=(
        Rule(
            f"has(self.spec.azureName) || self.metadata.name.matches('{AZURE_NAME}')",
            lambda it: bool(it.spec.azure_name) or bool(re.search(AZURE_NAME, it.name)),
            "`metadata.name` must have 2 to 100 letters, digits and hyphens, or `spec.azureName` must be set: "
            "Azure's policy names allow nothing else",
        ),
    ),
)
