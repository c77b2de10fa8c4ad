"""Whose a backup instance is: only what Azure itself has on it counts.

Whoever may write a ProtectedDisk writes its finalizers too, and some may write its status, so neither proves that the
object ever protected anything. The tags of the instance do: they are written by whoever has rights in Azure.
"""

from __future__ import annotations

from collections.abc import Mapping

from azdiskbackup.core.identity.arm_ids import is_within, same_id
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.resource import selects
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import NAMESPACE_UID_TAG, OWNER_TAGS, Desired
from azdiskbackup.core.protected_disk.observed import Observed


def owner_tags(desired: Desired, observed: Observed) -> Mapping[str, str]:
    """Return the tags that tell, from Azure alone, what the disk is in Kubernetes."""
    uid = observed.namespace_uid
    return {**desired.owner, NAMESPACE_UID_TAG: uid} if uid is not None else desired.owner


def is_owner(desired: Desired, observed: Observed, instance: AzureInstance) -> bool:
    """Return whether an instance names this object as its owner."""
    return names(instance, tuple(desired.owner[key] for key in OWNER_TAGS), observed.namespace_uid)


def names(instance: AzureInstance, owner: tuple[str, ...], namespace_uid: str | None) -> bool:
    """Return whether an instance names an object as its owner.

    A namespace that was deleted and made again is somebody else's: where the uid of the namespace was written, it has
    to be the same.

    Args:
        instance: as Azure shows it.
        owner: cluster, namespace and name of a ProtectedDisk, in the order of ``OWNER_TAGS``.
        namespace_uid: uid of the namespace; None when it is not known.
    """
    named = tuple(instance.tags.get(key) for key in OWNER_TAGS) == owner
    written = instance.tags.get(NAMESPACE_UID_TAG)
    return named and (written is None or namespace_uid is None or written == namespace_uid)


def owned_elsewhere(desired: Desired, observed: Observed) -> str | None:
    """Return who else owns the instance; one without an owner, or of an object that is gone, may be adopted."""
    if not isinstance(observed.instance, AzureInstance):
        return None
    tags = observed.instance.tags
    cluster, namespace, name = (tags.get(key, "") for key in OWNER_TAGS)
    if not cluster:
        return None
    if cluster != desired.owner[OWNER_TAGS[0]]:
        return f"the cluster {cluster} (ProtectedDisk {namespace}/{name})"
    if (namespace, name) != (desired.namespace, desired.name) and f"{namespace}/{name}" in observed.live_disks:
        return f"the ProtectedDisk {namespace}/{name}"
    return None


def may_adopt(desired: Desired, observed: Observed, vault: VaultView) -> bool:
    """Return whether another cluster owns the instance, one from which the vault's owner lets us take it.

    From an object of this cluster nothing is ever taken, not where the vault names this cluster either.
    """
    assert isinstance(observed.instance, AzureInstance), "somebody owns it"
    cluster = observed.instance.tags[OWNER_TAGS[0]]
    return cluster != desired.owner[OWNER_TAGS[0]] and cluster in vault.access.adopt_from_clusters


def is_about_another_disk(observed: Observed) -> bool:
    """Return whether the instance protects another disk than the one that the source stands for now.

    The object's own protects the disk of before; any other was found by a status that is wrong.
    """
    instance, disk = observed.instance, observed.disk
    if not isinstance(instance, AzureInstance) or not isinstance(disk, AzureDisk):
        return False
    return not same_id(instance.disk_id, disk.id)


def may_be_shown(desired: Desired, observed: Observed) -> bool:
    """Return whether what Azure tells of the instance may be told to whoever reads the object.

    An instance that is its own may, and one that it is about to adopt; nothing of anybody else's.
    """
    instance = observed.instance
    if not isinstance(instance, AzureInstance):
        return False
    if is_owner(desired, observed, instance):
        return True
    if desired.deleting or is_about_another_disk(observed) or not has_right_to_disk(desired, observed):
        return False
    assert isinstance(observed.vault, VaultView), "who has a right to the disk has a vault"
    return owned_elsewhere(desired, observed) is None or may_adopt(desired, observed, observed.vault)


def disk_may_be_shown(desired: Desired, observed: Observed) -> bool:
    """Return whether what Azure tells of the disk may be told to whoever reads the object.

    The disk that its PVC stands for by now does not take the place of the one that its instance protects.
    """
    if has_right_to_disk(desired, observed):
        return True
    return may_be_shown(desired, observed) and not is_about_another_disk(observed)


def in_another_vault(observed: Observed, vault: VaultView) -> bool:
    """Return whether the recorded instance is in another vault than a given one."""
    recorded = observed.recorded.instance_id
    return recorded is not None and vault.id is not None and not is_within(recorded, vault.id)


def access_refused(desired: Desired, observed: Observed, vault: VaultView) -> str | None:
    """Return why the vault does not let the namespace begin to protect the disk; None when it does."""
    if desired.spec.source.disk_id is not None and not selects(
        vault.access.disk_id_namespaces, observed.namespace_labels
    ):
        return (
            f"BackupVault {vault.name!r} does not allow the namespace {desired.namespace!r} to name disks by ARM id. "
            "Name a PVC, or ask the platform team to label the namespace as `access.diskIDNamespaces` requires."
        )
    if not selects(vault.access.namespaces, observed.namespace_labels):
        return (
            f"BackupVault {vault.name!r} does not allow the namespace {desired.namespace!r}. Ask the platform team to "
            "label the namespace as `access.namespaces` requires."
        )
    return None


def has_right_to_disk(desired: Desired, observed: Observed) -> bool:
    """Return whether the object could protect the disk if it came today: its source stands for it, and it may."""
    vault, claim = observed.vault, observed.claim
    if not isinstance(vault, VaultView) or not isinstance(claim, ClaimedDisk):
        return False
    return access_refused(desired, observed, vault) is None and same_id(claim.id, observed.recorded.disk_id or claim.id)
