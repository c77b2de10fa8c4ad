"""What must hold for a vault, one rule a step, in the order of the conditions; ``deletion.py`` has those of its end."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, assert_never

from azdiskbackup.core.backup_vault.desired import Desired
from azdiskbackup.core.backup_vault.observed import Fact, Observed
from azdiskbackup.core.backup_vault.properties import Difference, corrected, differences, with_owner
from azdiskbackup.core.backup_vault.steps import (
    AssignRole,
    CreateGroup,
    CreateVault,
    RevokeRole,
    SetIdentity,
    Step,
    UpdateVault,
)
from azdiskbackup.core.formatting import listing
from azdiskbackup.core.identity.roles import DISK_RESTORE_OPERATOR, DISK_SNAPSHOT_CONTRIBUTOR, Grant
from azdiskbackup.core.objects.azure import AzureGroup, AzureVault
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.backoff import RECHECKED
from azdiskbackup.core.rules.intervals import VAULT_CHANGE_TAKES
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NotFound
from azdiskbackup.core.rules.verdicts import (
    act,
    allow_with_warning,
    correct,
    fetched,
    housekeeping,
    looked_up,
    satisfied,
    stalled,
    wait,
)

Verdict: TypeAlias = verdicts.Verdict[Step]


def spec_valid(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Whatever is wrong with a spec was found when it was read."""
    return satisfied(reasons.VALID, "The spec is valid.")


