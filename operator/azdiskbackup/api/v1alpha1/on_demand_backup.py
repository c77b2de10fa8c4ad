"""OnDemandBackup: one backup of one protected disk, now. Like a Job: runs once, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from azdiskbackup.api.v1alpha1 import names
from azdiskbackup.api.v1alpha1.base import (
    AzureErrorStatus,
    Count,
    LocalRef,
    Moment,
    Part,
    Status,
    StatusPart,
    Text,
    Transition,
)
from azdiskbackup.api.v1alpha1.kind import AGE, MESSAGE, REASON, Column, Kind


class OnDemandBackupSpec(Part):
    """What to back up."""

    transitions = (
        Transition(
            "self == oldSelf",
            "may not be changed after creation; create another OnDemandBackup instead",
        ),
    )
    protected_disk_ref: Annotated[LocalRef, Field(description="The ProtectedDisk in this namespace to back up.")]
    retention_rule: Annotated[
        Literal["Default", "Daily", "Weekly"],
        Field(
            description="The retention rule of the policy that decides how long the restore point "
            "is kept; the policy must have it."
        ),
    ] = "Default"
    ttl_seconds_after_finished: Annotated[
        int | None,
        Field(
            ge=0,
            le=31_536_000,
            description="Seconds after which this finished object is deleted; absent: kept. The restore point stays. "
            "Not for an object that a GitOps tool applies: it would be made again, and take another backup.",
        ),
    ] = None


class TakenRestorePoint(StatusPart):
    """The restore point that the backup made."""

    id: Annotated[Text, Field(description="Id of the restore point in Azure.")]
    time: Annotated[Moment | None, Field(description="The time to which the disk can be restored.")] = None
    expiry_time: Annotated[
        datetime | None, Field(description="When it expires, unless it is the disk's newest one by then.")
    ] = None


class OnDemandBackupStatus(Status):
    """How the backup went."""

    backup_instance_id: Annotated[
        Text | None,
        Field(
            description="ARM id of the backup instance that the backup is taken of, from the moment on at which it is "
            "requested: the job is followed also when the ProtectedDisk is gone."
        ),
    ] = None
    job_id: Annotated[Text | None, Field(description="Id of the job in Azure.")] = None
    start_time: Annotated[
        Moment | None,
        Field(description="When the backup was requested; once the job is known, when it started."),
    ] = None
    completion_time: Annotated[
        Moment | None,
        Field(description="When the backup ended, well or not; or when it was clear that none is taken (NotRepeated)."),
    ] = None
    duration_seconds: Annotated[Count | None, Field(description="How long the job ran, in seconds.")] = None
    restore_point: Annotated[TakenRestorePoint | None, Field(description="The restore point that was made.")] = None
    error: Annotated[AzureErrorStatus | None, Field(description="Why the backup failed.")] = None


ON_DEMAND_BACKUP = Kind(
    names=names.ON_DEMAND_BACKUP,
    spec=OnDemandBackupSpec,
    status=OnDemandBackupStatus,
    columns=(
        Column("Succeeded", '.status.conditions[?(@.type=="Succeeded")].status'),
        REASON,
        Column("Disk", ".spec.protectedDiskRef.name"),
        Column("Duration (s)", ".status.durationSeconds", "integer"),
        AGE,
        Column("Restore point", ".status.restorePoint.id", wide=True),
        MESSAGE,
        Column("Job ID", ".status.jobID", wide=True),
    ),
    selectable=(".spec.protectedDiskRef.name",),
    description="One backup of one ProtectedDisk, now. Runs once and is never edited.",
)
