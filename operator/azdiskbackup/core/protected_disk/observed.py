"""All that the rules may know about one disk, gathered once a pass."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, Grant
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, AzureRestorePoint, JobHistory
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound
from azdiskbackup.core.objects.recorded import DISK, INSTANCE, POLICY, recorded_id, recorded_text, recorded_time
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.validation import DiskValidation
from azdiskbackup.core.rules import reasons
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
class Recorded:
    """What status says of earlier passes: a hint where to look. It proves nothing, since others may write it, too.

    Attributes:
        has_finalizer: whether our finalizer is on the object. Without it nothing was ever written for it in Azure.
        disk: the disk that the object protected before.
        instance_id: ARM id of the backup instance that was made or found before.
        policy_id: ARM id of the policy in Azure by which the disk was backed up when it was observed last.
        policy: name of the DiskBackupPolicy that the spec named then.
        validation_failing_since: when Azure began to refuse the disk; None while it does not.
        is_settled: whether everything was as this spec wants it: a difference since then is somebody else's doing.
    """

    has_finalizer: bool = False
    disk: AzureDisk | None = None
    instance_id: str | None = None
    policy_id: str | None = None
    policy: str | None = None
    validation_failing_since: datetime | None = None
    is_settled: bool = False

    def unless_drift(self, reason: str) -> str:
        """Return the reason of a step: what was as desired before is put back, which somebody should know."""
        return reasons.DRIFT_CORRECTED if self.is_settled else reason

    @property
    def disk_id(self) -> ArmId | None:
        """Return the ARM id of the disk that the object protected before."""
        return self.disk.id if self.disk is not None else None


def is_changed(claim: object, recorded: Recorded) -> bool:
    """Return whether a claim stands for another disk than the one that the object protected before."""
    known = recorded.disk_id
    return isinstance(claim, ClaimedDisk) and known is not None and not same_id(claim.id, known)


def read_recorded(resource: Resource) -> Recorded:
    """Read the status of a ProtectedDisk; what is no ARM id is left out."""
    validated = resource.condition(reasons.VALIDATED)
    instance = recorded_id(resource, INSTANCE, "backupInstanceID")
    policy = recorded_id(resource, POLICY, "policyID")
    return Recorded(
        has_finalizer=resource.has_finalizer,
        disk=_disk(resource),
        instance_id=str(instance) if instance is not None else None,
        policy_id=str(policy) if policy is not None else None,
        policy=recorded_text(resource, "policy"),
        validation_failing_since=(
            recorded_time(validated.get("lastTransitionTime")) if validated.get("status") == "False" else None
        ),
        is_settled=resource.settled,
    )


def _disk(resource: Resource) -> AzureDisk | None:
    disk = recorded_id(resource, DISK, "disk", "id")
    if disk is None:
        return None
    size = resource.status["disk"].get("sizeGiB")
    location, sku = recorded_text(resource, "disk", "location"), recorded_text(resource, "disk", "sku")
    return AzureDisk(disk, str(location), size if isinstance(size, int) else None, sku)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed: ``NotFetched`` until a rule needs it, ``NotFound`` when absence is proven: never mixed.

    Attributes:
        claim: what the source stands for; a disk named by its id counts as claimed without a volume.
        recorded: what status says of earlier passes.
        usable_policies: names of the policies that serve the namespace, where that of the disk does not exist.
        older_duplicate: name of the ProtectedDisk of the same source right before this one by age; older ones win.
        new_disk_protected_by: name of another object of the namespace that protects the disk which the claim stands
            for, when that is not the disk in status.
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

    policy: PolicyView | Invalid | NotFound
    vault: VaultView | Invalid | NotFound
    namespace_labels: Mapping[str, str]
    claim: ClaimedDisk | NotBound | NotAzureDisk | NotFound
    recorded: Recorded = field(default_factory=Recorded)
    usable_policies: tuple[str, ...] = ()
    older_duplicate: str | None = None
    new_disk_protected_by: str | None = None
    live_disks: Container[str] = frozenset()
    namespace_uid: str | None = None
    was_owner: bool = False
    disk: AzureDisk | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    instance: AzureInstance | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    validation: DiskValidation | NotFetched = NOT_FETCHED
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
    no_points_at: datetime | None = None
    other_snapshots: int | None = None

    @property
    def usable_vault(self) -> VaultView:
        """Return the vault, which the first rule guarantees."""
        assert isinstance(self.vault, VaultView), "the first rule guarantees it"
        return self.vault

    @property
    def usable_policy(self) -> PolicyView:
        """Return the policy, which the first rule guarantees."""
        assert isinstance(self.policy, PolicyView), "the first rule guarantees it"
        return self.policy

    @property
    def existing_instance(self) -> AzureInstance:
        """Return the instance, which a rule before guarantees."""
        assert isinstance(self.instance, AzureInstance), "the rule before guarantees it"
        return self.instance

    @property
    def reader_grant(self) -> Grant:
        """Return the role that the identity which works for the disk needs on it, or on the disk's group."""
        assert isinstance(self.disk, AzureDisk), "a rule before guarantees it"
        vault, disk = self.usable_vault, self.disk.id
        scope = disk.resource_group if vault.role_scope == "ResourceGroup" else disk
        identity = self.instance.identity if isinstance(self.instance, AzureInstance) else vault.identity
        return Grant(str(scope), disk.subscription, DISK_BACKUP_READER, vault.principal_of(identity) or "")
