"""The way of a disk to protection, one rule a step, in the order in which they must hold.

Each rule takes what is wanted, what is seen and the time, and says that it is satisfied, or the one thing to do or to
wait for. Rights and validation are in ``permission_rules.py``, the backup instance is in ``instance_rules.py``, the way
out in ``way_out.py``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import access_refused, is_owner
from azdiskbackup.core.protected_disk.rules.common import (
    Verdict,
    not_asked,
    unreadable,
    usable_vault,
)
from azdiskbackup.core.protected_disk.rules.instance import (
    azure_says_protected,
    instance_as_wanted,
    instance_is_ours,
    mode_as_wanted,
    owner_is_written,
)
from azdiskbackup.core.protected_disk.rules.permissions import (
    azure_agrees,
    vault_may_read_disk,
)
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import allow_with_warning, satisfied, stalled, wait

LOOK_AGAIN = timedelta(minutes=5)


def policy_and_vault_usable(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The policy and its vault must be there; a disk that is already protected does not need them to be ready."""
    match observed.policy:
        case NotFound():
            return wait(
                reasons.POLICY_NOT_FOUND,
                f"There is no DiskBackupPolicy {desired.spec.policy_ref.name!r}. Name one that exists "
                "(`kubectl get diskbackuppolicies`); this goes on by itself when it appears.",
                now + LOOK_AGAIN,
            )
        case PolicyView() as policy if policy.id is None or not (policy.ready or desired.known_instance):
            return wait(
                reasons.POLICY_NOT_READY,
                f"The DiskBackupPolicy {policy.name!r} is not ready ({policy.not_ready_reason}); see "
                f"`kubectl describe diskbackuppolicy {policy.name}`.",
                now + LOOK_AGAIN,
            )
        case PolicyView() as policy:
            return _vault_usable(desired, policy, observed.vault, now)
        case _:
            assert_never(observed.policy)


def _vault_usable(desired: Desired, policy: PolicyView, vault: VaultView | NotFound, now: datetime) -> Verdict:
    match vault:
        case NotFound():
            return wait(
                reasons.VAULT_NOT_FOUND,
                f"There is no BackupVault {policy.vault!r}, which the policy {policy.name!r} "
                "names; this goes on by itself when it appears.",
                now + LOOK_AGAIN,
            )
        case VaultView() if vault.id is None or not (vault.ready or desired.known_instance):
            return wait(
                reasons.VAULT_NOT_READY,
                f"The BackupVault {vault.name!r} is not ready ({vault.not_ready_reason}); see "
                f"`kubectl describe backupvault {vault.name}`.",
                now + LOOK_AGAIN,
            )
        case VaultView():
            return satisfied(reasons.VALID, "The spec is valid, and the policy can be used.")
        case _:
            assert_never(vault)


