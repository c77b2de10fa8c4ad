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


def from_cache(cache: Cache, want: Desired) -> Observed:
    """Return what the cache tells of a disk: its policy, vault, namespace, claim, and the other objects about it."""
    raw_policy = cache.get(Key("DiskBackupPolicy", "", want.spec.policy_ref.name))
    policy = policy_view(Resource(raw_policy)) if raw_policy is not None else None
    raw_vault = cache.get(Key("BackupVault", "", policy.vault)) if policy is not None else None
    vault = vault_view(Resource(raw_vault)) if raw_vault is not None else None
    namespace = cache.get(Key("Namespace", "", want.namespace))
    labels = (namespace["metadata"].get("labels") or {}) if namespace is not None else {}
    return Observed(
        policy=policy or ABSENT,
        vault=vault or ABSENT,
        namespace_labels=labels,
        claim=_claim(cache, want),
        rival=_rival(cache, want),
        needed_by=_needed_by(cache, want, vault) if want.deleting else (),
        live_disks=frozenset(
            f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in cache.all("ProtectedDisk")
        ),
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
        for each in cache.all("ProtectedDisk")
        if each["metadata"]["namespace"] == want.namespace and each["spec"]["source"] == source
    ]
    # The server's times of creation are whole seconds; within one the names decide.
    oldest = min(same)[1] if same else want.name
    return None if oldest == want.name else oldest


def _needed_by(cache: Cache, want: Desired, vault: VaultView | None) -> tuple[str, ...]:
    """Return other objects whose disks the same right covers: the same disk, or one of its group."""
    if want.known_disk is None or vault is None:
        return ()
    disk = ArmId.parse(want.known_disk)
    scope = str(disk.resource_group if vault.role_scope == "ResourceGroup" else disk).lower()
    found = []
    for each in cache.all("ProtectedDisk"):
        other = Resource(each)
        theirs = str((other.status.get("disk") or {}).get("id", "")).lower()
        same = (other.namespace, other.name) == (want.namespace, want.name)
        if f"{theirs}/".startswith(f"{scope}/") and other.status.get("vault") == vault.name and not same:
            found.append(f"{other.namespace}/{other.name}")
    return tuple(sorted(found))
