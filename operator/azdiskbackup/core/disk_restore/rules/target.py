"""Where the disk goes, whether the vault's identity may make it there, and the PVC that waits for it."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.disk_restore.desired import Desired
from azdiskbackup.core.disk_restore.manifests import claim_manifest, missing_fields
from azdiskbackup.core.disk_restore.observed import Fact, Observed
from azdiskbackup.core.disk_restore.rules.source import Verdict, is_requested
from azdiskbackup.core.disk_restore.steps import AssignRole, CreateClaim
from azdiskbackup.core.formatting import listing
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId, same_id
from azdiskbackup.core.identity.roles import DISK_RESTORE_OPERATOR, Grant
from azdiskbackup.core.objects.azure import AzureInstance, RestoreRequest
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import (
    act,
    allow_with_warning,
    fetched,
    looked_up,
    parked,
    satisfied,
    stalled,
    wait,
)


def restore_group(observed: Observed) -> ResourceGroupId | None:
    """Return the group that takes the disk: that of the subscription in which the disk was backed up."""
    instance, vault = observed.instance, observed.usable_vault
    if not isinstance(instance, AzureInstance):
        return None
    try:
        subscription = ArmId.parse(instance.disk_id).subscription
    except ValueError:
        return None
    group = vault.restore_group_for(subscription)
    forbidden = any(same_id(group, each) for each in vault.snapshot_groups)
    return None if forbidden else group


def restore_grant(observed: Observed) -> Grant | None:
    """Return the role that the identity of the instance needs on the group; None while the identity is not known."""
    group, instance = restore_group(observed), observed.instance
    if group is None or not isinstance(instance, AzureInstance):
        return None
    principal = observed.usable_vault.principal_of(instance.identity)
    return Grant(str(group), group.subscription, DISK_RESTORE_OPERATOR, principal) if principal else None


def restore_request(desired: Desired, observed: Observed) -> RestoreRequest:
    """Return the request; the rules before guarantee all that is in it."""
    group, instance = restore_group(observed), observed.instance
    assert group is not None and isinstance(instance, AzureInstance) and observed.recorded.point is not None
    return RestoreRequest(
        instance=instance.id,
        point=observed.recorded.point,
        disk=ArmId(group.subscription, group.name, "Microsoft.Compute", ("disks", desired.disk_name)),
        location=observed.usable_vault.location,
        identity=instance.identity,
    )


def group_configured(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The platform team names the groups that take restored disks; a namespace never does."""
    if is_requested(observed) or restore_group(observed) is not None:
        return satisfied(reasons.RESOLVED, "The vault has a resource group for restored disks.")
    return stalled(
        reasons.TARGET_GROUP_NOT_CONFIGURED,
        f"BackupVault {observed.usable_vault.name!r} names no resource group for restored disks of the disk's "
        "subscription. Ask the platform team to add one to `restoreResourceGroups`.",
    )


def claim_created(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The PVC is made before Azure is asked: quotas and admission policies refuse it before a disk costs money."""
    claim = desired.claim
    if claim is None:
        return satisfied(reasons.NOT_NEEDED, "The disk alone is restored.")
    if not isinstance(observed.claim, NotFound) and observed.claim.is_ours:
        return satisfied(reasons.BIND_PENDING, f"The PVC {claim.name!r} waits for its volume.")
    if is_requested(observed):
        # The rule on the volume says so, once the disk is there.
        return allow_with_warning(reasons.CLAIM_DELETED, f"The PVC {claim.name!r} was deleted.", keeps_ready=True)
    if observed.recorded.claim:
        return parked(
            reasons.CLAIM_DELETED,
            f"The PVC {claim.name!r} was deleted before the restore was requested, so nothing is restored. Create "
            "another DiskRestore to restore.",
        )
    if not isinstance(observed.claim, NotFound):
        return stalled(
            reasons.CLAIM_EXISTS,
            f"A PVC {claim.name!r} exists in the namespace, and nothing that exists is touched. Create another "
            "DiskRestore with another name, or delete that PVC; the operator then continues automatically.",
        )
    source = fetched(observed.source_volume, Fact.SOURCE_VOLUME)
    missing = missing_fields(desired, source)
    if missing:
        names = listing([f"`target.persistentVolumeClaim.{each}`" for each in missing])
        return parked(
            reasons.TARGET_UNDERSPECIFIED,
            f"The source's PVC or its volume no longer exists, and a backup does not contain {names}. Create another "
            "DiskRestore that sets them.",
        )
    size = observed.recorded.size_gib
    if size is None:
        return stalled(
            reasons.TARGET_UNDERSPECIFIED,
            "Azure does not report the size of the disk that was backed up, which the PVC needs. Create another "
            "DiskRestore without a PVC: it restores the disk only.",
        )
    return act(
        CreateClaim(claim_manifest(desired, source, size)),
        reasons.CREATING,
        f"Creating the PVC {claim.name!r}, which waits for its volume.",
    )


def disk_role_assigned(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault's identity needs a role to make a disk in the group, and only while somebody restores."""
    if is_requested(observed):
        return satisfied(reasons.GRANTED, "The restore was requested.")
    looked_up(observed.instance, Fact.INSTANCE)
    vault, grant = observed.usable_vault, restore_grant(observed)
    if grant is None:
        return wait(
            reasons.IDENTITY_MISSING,
            f"The identity that backs up the disk is not one of BackupVault {vault.name!r} any more. Assign it to the "
            "vault again; the operator continues automatically.",
        )
    if not vault.assigns_roles:
        return satisfied(
            reasons.NOT_NEEDED,
            "The operator assigns no role (`roleAssignments: Preassigned`). Azure's validation decides whether the "
            "roles of the vault's identity suffice.",
        )
    if observed.is_role_known:
        return satisfied(reasons.GRANTED, f"The vault's identity has the role {grant.role.name} on {grant.scope}.")
    return act(AssignRole(grant), reasons.GRANTING, f"Assigning {grant}.")
