"""The way of a vault to readiness, one rule a step, in the order of the conditions; ``way_out.py`` is its way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from azdiskbackup.core.backup_vault.desired import OWNER_TAGS, Desired
from azdiskbackup.core.backup_vault.observed import Observed
from azdiskbackup.core.backup_vault.steps import (
    AssignRole,
    CreateGroup,
    CreateVault,
    SetIdentity,
    Step,
    UpdateVault,
)
from azdiskbackup.core.formatting import listing, span
from azdiskbackup.core.identity.roles import DISK_SNAPSHOT_CONTRIBUTOR, Grant
from azdiskbackup.core.objects.azure import AzureVault, VaultSettings
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import allow_with_warning, do, satisfied, stalled, wait

Verdict: TypeAlias = verdicts.Verdict[Step]

POLL = timedelta(seconds=10)
LOOK_AGAIN = timedelta(minutes=5)


def vault_exists(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault is created when it is missing, and found when it is there."""
    match observed.vault:
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error.user_message, error.reason, now)
        case NotFound() if not desired.ours:
            return stalled(
                reasons.VAULT_MISSING,
                f"There is no vault {desired.id.name} in {desired.id.group} of subscription {desired.id.subscription}, and "
                "`managementPolicy: Observe` never creates one. Create it where it is run; this goes on by itself.",
                now + LOOK_AGAIN,
            )
        case NotFound():
            return do(
                CreateVault(desired.id, desired.spec.location, _with_owner(desired), desired.identity),
                _why(desired, reasons.CREATING),
                f"Creating the vault {desired.id.name} in {desired.id.group}"
                f"{', since somebody deleted it' if desired.settled else ''}.",
                now + POLL,
            )
        case AzureVault(provisioning_state=state) if state in ("Provisioning", "Updating"):
            return wait(
                reasons.PROVISIONING,
                f"Azure is working on the vault {desired.id.name} ({state}).",
                now + POLL,
            )
        case AzureVault(provisioning_state="Failed"):
            # Not created anew: a PUT replaces, and would take away what others set on the vault.
            return stalled(
                reasons.PROVISIONING_FAILED,
                f"Azure could not provision the vault {desired.id.name}. Look at it in Azure, repair or delete it; this "
                f"goes on by itself. It is looked at every {span(LOOK_AGAIN)}.",
                now + LOOK_AGAIN,
            )
        case AzureVault():
            return satisfied(reasons.FOUND, "The vault exists.")
        case _:
            assert_never(observed.vault)


def _with_owner(desired: Desired) -> VaultSettings:
    return replace(desired.settings, tags={**desired.settings.tags, **desired.owner})


def _wanted(desired: Desired, vault: AzureVault) -> VaultSettings:
    """A vault that was there before, and shall go with the object one day, says whose it is, unless it is another's."""
    is_free = OWNER_TAGS[0] not in vault.settings.tags
    return _with_owner(desired) if desired.deletes and is_free else desired.settings


def settings_as_wanted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """What can be changed is put right; what cannot is told, and so is everything of a vault that is run elsewhere."""
    vault = _vault(observed)
    fixed = [
        f"`location` ({vault.location})" if vault.location.lower() != desired.spec.location else "",
        f"`redundancy` ({vault.settings.redundancy})" if vault.settings.redundancy != desired.spec.redundancy else "",
    ]
    if any(fixed):
        return stalled(
            reasons.DRIFT_DETECTED,
            f"The vault in Azure has another {listing([f for f in fixed if f])}, which cannot be "
            "changed. Name another vault, or write what Azure has.",
            now + LOOK_AGAIN,
        )
    changed = _changed(desired, vault)
    if changed and not desired.ours:
        return allow_with_warning(
            reasons.DRIFT_DETECTED,
            f"The vault in Azure differs in {listing(changed, 5)}. It is run elsewhere (`managementPolicy: Observe`), "
            "so nothing is changed; write here what Azure has, or change it where it is run.",
            keeps_ready=True,
        )
    if changed:
        wanted = _wanted(desired, vault)
        merged = replace(wanted, tags={**vault.settings.tags, **wanted.tags})
        return do(
            UpdateVault(desired.id, merged),
            _why(desired, reasons.DRIFT_DETECTED),
            f"The vault in Azure differs in {listing(changed, 5)}; putting it right.",
            now + POLL,
        )
    return satisfied(reasons.IN_SYNC, "The vault in Azure is as the spec wants it.")


