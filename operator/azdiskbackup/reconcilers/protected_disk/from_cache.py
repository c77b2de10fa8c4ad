"""What the cache tells of a disk, without asking anybody."""

from __future__ import annotations

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.policy_view import policy_view
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound, disk_of
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.recorded import Recorded
from azdiskbackup.core.rules.lookup import NOT_FOUND, NotFound
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.reconcilers.watch.indices import DISKS_BY_SCOPE, DISKS_BY_SOURCE, source_of


class LiveDisks:
    """The ``namespace/name`` of every ProtectedDisk, looked up one at a time."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def __contains__(self, place: object) -> bool:
        """Return whether there is a ProtectedDisk of this namespace and name."""
        namespace, _, name = str(place).partition("/")
        return self._cache.has(Key("ProtectedDisk", namespace, name))


def from_cache(cache: Cache, desired: Desired, recorded: Recorded) -> Observed:
    """Return what the cache tells of a disk: its policy, vault, namespace, claim, and the other objects about it."""
    raw_policy = cache.get(Key("DiskBackupPolicy", "", desired.spec.policy_ref.name))
    policy = policy_view(Resource(raw_policy)) if raw_policy is not None else None
    raw_vault = cache.get(Key("BackupVault", "", policy.vault)) if policy is not None else None
    vault = vault_view(Resource(raw_vault)) if raw_vault is not None else None
    namespace = cache.get(Key("Namespace", "", desired.namespace))
    about = namespace["metadata"] if namespace is not None else {}
    grant_used_by, deleted_before_us = _sharers(cache, desired, recorded, vault) if desired.deleting else ((), ())
    return Observed(
        policy=policy or NOT_FOUND,
        vault=vault or NOT_FOUND,
        namespace_labels=about.get("labels") or {},
        namespace_uid=about.get("uid"),
        recorded=recorded,
        claim=_claim(cache, desired),
        older_duplicate=_rival(cache, desired),
        grant_used_by=grant_used_by,
        deleted_before_us=deleted_before_us,
        live_disks=LiveDisks(cache),
    )


def _claim(cache: Cache, desired: Desired) -> ClaimedDisk | NotBound | NotAzureDisk | NotFound:
    source = desired.spec.source
    if source.disk_id is not None:
        try:
            return ClaimedDisk(ArmId.parse(source.disk_id), "")
        except ValueError as error:
            return NotAzureDisk(f"`diskID` is {error}.")
    assert source.persistent_volume_claim is not None
    name = source.persistent_volume_claim.name
    claim = cache.get(Key("PersistentVolumeClaim", desired.namespace, name))
    if claim is None:
        return NOT_FOUND
    volume = (claim.get("spec") or {}).get("volumeName")
    return disk_of(claim, cache.get(Key("PersistentVolume", "", volume or "")))


def _rival(cache: Cache, desired: Desired) -> str | None:
    """Return the oldest other object of the same namespace for the same source, if it is older."""
    source = desired.spec.source.model_dump(by_alias=True, exclude_none=True)
    same = [
        (str(each["metadata"]["creationTimestamp"]), str(each["metadata"]["name"]))
        for each in cache.read(DISKS_BY_SOURCE, source_of(desired.namespace, source))
    ]
    # The server's times of creation are whole seconds; within one the names decide.
    oldest = min(same)[1] if same else desired.name
    return None if oldest == desired.name else oldest


def _sharers(
    cache: Cache, desired: Desired, recorded: Recorded, vault: VaultView | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the other objects that the same right serves: those that need it on, and those that let go of it first.

    Of several that are deleted together the one whose name comes last takes the right back.
    """
    if recorded.disk_id is None or vault is None or vault.id is None:
        return (), ()
    disk = recorded.disk_id
    scope = str(disk.resource_group if vault.role_scope == "ResourceGroup" else disk).lower()
    mine = f"{desired.namespace}/{desired.name}"
    need: list[str] = []
    go_first: list[str] = []
    for each in cache.read(DISKS_BY_SCOPE, scope):
        other = Resource(each)
        name = f"{other.namespace}/{other.name}"
        # Where its instance is counts, not where `policyRef` was turned to.
        held = str(other.status.get("backupInstanceID") or f"{vault.id}/").lower()
        if name == mine or not held.startswith(f"{vault.id}/".lower()):
            continue
        leaves = other.deleting and other.spec.get("deletionPolicy") == "Delete"
        (go_first if leaves and name < mine else need).append(name)
    return tuple(sorted(need)), tuple(sorted(go_first))
