"""All that the rules may know about one disk, gathered once a pass."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, AzureRestorePoint, JobHistory
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.recorded import Recorded
from azdiskbackup.core.protected_disk.validation import Validation
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed, NotFetched, NotFound


class Fact(Enum):
    """What a rule may need and the cache does not hold. Each has exactly one fetcher."""

    DISK = auto()
    INSTANCE = auto()
    VALIDATION = auto()
    CONFLICTING_INSTANCE = auto()
    ROLE_GRANT = auto()
    MIGRATION_TURN = auto()


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed: ``NotFetched`` until a rule needs it, ``NotFound`` when absence is proven: never mixed.

    Attributes:
        claim: what the source stands for; a disk named by its id counts as claimed without a volume.
        recorded: what status says of earlier passes.
        older_duplicate: name of an older ProtectedDisk of the same source; it wins.
        live_disks: ``namespace/name`` of every ProtectedDisk of this cluster.
        namespace_uid: uid of the object's namespace; None while the cache does not have it.
        was_owner: whether the instance named this object as its owner when this process last saw it. Azure keeps no
            tags of what is deleted.
        validation: how far Azure's validation of the disk got.
        conflicting_instance: the backup instance in another vault because of which Azure refuses the disk.
        creation_visible_at: until then Azure may not show an instance that was asked for.
        role_grant: whether the vault's identity has the role that it needs on the disk.
        role_recheck_needed: whether the newest backup failed for want of a role.
        migrate_at: when the disk may move to the policy that its own was replaced by; disks move one after the other.
        grant_used_by: ``namespace/name`` of other ProtectedDisks that need the same role assignment.
        deleted_before_us: those that are deleted as well, and release the role assignment before this one revokes it.
        jobs: jobs of the disk's instance.
        jobs_at: when they were read; nothing is late before somebody looked.
        newest_point: when the newest restore point was taken, as far as the sweep knows.
    """

    policy: PolicyView | NotFound
    vault: VaultView | NotFound
    namespace_labels: Mapping[str, str]
    claim: ClaimedDisk | NotBound | NotAzureDisk | NotFound
    recorded: Recorded = field(default_factory=Recorded)
    older_duplicate: str | None = None
    live_disks: Container[str] = frozenset()
    namespace_uid: str | None = None
    was_owner: bool = False
    disk: AzureDisk | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    instance: AzureInstance | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    validation: Validation | NotFetched = NOT_FETCHED
    conflicting_instance: AzureInstance | NotFound | NotFetched = NOT_FOUND
    creation_visible_at: datetime | None = None
    role_grant: bool | NotFetched | FetchFailed = NOT_FETCHED
    role_recheck_needed: bool = False
    migrate_at: datetime | NotFetched = NOT_FETCHED
    grant_used_by: tuple[str, ...] = ()
    deleted_before_us: tuple[str, ...] = ()
    jobs: JobHistory | NotFetched | FetchFailed = NOT_FETCHED
    jobs_at: datetime | None = None
    newest_point: datetime | None = None
    restore_points: tuple[AzureRestorePoint, ...] | NotFetched | FetchFailed = NOT_FETCHED