def _changed(desired: Desired, vault: AzureVault) -> list[str]:
    is_, should = vault.settings, _wanted(desired, vault)
    found = {
        "`softDelete.state`": is_.soft_delete_state != should.soft_delete_state,
        "`softDelete.retentionDays`": is_.soft_delete_days != should.soft_delete_days,
        "`immutability`": is_.immutability != should.immutability,
        # Tags that others put there (Azure Policy does) are theirs.
        "`tags`": any(is_.tags.get(key) != value for key, value in should.tags.items()),
    }
    return [name for name, differs in found.items() if differs]


def identity_known(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Rights are granted to the vault's identity, so its object id must be known."""
    vault = _vault(observed)
    principal = vault.principal_of(desired.identity)
    if principal is not None:
        return satisfied(reasons.IDENTITY_KNOWN, f"The identity that works for the disks is {principal}.")
    missing = desired.identity or "its system-assigned identity"
    if not desired.ours:
        return stalled(
            reasons.IDENTITY_MISSING,
            f"The vault {desired.id.name} does not have {missing}. It is run elsewhere (`managementPolicy: Observe`): "
            "give it that identity there; this goes on by itself.",
            now + LOOK_AGAIN,
        )
    return do(
        SetIdentity(desired.id, desired.identity, own=vault.principal_id is not None),
        reasons.IDENTITY_MISSING,
        f"Giving the vault {desired.id.name} {missing}.",
        now + POLL,
    )


def snapshot_groups_exist(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Snapshots are kept in these groups; a missing one is created where that was asked for."""
    for group in desired.groups:
        match observed.groups.get(group.id):
            case None:
                return not_asked(now)
            case FetchFailed(error):
                return unreadable(error.user_message, error.reason, now)
            case NotFound() if group.create:
                return do(
                    CreateGroup(group.id, desired.spec.location),
                    reasons.CREATING,
                    f"Creating the resource group {group.id.name} for snapshots.",
                )
            case NotFound():
                return stalled(
                    reasons.GROUP_MISSING,
                    f"The resource group {group.id.name} does not exist in subscription "
                    f"{group.id.subscription}. Create it, or set `create: true`; it is looked "
                    f"for every {span(LOOK_AGAIN)}.",
                    now + LOOK_AGAIN,
                )
    return satisfied(reasons.FOUND, "Every snapshot resource group exists.")


def vault_may_write_snapshots(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault's identity needs the right to write snapshots in each group."""
    for grant in needed_grants(desired, observed):
        match observed.grants.get(grant):
            case None:
                return not_asked(now)
            case FetchFailed(error):
                return unreadable(error.user_message, error.reason, now)
            case False if desired.spec.role_assignments == "Preassigned":
                return stalled(reasons.ROLE_MISSING, grant.request, now + LOOK_AGAIN)
            case False:
                return do(AssignRole(grant), _why(desired, reasons.GRANTING), f"Granting {grant}.")
    return satisfied(reasons.GRANTED, f"The vault's identity has {DISK_SNAPSHOT_CONTRIBUTOR.name} on each group.")


def is_valid(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Whatever is wrong with a spec was found when it was read."""
    return satisfied(reasons.VALID, "The spec is valid.")


PROVISIONING_RULES = (
    (reasons.ACCEPTED, is_valid),
    (reasons.SYNCED, vault_exists),
    (reasons.SYNCED, settings_as_wanted),
    (reasons.IDENTITY_READY, identity_known),
    (reasons.SNAPSHOT_GROUPS_READY, snapshot_groups_exist),
    (reasons.SNAPSHOT_GROUPS_READY, vault_may_write_snapshots),
)


def needed_grants(desired: Desired, observed: Observed) -> list[Grant]:
    """Return the rights that the vault's identity needs, one for each snapshot group."""
    found = observed.vault.principal_of(desired.identity) if isinstance(observed.vault, AzureVault) else None
    principal = found or desired.known_principal
    if principal is None:
        return []
    return [
        Grant(str(group.id), group.id.subscription, DISK_SNAPSHOT_CONTRIBUTOR, principal) for group in desired.groups
    ]


def _why(desired: Desired, reason: str) -> str:
    """Return the reason of a step: what was as wanted before is put back, which somebody should know."""
    return reasons.DRIFT_CORRECTED if desired.settled else reason


def _vault(observed: Observed) -> AzureVault:
    assert isinstance(observed.vault, AzureVault), "the rule before guarantees it"
    return observed.vault


def not_asked(now: datetime) -> Verdict:
    """Say that Azure was not asked in this pass."""
    return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)


def unreadable(user_message: str, reason: str, now: datetime) -> Verdict:
    """Say what Azure answered instead."""
    # Without the time, which would be a write of status at each look.
    return wait(reason, f"{user_message} It is tried again every {span(LOOK_AGAIN)}.", now + LOOK_AGAIN)
