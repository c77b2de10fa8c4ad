"""All that the rules may know about one disk, gathered once a pass."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, AzureRestorePoint, JobHistory
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.validation import Never, Validation
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen. ``NotFetched`` was not asked for this time, ``NotFound`` does not exist: never mixed.

    Attributes:
        claim: what the source stands for; a disk named by its id counts as claimed without a volume.
        rival: ``name`` of an older ProtectedDisk of the same source; it wins.
        live_disks: ``namespace/name`` of every ProtectedDisk of this cluster.
        namespace_uid: uid of the object's namespace; None while the cache does not have it.
        was_owner: whether the instance named this object as its owner when this process last saw it. Azure keeps no
            tags of what is deleted.
        granted: whether the vault's identity has the right to read the disk.
        rights_doubted: whether the newest backup failed for want of rights.
        holder: the backup instance in another vault that protects the disk, when Azure says that there is one.
        turn: when the disk may move to the policy that its own was replaced by; disks move one after the other.
        needed_by: ``namespace/name`` of other ProtectedDisks that need the same right.
        leaving_first: those that are deleted as well, and let go of the right before this one takes it back.
        jobs: jobs of the disk's instance.
        jobs_at: when they were looked at; nothing is late before somebody looked.
        newest_point: when the newest restore point was taken, as far as the sweep knows.
    """

    policy: PolicyView | NotFound
    vault: VaultView | NotFound
    namespace_labels: Mapping[str, str]
    claim: ClaimedDisk | NotBound | NotAzureDisk | NotFound
    older_duplicate: str | None = None
    live_disks: Container[str] = frozenset()
    namespace_uid: str | None = None
    was_owner: bool = False
    disk: AzureDisk | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    instance: AzureInstance | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    granted: bool | NotFetched | FetchFailed = NOT_FETCHED
    rights_doubted: bool = False
    holder: AzureInstance | None = None
    turn: datetime | None = None
    grant_used_by: tuple[str, ...] = ()
    deleted_before_us: tuple[str, ...] = ()
    validation: Validation = field(default_factory=Never)
    jobs: JobHistory | NotFetched | FetchFailed = NOT_FETCHED
    jobs_at: datetime | None = None
    newest_point: datetime | None = None
    restore_points: tuple[AzureRestorePoint, ...] | NotFetched | FetchFailed = NOT_FETCHED
