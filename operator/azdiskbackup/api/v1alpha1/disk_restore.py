"""DiskRestore: from a restore point to a disk that a pod can mount. Like a Job: runs once, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from azdiskbackup.api.v1alpha1 import names
from azdiskbackup.api.v1alpha1.base import (
    ArmID,
    AzureErrorStatus,
    Count,
    DateTime,
    LocalRef,
    Moment,
    ObjectName,
    Part,
    Rule,
    Status,
    StatusPart,
    Text,
    Transition,
)
from azdiskbackup.api.v1alpha1.kind import AGE, MESSAGE, REASON, Column, Kind
from azdiskbackup.api.v1alpha1.label_selector import LabelValue
from azdiskbackup.api.v1alpha1.protected_disk import DiskName

# As Azure names them; what has another form was not copied whole.
InstanceName = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[-A-Za-z0-9]+$")]
PointID = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[-A-Za-z0-9_]+$")]
ClassName = Annotated[str, StringConstraints(max_length=253)]
AnnotationValue = Annotated[str, StringConstraints(max_length=1024)]


class InstanceRef(Part):
    """A backup instance by its name in Azure."""

    vault_ref: Annotated[LocalRef, Field(description="The BackupVault that holds it.")]
    name: Annotated[
        InstanceName,
        Field(description="Name of the backup instance in Azure, as `kubectl azdiskbackup orphans` lists it."),
    ]


class ProtectedDiskRef(LocalRef):
    """A ProtectedDisk, and which of its disks."""

    disk: Annotated[
        DiskName | None,
        Field(
            description="Name in Azure of the disk whose restore points are meant, as `status.earlierDisks[].name` of "
            "the ProtectedDisk has it (of several of one name the newest); absent: the one that it protects now."
        ),
    ] = None


class RestoreSource(Part):
    """Whose restore point: exactly one member."""

    rules = (
        Rule(
            "has(self.protectedDiskRef) != has(self.backupInstance)",
            lambda it: (it.protected_disk_ref is None) != (it.backup_instance is None),
            "must have exactly one of `protectedDiskRef` and `backupInstance`",
        ),
    )
    protected_disk_ref: Annotated[
        ProtectedDiskRef | None,
        Field(description="The ProtectedDisk in this namespace, also one that is suspended or stopped."),
    ] = None
    backup_instance: Annotated[
        InstanceRef | None,
        Field(
            description="The backup instance itself, when the ProtectedDisk, its namespace or its cluster is gone. Its "
            "tags must name this namespace; the vault's `access.restoreOrphanNamespaces` must select it, and "
            "`access.adoptFromClusters` name the cluster, where it is another one."
        ),
    ] = None


class RestorePointSelector(Part):
    """Which restore point: exactly one member."""

    rules = (
        Rule(
            "has(self.id) != has(self.notAfter)",
            lambda it: (it.id is None) != (it.not_after is None),
            "must have exactly one of `id` and `notAfter`",
        ),
    )
    id: Annotated[
        PointID | None,
        Field(
            description="Id of the restore point, as `status.restorePoints.recent[].id` of the ProtectedDisk has it."
        ),
    ] = None
    not_after: Annotated[
        DateTime | None,
        Field(description="The newest restore point that was taken at this time or before."),
    ] = None


class RestoredClaim(Part):
    """The PVC that is made for the restored disk."""

    name: Annotated[
        ObjectName,
        Field(description="Name of the PVC. It must not exist: nothing that exists is ever touched."),
    ]
    storage_class_name: Annotated[
        ClassName | None,
        Field(
            description="Storage class of the PVC and its volume; default: that of the source's PVC, required when it "
            "is gone. It is a name only: SKU and size of the disk are those that were backed up."
        ),
    ] = None
    access_modes: Annotated[
        list[Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]] | None,
        Field(
            min_length=1,
            max_length=4,
            description="Access modes; default: those of the source's PVC, or ReadWriteOnce when it is gone.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
    volume_mode: Annotated[
        Literal["Filesystem", "Block"] | None,
        Field(description="Volume mode; default: that of the source's volume, or Filesystem when it is gone."),
    ] = None
    fs_type: Annotated[
        Literal["ext4", "ext3", "xfs", "btrfs"] | None,
        Field(
            description="File system on the disk; default: that of the source's volume, required when it is gone. It "
            "is not in the backup, and a wrong one cannot be mounted."
        ),
    ] = None
    labels: Annotated[
        dict[str, LabelValue] | None,
        Field(max_length=64, description="Labels of the PVC."),
    ] = None
    annotations: Annotated[
        dict[str, AnnotationValue] | None,
        Field(max_length=64, description="Annotations of the PVC."),
    ] = None


class RestoreTarget(Part):
    """What is made of the restore point."""

    persistent_volume_claim: Annotated[
        RestoredClaim | None,
        Field(description="The PVC to make for the restored disk; absent: the disk alone."),
    ] = None


class DiskRestoreSpec(Part):
    """What to restore, and to where."""

    transitions = (
        Transition(
            "self == oldSelf",
            "may not be changed after creation; create another DiskRestore instead",
        ),
    )
    source: Annotated[RestoreSource, Field(description="Whose restore point: exactly one member.")]
    restore_point: Annotated[
        RestorePointSelector | None,
        Field(description="Which restore point; absent: the newest. It is chosen once, and `status` names it."),
    ] = None
    target: Annotated[RestoreTarget, Field(description="What is made of it.")] = RestoreTarget()
    reclaim_policy: Annotated[
        Literal["Retain", "Delete"],
        Field(
            description="What becomes of the restored disk when its PVC is deleted. The volume is made with Retain in "
            "any case, and gets this once it is bound."
        ),
    ] = "Retain"
    ttl_seconds_after_finished: Annotated[
        int | None,
        Field(
            ge=0,
            le=31_536_000,
            description="Seconds after which this finished object is deleted; absent: kept. Disk, volume and PVC stay. "
            "Not for an object that a GitOps tool applies: it would be made again, and restore another disk.",
        ),
    ] = None


class PinnedRestorePoint(StatusPart):
    """The restore point that was chosen."""

    id: Annotated[Text, Field(description="Id of the restore point in Azure.")]
    time: Annotated[Moment | None, Field(description="The time whose data is restored.")] = None
    expiry_time: Annotated[
        datetime | None, Field(description="When it expires, unless it is the disk's newest one by then.")
    ] = None
    size_gib: Annotated[Count | None, Field(description="Size of the disk that was backed up, in GiB.")] = None


class RestoredDisk(StatusPart):
    """The disk that was restored, as Azure has it."""

    id: Annotated[ArmID, Field(description="ARM id of the disk.")]
    name: Annotated[Text, Field(description="Name of the disk.")]
    size_gib: Annotated[Count | None, Field(description="Size in GiB.")] = None
    sku: Annotated[Text | None, Field(description="SKU, such as Premium_LRS.")] = None
    location: Annotated[Text | None, Field(description="Azure region.")] = None
    zones: Annotated[
        list[Text] | None,
        Field(
            max_length=16,
            description="Availability zones; a pod runs in one of them.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None


class DiskRestoreStatus(Status):
    """How the restore goes."""

    vault: Annotated[Text | None, Field(description="Name of the BackupVault.")] = None
    backup_instance_id: Annotated[ArmID | None, Field(description="ARM id of the backup instance.")] = None
    restore_point: Annotated[
        PinnedRestorePoint | None, Field(description="The restore point, chosen once and never again.")
    ] = None
    target_disk_id: Annotated[
        ArmID | None,
        Field(description="ARM id of the disk to be. Its name follows from the uid of this object."),
    ] = None
    job_id: Annotated[Text | None, Field(description="Id of the job in Azure.")] = None
    start_time: Annotated[
        Moment | None,
        Field(description="When the restore was requested; once the job is known, when it started."),
    ] = None
    completion_time: Annotated[
        Moment | None,
        Field(description="When the restore ended, well or not; or when it was clear that none happens (NotRepeated)."),
    ] = None
    duration_seconds: Annotated[Count | None, Field(description="How long the job ran, in seconds.")] = None
    disk: Annotated[RestoredDisk | None, Field(description="The restored disk.")] = None
    persistent_volume: Annotated[Text | None, Field(description="Name of the volume of the restored disk.")] = None
    persistent_volume_claim: Annotated[
        Text | None, Field(description="Name of the PVC, once it is made. It is bound once the disk is there.")
    ] = None
    error: Annotated[AzureErrorStatus | None, Field(description="Why the restore failed.")] = None


DISK_RESTORE = Kind(
    names=names.DISK_RESTORE,
    spec=DiskRestoreSpec,
    status=DiskRestoreStatus,
    columns=(
        Column("Succeeded", '.status.conditions[?(@.type=="Succeeded")].status'),
        REASON,
        Column("Point", ".status.restorePoint.time", "date"),
        Column("PVC", ".status.persistentVolumeClaim"),
        AGE,
        MESSAGE,
        Column("Disk", ".status.disk.name", wide=True),
        Column("Zones", ".status.disk.zones", wide=True),
    ),
    selectable=(),
    description="One restore of one disk: from a restore point to a disk, and to a PVC that a pod can mount. Runs once "
    "and is never edited. Nothing that exists is touched, and the disk stays when this object is deleted.",
)