def namespace_has_access(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault says which namespaces may use it. Narrowing it stops no backup: what is protected stays so.

    That the disk was protected before is what the tags of its instance say; a status that says so proves nothing.
    """
    refusal = access_refused(desired, observed, usable_vault(observed))
    if refusal is None:
        return satisfied(reasons.VALID, "The spec is valid, and the namespace may use the vault.")
    if desired.known_instance is not None:
        match observed.instance:
            case NotFetched():
                return not_asked(now)
            case FetchFailed(error):
                return unreadable(error, now)
            case AzureInstance() as instance if is_owner(desired, observed, instance):
                return allow_with_warning(
                    reasons.NAMESPACE_NOT_ALLOWED,
                    f"{refusal} The disk was protected before and stays so; to end that, delete this object: its "
                    f"`deletionPolicy: {desired.spec.deletion_policy}` decides about its restore points.",
                    keeps_ready=False,
                )
    return stalled(reasons.NAMESPACE_NOT_ALLOWED, refusal, now + LOOK_AGAIN)


def no_other_object_protects_it(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Of two objects for one source the older wins."""
    if observed.older_duplicate is not None:
        return stalled(
            reasons.PROTECTED_TWICE,
            f"The ProtectedDisk {observed.older_duplicate!r} already protects the same source and is older. Delete one of the two.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.VALID, "The spec is valid, and the namespace may use the vault.")


def claim_names_a_disk(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The PVC must be bound, in both directions, to a volume that is a disk of Azure."""
    match observed.claim:
        case NotFound():
            claim = desired.spec.source.persistent_volume_claim
            return wait(
                reasons.CLAIM_NOT_FOUND,
                f"There is no PVC {claim.name if claim else ''!r} in the namespace "
                f"{desired.namespace!r}; this goes on by itself when it appears.",
                now + LOOK_AGAIN,
            )
        case NotBound(why):
            return wait(
                reasons.CLAIM_NOT_BOUND,
                f"{why} This goes on by itself when it is bound.",
                now + LOOK_AGAIN,
            )
        case NotAzureDisk(why):
            return stalled(reasons.NOT_AN_AZURE_DISK, why, now + LOOK_AGAIN)
        case ClaimedDisk(id=found) if desired.known_disk and not same_id(found, desired.known_disk):
            return stalled(
                reasons.DISK_CHANGED,
                f"The source now stands for another disk ({found.name}) than the one that this "
                "object protects. Its restore points are kept. Delete this object and create "
                "another one to protect the new disk.",
                now + LOOK_AGAIN,
            )
        case ClaimedDisk():
            return satisfied(reasons.RESOLVED, "The disk is known.")
        case _:
            assert_never(observed.claim)


def disk_can_be_protected(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The disk must exist, in the vault's region, in a subscription that has a snapshot group."""
    match observed.disk:
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error, now)
        case NotFound():
            return stalled(
                reasons.DISK_NOT_FOUND,
                "The disk does not exist in Azure, or the operator may not see it. Restore points that exist are kept.",
                now + LOOK_AGAIN,
            )
        case AzureDisk() as disk:
            return _fits(disk, usable_vault(observed), now)
        case _:
            assert_never(observed.disk)


def _fits(disk: AzureDisk, vault: VaultView, now: datetime) -> Verdict:
    if disk.location.lower() != vault.location.lower():
        return stalled(
            reasons.REGION_DIFFERS,
            f"The disk is in {disk.location} and the vault in {vault.location}; Azure wants both "
            "in one region. Use a policy of a vault in the disk's region.",
        )
    group = vault.snapshot_group_for(disk.id.subscription)
    if group is None:
        return stalled(
            reasons.NO_SNAPSHOT_GROUP,
            f"The BackupVault {vault.name!r} has no snapshot resource group in the disk's "
            f"subscription {disk.id.subscription}, where Azure keeps a disk's snapshots. Ask the "
            "platform team to add one to `snapshotResourceGroups`.",
            now + LOOK_AGAIN,
        )
    if same_id(group, disk.id.resource_group):
        return stalled(
            reasons.DISK_IN_SNAPSHOT_GROUP,
            f"The disk is in the resource group {group.name}, which is the vault's snapshot "
            "group. Snapshots must be kept in another group than the disks.",
        )
    return satisfied(reasons.RESOLVED, f"The disk {disk.id.name} can be protected.")


PROVISIONING_RULES = (
    (reasons.ACCEPTED, policy_and_vault_usable),
    (reasons.ACCEPTED, namespace_has_access),
    (reasons.ACCEPTED, no_other_object_protects_it),
    (reasons.DISK_RESOLVED, claim_names_a_disk),
    (reasons.DISK_RESOLVED, disk_can_be_protected),
    (reasons.DISK_RESOLVED, instance_is_ours),
    (reasons.ROLES_GRANTED, vault_may_read_disk),
    (reasons.VALIDATED, azure_agrees),
    (reasons.PROTECTED, instance_as_wanted),
    (reasons.PROTECTED, azure_says_protected),
    (reasons.PROTECTED, owner_is_written),
    (reasons.PROTECTED, mode_as_wanted),
)
