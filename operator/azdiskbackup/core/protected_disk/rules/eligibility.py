"""Whether the disk may be protected at all: its policy and vault, its namespace, its source, the disk, its owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from azdiskbackup.core.formatting import listing
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound
from azdiskbackup.core.objects.resource import Invalid, unreadable
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed, is_changed
from azdiskbackup.core.protected_disk.ownership import (
    access_refused,
    in_another_vault,
    is_about_another_disk,
    is_owner,
    may_adopt,
    owned_elsewhere,
)
from azdiskbackup.core.protected_disk.rules.changed_disk import disk_changed, follow, is_to_follow
from azdiskbackup.core.protected_disk.rules.instance import Verdict
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.intervals import INSTANCE_CHANGE_TAKES
from azdiskbackup.core.rules.lookup import NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import allow_with_warning, looked_up, need, parked, satisfied, stalled, wait


def _other_policies(observed: Observed) -> str:
    """Return which policies there are: who may write a ProtectedDisk may not list them, as a rule."""
    if not observed.usable_policies:
        return "No other policy serves this namespace: ask the platform team to create one."
    return f"Policies that serve this namespace: {listing(list(observed.usable_policies), 10)}."


def policy_and_vault_usable(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The policy and its vault must exist; a disk that is already protected does not need them to be ready."""
    policy, vault = observed.policy, observed.vault
    is_protected = observed.recorded.instance_id is not None
    if isinstance(policy, NotFound):
        return wait(
            reasons.POLICY_NOT_FOUND,
            f"DiskBackupPolicy {desired.spec.policy_ref.name!r} does not exist. {_other_policies(observed)} "
            "The operator continues automatically once it exists.",
        )
    if isinstance(policy, Invalid):
        return wait(reasons.POLICY_NOT_READY, unreadable(f"DiskBackupPolicy {desired.spec.policy_ref.name!r}", policy))
    if policy.id is None or not (policy.ready or is_protected):
        return wait(
            reasons.POLICY_NOT_READY,
            f"DiskBackupPolicy {policy.name!r} is not ready ({policy.not_ready_reason}). See "
            f"`kubectl describe diskbackuppolicy {policy.name}`.",
        )
    if isinstance(vault, NotFound):
        return wait(
            reasons.VAULT_NOT_FOUND,
            f"BackupVault {policy.vault!r}, which the policy {policy.name!r} names, does not exist. Create it; the "
            "operator continues automatically once it exists.",
        )
    if isinstance(vault, Invalid):
        return wait(reasons.VAULT_NOT_READY, unreadable(f"BackupVault {policy.vault!r}", vault))
    if vault.id is None or not (vault.ready or is_protected):
        return wait(
            reasons.VAULT_NOT_READY,
            f"BackupVault {vault.name!r} is not ready ({vault.not_ready_reason}). See "
            f"`kubectl describe backupvault {vault.name}`.",
        )
    return satisfied(reasons.VALID, "The spec is valid, and the policy is usable.")


