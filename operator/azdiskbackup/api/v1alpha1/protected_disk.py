"""ProtectedDisk: protect the disk behind one PVC. The app team's kind."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from azdiskbackup.api.v1alpha1 import names
from azdiskbackup.api.v1alpha1.base import (
    ArmID,
    AzureErrorStatus,
    Count,
    LocalRef,
    Moment,
    Part,
    Rule,
    Status,
    StatusPart,
    Text,
    Transition,
)
from azdiskbackup.api.v1alpha1.kind import AGE, MESSAGE, READY, REASON, Column, Kind

DISK_ID = (
    r"^/subscriptions/[0-9a-fA-F-]{36}/resource[gG]roups/[-A-Za-z0-9_.()]{1,90}"
    r"/providers/[mM]icrosoft\.[cC]ompute/disks/[A-Za-z0-9_][-A-Za-z0-9_.]{0,79}$"
)
DiskName = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[-A-Za-z0-9_.]+$")]
DiskID = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=DISK_ID)]

RECENT_JOBS = 10
RECENT_RESTORE_POINTS = 20
EARLIER_DISKS = 10


class DiskSource(Part):
    """What is protected; exactly one member."""

    rules = (
        Rule(
            "has(self.persistentVolumeClaim) != has(self.diskID)",
            lambda it: (it.persistent_volume_claim is None) != (it.disk_id is None),
            "must have exactly one of `persistentVolumeClaim` and `diskID`",
        ),
    )
    persistent_volume_claim: Annotated[
        LocalRef | None,
        Field(description="A PVC in this object's namespace whose volume is an Azure disk."),
    ] = None
    disk_id: Annotated[
        DiskID | None,
        Field(
            description="ARM id of a managed disk; only where the vault's "
            "`access.diskIDNamespaces` selects this namespace."
        ),
    ] = None


class ProtectedDiskSpec(Part):
    """How the disk should be protected."""

    transitions = (
        Transition(
            "self.source == oldSelf.source",
            "`source` may not be changed after creation; create another ProtectedDisk instead",
            "source",
        ),
    )
    policy_ref: Annotated[
        LocalRef,
        Field(
            description="The DiskBackupPolicy by which the disk is backed up. It may be changed to "
            "another policy of the same vault."
        ),
    ]
    source: Annotated[DiskSource, Field(description="What is protected. Immutable.")]
    protection: Annotated[
        Literal["Active", "Suspended", "Stopped"],
        Field(
            description="Active: backed up by the policy. Suspended: no new backups, old ones expire by the policy, "
            "except the newest, which Azure keeps, and bills, until it is deleted. Stopped: no new backups, nothing "
            "expires."
        ),
    ] = "Active"
    deletion_policy: Annotated[
        Literal["Retain", "Suspend", "Delete"],
        Field(
            description="What happens when this object is deleted. Retain: no new backups, all "
            "restore points are kept. Suspend: they expire by the policy, except the newest, which Azure keeps, and "
            "bills, until it is deleted. Delete: they are deleted (softly, as Azure does: their snapshots are "
            "billed until they are purged), where the vault's `access.deletionNamespaces` allows it."
        ),
    ] = "Retain"


class DiskStatus(StatusPart):
    """The disk that was found."""

    id: Annotated[ArmID, Field(description="ARM id of the disk.")]
    name: Annotated[Text, Field(description="Name of the disk in Azure.")]
    size_gib: Annotated[Count | None, Field(description="Size in GiB.")] = None
    sku: Annotated[Text | None, Field(description="SKU, such as Premium_LRS.")] = None
    location: Annotated[Text, Field(description="Azure region.")]
    other_snapshots: Annotated[
        Count | None,
        Field(
            description="Incremental snapshots of the disk that others took, such as CSI VolumeSnapshots. With the "
            "restore points they count against Azure's limit of snapshots of a disk. Counted once an hour; absent if "
            "there are none that the operator may read."
        ),
    ] = None
    persistent_volume: Annotated[Text | None, Field(description="The PersistentVolume through which it was found.")] = (
        None
    )


class EarlierDiskStatus(StatusPart):
    """A disk that was protected before, until its PVC was recreated with another one."""

    id: Annotated[ArmID, Field(description="ARM id of the disk, which may be gone.")]
    name: Annotated[
        DiskName, Field(description="Name of the disk in Azure, by which `source.protectedDiskRef.disk` restores it.")
    ]
    backup_instance_id: Annotated[ArmID, Field(description="ARM id of its backup instance, without new backups.")]
    replaced_time: Annotated[datetime, Field(description="When the object changed over to the next disk.")]
    oldest_restore_point: Annotated[datetime | None, Field(description="Time of its oldest restore point then.")] = None
    newest_restore_point: Annotated[datetime | None, Field(description="Time of its newest restore point then.")] = None


class LastBackupStatus(StatusPart):
    """The newest backup job."""

    job_id: Annotated[Text, Field(description="Id of the job in Azure.")]
    status: Annotated[Text, Field(description="Azure's state of the job, such as Completed.")]
    type: Annotated[Text, Field(description="Scheduled or OnDemand.")]
    start_time: Annotated[Moment, Field(description="When the job started.")]
    end_time: Annotated[Moment | None, Field(description="When the job ended.")] = None
    duration_seconds: Annotated[Count | None, Field(description="How long the job ran, in seconds.")] = None


class JobStatus(StatusPart):
    """One job of Azure Backup."""

    id: Annotated[Text, Field(description="Id of the job in Azure.")]
    operation: Annotated[Text, Field(description="What the job does, such as Backup.")]
    status: Annotated[Text, Field(description="Azure's state of the job, such as Completed.")]
    type: Annotated[Text, Field(description="Scheduled or OnDemand.")]
    start_time: Annotated[Moment, Field(description="When the job started.")]
    end_time: Annotated[Moment | None, Field(description="When the job ended.")] = None
    duration_seconds: Annotated[Count | None, Field(description="How long the job ran, in seconds.")] = None
    error: Annotated[AzureErrorStatus | None, Field(description="Why the job failed.")] = None


class JobsStatus(StatusPart):
    """The backups of the last seven days."""

    completed: Annotated[Count, Field(description="Backups that completed.")] = 0
    failed: Annotated[Count, Field(description="Backups that failed.")] = 0
    in_progress: Annotated[Count, Field(description="Backups that run.")] = 0
    recent: Annotated[
        list[JobStatus],
        Field(
            max_length=RECENT_JOBS,
            description="The jobs of the newest backups, newest first.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = []


class RestorePointStatus(StatusPart):
    """One restore point."""

    id: Annotated[Text, Field(description="Id of the restore point in Azure.")]
    time: Annotated[Moment, Field(description="The time to which the disk can be restored.")]
    expiry_time: Annotated[
        datetime | None, Field(description="When it expires, unless it is the disk's newest one by then.")
    ] = None
    retention_rule: Annotated[Text | None, Field(description="The retention rule that keeps it.")] = None
    type: Annotated[Text | None, Field(description="Azure's type, such as Incremental.")] = None
    computed: Annotated[
        bool | None,
        Field(
            description="Whether only the job that made it is known: its time is the start of that job, and its expiry "
            "what the policy says, until the restore points are read from Azure."
        ),
    ] = None


class RestorePointsStatus(StatusPart):
    """The restore points of the disk."""

    count: Annotated[
        Count,
        Field(
            description="Number of restore points when they were read, with those that were made and less those that "
            "expired since."
        ),
    ]
    oldest: Annotated[Moment | None, Field(description="Time of the oldest one.")] = None
    newest: Annotated[Moment | None, Field(description="Time of the newest one.")] = None
    recent: Annotated[
        list[RestorePointStatus],
        Field(
            max_length=RECENT_RESTORE_POINTS,
            description="The newest restore points, newest first.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = []
    observed_time: Annotated[
        Moment,
        Field(
            description="When they were read from Azure, which happens rarely, since the call is scarce: what its job "
            "made is `computed` until then."
        ),
    ]


class ProtectedDiskStatus(Status):
    """The protection as Azure says it is."""

    vault: Annotated[Text | None, Field(description="The BackupVault in use.")] = None
    policy: Annotated[Text | None, Field(description="The DiskBackupPolicy in use.")] = None
    disk: Annotated[DiskStatus | None, Field(description="The disk that was found.")] = None
    persistent_volume_claim_not_found_since: Annotated[
        Moment | None,
        Field(
            description="Since when the PVC is gone: from then on counts the `gracePeriodHours` of a "
            "DiskProtectionRule. Absent while the PVC exists."
        ),
    ] = None
    backup_instance_id: Annotated[
        ArmID | None, Field(description="ARM id of the backup instance that protects the disk.")
    ] = None
    policy_id: Annotated[
        ArmID | None, Field(description="ARM id of the policy in Azure by which the disk is backed up.")
    ] = None
    active_since: Annotated[
        Moment | None,
        Field(
            description="Since when backups are expected by the schedule of that policy. Reset when the disk is "
            "resumed or migrated to another policy; absent while it is suspended or stopped."
        ),
    ] = None
    protection_state: Annotated[Text | None, Field(description="Azure's own state of the protection, as it is.")] = None
    last_backup: Annotated[LastBackupStatus | None, Field(description="The newest backup.")] = None
    last_successful_backup_time: Annotated[
        Moment | None, Field(description="When the newest good backup was taken.")
    ] = None
    next_backup_time: Annotated[datetime | None, Field(description="When the next scheduled backup is due.")] = None
    jobs: Annotated[JobsStatus | None, Field(description="Jobs of the last seven days.")] = None
    restore_points: Annotated[RestorePointsStatus | None, Field(description="Restore points of the disk.")] = None
    earlier_disks: Annotated[
        list[EarlierDiskStatus] | None,
        Field(
            max_length=EARLIER_DISKS,
            description="Disks that were protected before, newest first: the object follows its PVC to another disk "
            "when the annotation `azdiskbackup.io/follow-pvc` has the uid of that PVC. Their restore points are kept "
            "until they are deleted in Azure; with `deletionPolicy: Suspend` they expire. `kubectl azdiskbackup "
            "orphans` finds those that no longer fit into the list.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None


PROTECTED_DISK = Kind(
    names=names.PROTECTED_DISK,
    spec=ProtectedDiskSpec,
    status=ProtectedDiskStatus,
    columns=(
        READY,
        Column("Healthy", '.status.conditions[?(@.type=="BackupHealthy")].status'),
        REASON,
        Column("Policy", ".spec.policyRef.name"),
        Column("Last backup", ".status.lastSuccessfulBackupTime", "date"),
        Column("Points", ".status.restorePoints.count", "integer"),
        AGE,
        Column("Next backup", ".status.nextBackupTime", wide=True),
        Column("PVC", ".spec.source.persistentVolumeClaim.name", wide=True),
        MESSAGE,
        Column("Disk ID", ".status.disk.id", wide=True),
    ),
    selectable=(".spec.policyRef.name", ".spec.source.persistentVolumeClaim.name"),
    description="Protects the managed disk behind one PVC with Azure Backup.",
)
