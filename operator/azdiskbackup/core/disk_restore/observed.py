"""All that the rules may know about one restore, gathered once a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.jobs.attempt import Attempt, Over
from azdiskbackup.core.jobs.recorded import Recorded as RecordedJob
from azdiskbackup.core.jobs.recorded import read_recorded as read_recorded_job
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, AzureRestorePoint
from azdiskbackup.core.objects.recorded import DISK, INSTANCE, recorded_id, recorded_text, recorded_time
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.validation import Validation
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed, NotFetched, NotFound


class Fact(Enum):
    """What a rule may need and the cache does not hold. Each has exactly one fetcher."""

    ATTEMPT = auto()
    INSTANCE = auto()
    RESTORE_POINT = auto()
    SOURCE_VOLUME = auto()
    VALIDATION = auto()
    DISK = auto()


@dataclass(frozen=True, slots=True)
class SourceDisk:
    """A ProtectedDisk as its restores see it.

    Attributes:
        instance: ARM id of its backup instance, once known.
        claim: name of its PVC; None when it names a disk by its ARM id.
        volume: name of the PersistentVolume of that PVC, as its status says.
    """

    instance: ArmId | None
    claim: str | None = None
    volume: str | None = None


@dataclass(frozen=True, slots=True)
class SourceVolume:
    """What a PVC and its volume say that no backup holds; each None where nobody says it."""

    storage_class: str | None = None
    access_modes: tuple[str, ...] | None = None
    volume_mode: str | None = None
    fs_type: str | None = None
    caching_mode: str | None = None


@dataclass(frozen=True, slots=True)
class NoRestorePoint:
    """No restore point is as it was asked for.

    Attributes:
        oldest: when the oldest one was taken; None when there is none at all.
    """

    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A PVC of the wanted name.

    Attributes:
        is_ours: whether this DiskRestore made it.
    """

    uid: str
    is_ours: bool
    is_bound: bool


@dataclass(frozen=True, slots=True)
class Volume:
    """The PersistentVolume of the restore's name."""

    claim_uid: str | None
    reclaim_policy: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What status says of earlier passes. It may have been written by others.

    Attributes:
        job: the intent, and the job that followed.
        point: id of the restore point that was pinned.
        pinned: the instance for which it was.
        disk: ARM id of the disk to be.
        claim: whether the PVC was made.
    """

    job: RecordedJob = field(default_factory=RecordedJob)
    point: str | None = None
    point_time: datetime | None = None
    size_gib: int | None = None
    pinned: ArmId | None = None
    disk: ArmId | None = None
    claim: bool = False

    @property
    def over(self) -> Over | None:
        """Return how the restore ended, once it has."""
        return self.job.over


def read_recorded(resource: Resource) -> Recorded:
    """Read the status of a DiskRestore."""
    point = resource.status.get("restorePoint")
    point = point if isinstance(point, Mapping) else {}
    size = point.get("sizeGiB")
    return Recorded(
        job=read_recorded_job(resource),
        point=recorded_text(resource, "restorePoint", "id"),
        point_time=recorded_time(point.get("time")),
        size_gib=size if isinstance(size, int) and size > 0 else None,
        pinned=recorded_id(resource, INSTANCE, "backupInstanceID"),
        disk=recorded_id(resource, DISK, "targetDiskID"),
        claim=recorded_text(resource, "persistentVolumeClaim") is not None,
    )


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed.

    Attributes:
        is_enabled: whether restores are switched on.
        source: the ProtectedDisk; None for a restore by backup instance.
        vault: the vault of the instance.
        instance_id: the backup instance that is to be restored, once known.
        namespace_labels: of the object's namespace.
        claim: the PVC of the wanted name.
        other_volume: name of another PersistentVolume for the restored disk.
        is_role_known: whether the role on the restore resource group is known to be assigned.
        source_volume: what the source's PVC and volume say.
        attempt: how far the one attempt got.
        disk: the restored disk.
        is_untaggable: whether Azure refused to write tags on it.
    """

    source: SourceDisk | NotFound | None
    vault: VaultView | Invalid | NotFound
    instance_id: ArmId | None
    namespace_labels: Mapping[str, str]
    namespace_uid: str | None
    is_enabled: bool = True
    recorded: Recorded = field(default_factory=Recorded)
    claim: Claim | NotFound = NOT_FOUND
    volume: Volume | NotFound = NOT_FOUND
    other_volume: str | None = None
    is_role_known: bool = False
    is_untaggable: bool = False
    attempt: Attempt | NotFetched = NOT_FETCHED
    instance: AzureInstance | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    point: AzureRestorePoint | NoRestorePoint | NotFetched | FetchFailed = NOT_FETCHED
    source_volume: SourceVolume | NotFetched | FetchFailed = NOT_FETCHED
    validation: Validation | NotFetched = NOT_FETCHED
    disk: AzureDisk | NotFound | NotFetched | FetchFailed = NOT_FETCHED

    @property
    def usable_vault(self) -> VaultView:
        """Return the vault, which the rules before have found to be there."""
        assert isinstance(self.vault, VaultView), "the rules before guarantee it"
        return self.vault

    @property
    def restored(self) -> AzureDisk:
        """Return the restored disk, which the rules before have found to be there."""
        assert isinstance(self.disk, AzureDisk), "the rules before guarantee it"
        return self.disk