def namespace_allowed(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault says which namespaces may use it. Narrowing it stops no backup: what is protected stays so.

    That the disk was protected before is what the tags of its instance say; a status that says so proves nothing.
    """
    refusal = access_refused(desired, observed, observed.usable_vault)
    if refusal is None:
        return satisfied(reasons.VALID, "The spec is valid, and the namespace may use the vault.")
    if observed.recorded.instance_id is not None:
        if isinstance(observed.disk, NotFetched):
            # Only with the disk the rest of the rules can tell whether what the inventory shows is up to date.
            raise need(Fact.DISK)
        instance = looked_up(observed.instance, Fact.INSTANCE)
        if isinstance(instance, AzureInstance) and is_owner(desired, observed, instance):
            return allow_with_warning(
                reasons.NAMESPACE_NOT_ALLOWED,
                f"{refusal} The disk was protected before and stays protected. To end that, delete this object: "
                f"`deletionPolicy: {desired.spec.deletion_policy}` decides about its restore points.",
                keeps_ready=False,
            )
    return stalled(reasons.NAMESPACE_NOT_ALLOWED, refusal)


def no_older_duplicate(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Of two objects for one source the older wins."""
    if observed.older_duplicate is not None:
        return stalled(
            reasons.DUPLICATE_PROTECTED_DISK,
            f"ProtectedDisk {observed.older_duplicate!r} already protects the same source or waits to, and is older. "
            "Delete one of the two.",
        )
    return satisfied(reasons.VALID, "The spec is valid, and the namespace may use the vault.")


def pvc_resolves_to_disk(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The PVC must be bound, in both directions, to a volume that is a disk of Azure."""
    match observed.claim:
        case NotFound():
            claim = desired.spec.source.persistent_volume_claim
            return wait(
                reasons.CLAIM_NOT_FOUND,
                f"PVC {claim.name if claim else ''!r} does not exist in the namespace {desired.namespace!r}. Create "
                "it; the operator continues automatically once it exists.",
            )
        case NotBound(why):
            return wait(reasons.CLAIM_NOT_BOUND, f"{why} The operator continues automatically once it is bound.")
        case NotAzureDisk(why):
            return stalled(reasons.NOT_AN_AZURE_DISK, why)
        case ClaimedDisk() as claimed if is_changed(claimed, observed.recorded):
            return _changed(desired, observed, claimed, now)
        case ClaimedDisk():
            return satisfied(reasons.RESOLVED, "Disk resolved.")
        case _:
            assert_never(observed.claim)


def _changed(desired: Desired, observed: Observed, claim: ClaimedDisk, now: datetime) -> Verdict:
    if not is_to_follow(desired, claim):
        return disk_changed(desired, claim)
    hindrance = _hindrance(desired, observed, claim, now)
    if hindrance is not None:
        return replace(hindrance, message=f"{hindrance.message} Until then the earlier disk stays protected.")
    return follow(desired, observed, claim, now)


def _hindrance(desired: Desired, observed: Observed, claim: ClaimedDisk, now: datetime) -> Verdict | None:
    """Return what would keep the new disk from being protected: backups of the earlier one do not end for that."""
    policy, vault = observed.usable_policy, observed.usable_vault
    refusal = access_refused(desired, observed, vault)
    if refusal is not None:
        return stalled(reasons.NAMESPACE_NOT_ALLOWED, refusal)
    if not policy.ready or not vault.ready:
        return wait(
            reasons.POLICY_NOT_READY,
            f"The policy {policy.name!r} and its vault have to be ready before the disk {claim.id.name} can be "
            "protected.",
        )
    if observed.new_disk_protected_by is not None:
        return stalled(
            reasons.DUPLICATE_PROTECTED_DISK,
            f"ProtectedDisk {observed.new_disk_protected_by!r} already protects the disk {claim.id.name}, with which "
            "the PVC was recreated. Delete one of the two.",
        )
    eligible = disk_eligible(desired, observed, now)
    return None if eligible.satisfied else eligible


def disk_eligible(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The disk must exist, in the vault's region, in a subscription that has a snapshot group."""
    disk = looked_up(observed.disk, Fact.DISK)
    if isinstance(disk, NotFound):
        return stalled(
            reasons.DISK_NOT_FOUND,
            "The disk does not exist in Azure, or the operator may not read it. Existing restore points are kept.",
        )
    vault = observed.usable_vault
    if disk.location.lower() != vault.location.lower():
        return parked(
            reasons.REGION_MISMATCH,
            f"The disk is in {disk.location} and the vault in {vault.location}. Azure requires both in one region; use "
            "a policy of a vault in the disk's region.",
        )
    group = vault.snapshot_group_for(disk.id.subscription)
    if group is None:
        return stalled(
            reasons.NO_SNAPSHOT_GROUP,
            f"BackupVault {vault.name!r} has no snapshot resource group in the disk's subscription "
            f"{disk.id.subscription}, where Azure keeps a disk's snapshots. Ask the platform team to add one to "
            "`snapshotResourceGroups`.",
        )
    if same_id(group, disk.id.resource_group):
        return parked(
            reasons.DISK_IN_SNAPSHOT_GROUP,
            f"The disk is in the resource group {group.name}, which is the vault's snapshot resource group. Move the "
            "disk, or use a vault with another one.",
        )
    return satisfied(reasons.RESOLVED, f"Disk {disk.id.name} is eligible for backup.")


def instance_not_owned_elsewhere(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A disk stays in its vault, and an instance that another object or another cluster owns is left alone.

    Under another name than ours the disk's instance is found because Azure refuses to validate a second one.
    """
    vault = observed.usable_vault
    if in_another_vault(observed, vault):
        return stalled(
            reasons.VAULT_MISMATCH,
            f"The disk is protected in another vault than {vault.name!r}, and `policyRef` may only name policies of "
            "the same vault. To change the vault, delete this object and create another one.",
        )
    match observed.instance:
        case NotFetched():
            raise need(Fact.INSTANCE)
        case NotFound() if isinstance(observed.validation, NotFetched):
            raise need(Fact.VALIDATION)
        case NotFound() if isinstance(observed.conflicting_instance, NotFetched):
            raise need(Fact.CONFLICTING_INSTANCE)
    if is_about_another_disk(observed):
        if isinstance(observed.claim, ClaimedDisk) and is_owner(desired, observed, observed.existing_instance):
            return _changed(desired, observed, observed.claim, now)
        # Status is written anew without it, and the next pass looks for the instance by the disk.
        return wait(
            reasons.OWNED_ELSEWHERE,
            "The backup instance in status protects another disk. The operator looks for this disk's own.",
            now + INSTANCE_CHANGE_TAKES,
        )
    owner = owned_elsewhere(desired, observed)
    if owner is not None and not may_adopt(desired, observed, vault):
        return stalled(
            reasons.OWNED_ELSEWHERE,
            f"The disk's backup instance is owned by {owner}. Delete it there first; or, to adopt the backups of "
            f"another cluster, name that cluster in `access.adoptFromClusters` of BackupVault {vault.name!r}.",
        )
    return satisfied(reasons.RESOLVED, "Disk resolved: eligible, and not owned by another object or cluster.")