def vault_exists(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault is created when it is missing, and used when it exists."""
    vault = looked_up(observed.vault, Fact.VAULT)
    match vault:
        case NotFound() if not desired.is_managed:
            return stalled(
                reasons.VAULT_MISSING,
                f"Vault {desired.id.name} does not exist in {desired.id.group} of subscription "
                f"{desired.id.subscription}, and `managementPolicy: Observe` never creates one. Create it where it is "
                "managed; the operator continues automatically once it exists.",
            )
        case NotFound():
            return act(
                CreateVault(desired.id, desired.spec.location, with_owner(desired), desired.identity),
                _unless_drift(observed, reasons.CREATING),
                f"Creating the vault {desired.id.name} in {desired.id.group}"
                f"{', which was deleted in Azure' if observed.recorded.is_settled else ''}.",
                now + VAULT_CHANGE_TAKES,
            )
        case AzureVault(provisioning_state="Provisioning"):
            message = f"Azure is provisioning the vault {desired.id.name}."
            return wait(reasons.PROVISIONING, message, now + VAULT_CHANGE_TAKES)
        case AzureVault(provisioning_state="Failed"):
            # Not created anew: a PUT replaces, and would take away what others set on the vault.
            return stalled(
                reasons.PROVISIONING_FAILED,
                f"Azure failed to provision the vault {desired.id.name}. Repair or delete it in Azure; the operator "
                f"checks again {RECHECKED}.",
            )
        case AzureVault():
            return satisfied(reasons.EXISTS, "The vault exists.")
        case _:
            assert_never(vault)


def location_matches(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Without what protection needs, and cannot be changed, the vault is not Ready: its region."""
    needed = [each for each in differences(desired, _vault(observed)) if each.is_needed]
    if needed:
        names = listing([f"`{each.about.name}` ({each.actual})" for each in needed])
        return stalled(
            reasons.DRIFT_DETECTED,
            f"The vault in Azure has another {names}, which cannot be changed. Name another vault, or set what Azure "
            "has.",
        )
    return satisfied(reasons.EXISTS, "The vault exists.")


def settings_in_sync(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """No disk stays unprotected for a setting: what can be put back is, what cannot is reported."""
    vault = _vault(observed)
    if vault.provisioning_state == "Updating":
        message = f"Azure is updating the vault {desired.id.name}."
        return correct(reasons.PROVISIONING, message, requeue_at=now + VAULT_CHANGE_TAKES)
    found = differences(desired, vault)
    if not found:
        return satisfied(reasons.IN_SYNC, "The vault in Azure matches the spec.")
    if not desired.is_managed:
        return allow_with_warning(
            reasons.DRIFT_DETECTED,
            f"The vault in Azure differs in {_names(found)}. It is managed elsewhere (`managementPolicy: "
            "Observe`), so the operator changes nothing. Set here what Azure has, or change it where it is managed.",
            keeps_ready=True,
        )
    stays = " ".join(each.why_it_stays for each in found if each.is_final)
    changed = [each for each in found if not each.is_final]
    if not changed:
        return allow_with_warning(reasons.DRIFT_DETECTED, stays, keeps_ready=True)
    return correct(
        _unless_drift(observed, reasons.DRIFT_DETECTED),
        f"The vault in Azure differs in {_names(changed)}. The operator corrects it. {stays}".rstrip(),
        UpdateVault(desired.id, corrected(vault, changed)),
    )


def _names(found: list[Difference]) -> str:
    return listing([f"`{each.about.name}`" for each in found], 5)


def identity_known(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Roles are assigned to the vault's identity, so its object id must be known."""
    vault = _vault(observed)
    principal = vault.principal_of(desired.identity)
    if principal is not None:
        return satisfied(reasons.IDENTITY_KNOWN, f"The identity that backs up the disks is {principal}.")
    missing = desired.identity or "its system-assigned identity"
    if not desired.is_managed:
        return stalled(
            reasons.IDENTITY_MISSING,
            f"Vault {desired.id.name} lacks {missing}. It is managed elsewhere (`managementPolicy: Observe`): assign "
            "that identity there; the operator continues automatically.",
        )
    assigned = tuple(sorted({*vault.assigned, *([desired.identity.lower()] if desired.identity else [])}))
    return act(
        SetIdentity(desired.id, assigned, own=vault.principal_id is not None or desired.identity is None),
        reasons.IDENTITY_MISSING,
        f"Assigning {missing} to the vault {desired.id.name}.",
        now + VAULT_CHANGE_TAKES,
    )


def snapshot_groups_exist(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Snapshots are kept in these groups; a missing one is created where that was asked for."""
    for group in desired.groups:
        found = looked_up(observed.groups.get(group.id, NOT_FETCHED), Fact.RESOURCE_GROUP, group.id)
        if isinstance(found, AzureGroup):
            continue
        if group.create:
            return act(
                CreateGroup(group.id, desired.spec.location, group.tags),
                reasons.CREATING,
                f"Creating the resource group {group.id.name} for snapshots.",
            )
        return stalled(
            reasons.GROUP_MISSING,
            f"Resource group {group.id.name} does not exist in subscription {group.id.subscription}. Create "
            f"it, or set `create: true`; the operator checks again {RECHECKED}.",
        )
    return satisfied(reasons.EXISTS, "Every snapshot resource group exists.")


def snapshot_role_granted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault's identity needs a role to write snapshots in each group."""
    for grant in snapshot_grants(desired, observed):
        if fetched(observed.grants.get(grant, NOT_FETCHED), Fact.ROLE_GRANT, grant):
            continue
        if desired.spec.role_assignments == "Preassigned":
            # Our reading is a hint: Azure's validation of each disk decides whether the role is there.
            return allow_with_warning(reasons.ROLE_MISSING, grant.request, keeps_ready=True)
        return act(AssignRole(grant), _unless_drift(observed, reasons.GRANTING), f"Assigning {grant}.")
    message = f"The vault's identity has the role {DISK_SNAPSHOT_CONTRIBUTOR.name} on each snapshot resource group."
    return satisfied(reasons.GRANTED, message)


PROVISIONING_RULES = (
    (reasons.ACCEPTED, spec_valid),
    (reasons.SYNCED, vault_exists),
    (reasons.SYNCED, location_matches),
    (reasons.SYNCED, settings_in_sync),
    (reasons.IDENTITY_READY, identity_known),
    (reasons.SNAPSHOT_GROUPS_READY, snapshot_groups_exist),
    (reasons.SNAPSHOT_GROUPS_READY, snapshot_role_granted),
)


def restore_groups_exist(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Restored disks go there; a group that is missing keeps nobody from being protected."""
    for group in desired.restore_groups:
        found = looked_up(observed.groups.get(group.id, NOT_FETCHED), Fact.RESOURCE_GROUP, group.id)
        if isinstance(found, AzureGroup) and found.location.replace(" ", "").lower() == desired.spec.location:
            continue
        if isinstance(found, AzureGroup):
            return allow_with_warning(
                reasons.REGION_MISMATCH,
                f"Resource group {group.id.name} is in {found.location}, and disks are restored in "
                f"{desired.spec.location} alone. Name a group of that region in `restoreResourceGroups`.",
                keeps_ready=True,
            )
        if group.create:
            message = f"Creating the resource group {group.id.name} for restored disks."
            return correct(reasons.CREATING, message, CreateGroup(group.id, desired.spec.location, group.tags))
        return allow_with_warning(
            reasons.GROUP_MISSING,
            f"Resource group {group.id.name} does not exist in subscription {group.id.subscription}, so nothing can be "
            "restored there. Create it, or set `create: true`.",
            keeps_ready=True,
        )
    return satisfied(reasons.EXISTS, "Every resource group for restored disks exists.")


def restore_role_withdrawn(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault's identity may make disks only while somebody restores: Azure's documents advise to revoke that role.

    Each DiskRestore assigns it; here it goes, also when a restore was deleted, or the operator died before its end.
    Only what was assigned from here: another cluster may restore from the same vault.
    """
    message = "Every resource group for restored disks exists."
    is_kept = observed.is_role_needed or not observed.recorded.restore_role
    if is_kept or desired.spec.role_assignments == "Preassigned":
        return satisfied(reasons.EXISTS, message)
    for grant in restore_grants(desired, observed):
        if fetched(observed.restore_roles.get(grant, NOT_FETCHED), Fact.RESTORE_ROLE, grant):
            return housekeeping(reasons.EXISTS, message, RevokeRole(grant))
    return satisfied(reasons.EXISTS, message)


# For a vault with resource groups for restored disks.
RESTORE_RULES = (
    (reasons.RESTORE_GROUPS_READY, restore_groups_exist),
    (reasons.RESTORE_GROUPS_READY, restore_role_withdrawn),
)


def restore_grants(desired: Desired, observed: Observed) -> list[Grant]:
    """Return the role assignments that restores may have left."""
    known = _vault(observed)
    return _restore_grants(desired, [*([known.principal_id] if known.principal_id else []), *known.assigned.values()])


def _restore_grants(desired: Desired, principals: list[str]) -> list[Grant]:
    return [
        Grant(str(group.id), group.id.subscription, DISK_RESTORE_OPERATOR, principal)
        for principal in principals
        for group in desired.restore_groups
    ]


def snapshot_grants(desired: Desired, observed: Observed) -> list[Grant]:
    """Return the role assignments that the vault's identity needs, one for each snapshot resource group."""
    found = observed.vault.principal_of(desired.identity) if isinstance(observed.vault, AzureVault) else None
    principal = found or observed.recorded.principal
    return _grants(desired, [principal] if principal is not None else [])


def revocable_grants(desired: Desired, observed: Observed) -> list[Grant]:
    """Return the role assignments that may be left of all identities that the vault had, by the names that are ours."""
    known = (observed.recorded.principal, *observed.recorded.principals)
    principals = list(dict.fromkeys(each for each in known if each is not None))
    left = _restore_grants(desired, principals) if observed.recorded.restore_role else []
    return [*_grants(desired, principals), *left]


def _grants(desired: Desired, principals: list[str]) -> list[Grant]:
    return [
        Grant(str(group.id), group.id.subscription, DISK_SNAPSHOT_CONTRIBUTOR, principal)
        for principal in principals
        for group in desired.groups
    ]


def _unless_drift(observed: Observed, reason: str) -> str:
    """Return the reason of a step: what was as desired before is put back, which somebody should know."""
    return reasons.DRIFT_CORRECTED if observed.recorded.is_settled else reason


def _vault(observed: Observed) -> AzureVault:
    assert isinstance(observed.vault, AzureVault), "the rule before guarantees it"
    return observed.vault
