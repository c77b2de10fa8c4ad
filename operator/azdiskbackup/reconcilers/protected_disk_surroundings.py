"""What the cache tells of a disk, without asking anybody."""

from __future__ import annotations

from azdiskbackup.core.arm_ids import ArmId
from azdiskbackup.core.claims import ClaimedDisk, NotAzureDisk, NotBound, disk_of
from azdiskbackup.core.policy_view import policy_view
from azdiskbackup.core.presence import ABSENT, Absent
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.resource import Resource
from azdiskbackup.core.vault_view import VaultView, vault_view
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.reconcilers.indices import DISKS_BY_SCOPE, DISKS_BY_SOURCE, source_of


class LiveDisks:
    """The ``namespace/name`` of every ProtectedDisk, looked up one at a time."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def __contains__(self, place: object) -> bool:
        """Return whether there is a ProtectedDisk of this namespace and name."""
        namespace, _, name = str(place).partition("/")
        return self._cache.has(Key("ProtectedDisk", namespace, name))


def from_cache(cache: Cache, want: Desired) -> Observed:
    """Return what the cache tells of a disk: its policy, vault, namespace, claim, and the other objects about it."""
    raw_policy = cache.get(Key("DiskBackupPolicy", "", want.spec.policy_ref.name))
    policy = policy_view(Resource(raw_policy)) if raw_policy is not None else None
    raw_vault = cache.get(Key("BackupVault", "", policy.vault)) if policy is not None else None
    vault = vault_view(Resource(raw_vault)) if raw_vault is not None else None
    namespace = cache.get(Key("Namespace", "", want.namespace))
    about = namespace["metadata"] if namespace is not None else {}
    needed_by, leaving_first = _sharers(cache, want, vault) if want.deleting else ((), ())
    return Observed(
        policy=policy or ABSENT,
        vault=vault or ABSENT,
        namespace_labels=about.get("labels") or {},
        namespace_uid=about.get("uid"),
        claim=_claim(cache, want),
        rival=_rival(cache, want),
        needed_by=needed_by,
        leaving_first=leaving_first,
        live_disks=LiveDisks(cache),
    )


def _claim(cache: Cache, want: Desired) -> ClaimedDisk | NotBound | NotAzureDisk | Absent:
    source = want.spec.source
    if source.disk_id is not None:
        try:
            return ClaimedDisk(ArmId.parse(source.disk_id), "")
        except ValueError as error:
            return NotAzureDisk(f"`diskID` is {error}.")
    assert source.persistent_volume_claim is not None
    name = source.persistent_volume_claim.name
    claim = cache.get(Key("PersistentVolumeClaim", want.namespace, name))
    if claim is None:
        return ABSENT
    volume = (claim.get("spec") or {}).get("volumeName")
    return disk_of(claim, cache.get(Key("PersistentVolume", "", volume or "")))


def _rival(cache: Cache, want: Desired) -> str | None:
    """Return the oldest other object of the same namespace for the same source, if it is older."""
    source = want.spec.source.model_dump(by_alias=True, exclude_none=True)
    same = [
        (str(each["metadata"]["creationTimestamp"]), str(each["metadata"]["name"]))
        for each in cache.read(DISKS_BY_SOURCE, source_of(want.namespace, source))
    ]
    # The server's times of creation are whole seconds; within one the names decide.
    oldest = min(same)[1] if same else want.name
    return None if oldest == want.name else oldest


def _sharers(cache: Cache, want: Desired, vault: VaultView | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the other objects that the same right serves: those that need it on, and those that let go of it first.

    Of several that are deleted together the one whose name comes last takes the right back.
    """
    if want.known_disk is None or vault is None or vault.id is None:
        return (), ()
    disk = ArmId.parse(want.known_disk)
    scope = str(disk.resource_group if vault.role_scope == "ResourceGroup" else disk).lower()
    mine = f"{want.namespace}/{want.name}"
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
