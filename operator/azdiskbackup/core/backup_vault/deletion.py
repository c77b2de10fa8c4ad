"""The way out of a vault that somebody deletes: what `deletionPolicy` says, and nothing more."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from azdiskbackup.core.backup_vault.desired import Desired
from azdiskbackup.core.backup_vault.observed import Observed
from azdiskbackup.core.backup_vault.rules import LOOK_AGAIN, POLL, Verdict, needed_grants, not_asked, unreadable
from azdiskbackup.core.backup_vault.steps import DeleteVault, RevokeRole
from azdiskbackup.core.formatting import clock_time, listing
from azdiskbackup.core.objects.azure import AzureVault
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import allow_with_warning, do, satisfied, wait


def nobody_uses_it(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A vault is not let go while policies refer to it."""
    if observed.policies:
        return wait(
            reasons.IN_USE,
            f"The vault is used by the DiskBackupPolicies {listing(list(observed.policies))}; it goes when they are gone.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.DELETING, "No DiskBackupPolicy refers to the vault.")


def vault_is_gone(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Only an empty vault is ever deleted, only when asked for, and only by the object that its tags name."""
    if not desired.deletes:
        return satisfied(reasons.DELETING, "The vault stays in Azure.")
    match observed.vault:
        case NotFound():
            return satisfied(reasons.DELETING, "The vault is gone.")
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error.user_message, error.reason, now)
        case AzureVault() as vault if not _is_owner(desired, vault):
            return allow_with_warning(
                reasons.LEFT_IN_AZURE,
                f"The vault {desired.id.name} stays in Azure: its tags {listing(list(desired.owner))} do not name this "
                "object.",
                keeps_ready=True,
            )
        case AzureVault():
            return _delete_if_empty(desired, observed, now)
        case _:
            assert_never(observed.vault)


def _delete_if_empty(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    match observed.instances:
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error.user_message, error.reason, now)
        case 0:
            return _delete_if_nothing_is_kept(desired, observed, now)
        case count:
            return wait(
                reasons.IN_USE,
                f"The vault still holds {count} backup instances, so it is not deleted. Delete "
                "them in Azure, or set `deletionPolicy: Retain` to let the vault stay.",
                now + LOOK_AGAIN,
            )


def _delete_if_nothing_is_kept(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    match observed.deleted:
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error.user_message, error.reason, now)
        case ():
            return do(DeleteVault(desired.id), reasons.DELETING, f"Deleting the vault {desired.id.name}.", now + POLL)
        case kept:
            until = max(each.soft_deleted_until or now for each in kept)
            return wait(
                reasons.KEPT_BY_SOFT_DELETE,
                f"The vault keeps {len(kept)} soft-deleted backup instances until {clock_time(until)}, so it is not "
                "deleted before. Set `deletionPolicy: Retain` to let the vault stay.",
                max(min(until, now + LOOK_AGAIN * 12), now + LOOK_AGAIN),
            )


def _is_owner(desired: Desired, vault: AzureVault) -> bool:
    """A finalizer proves nothing, since whoever creates an object may write any; the tags in Azure do."""
    return all(vault.settings.tags.get(key) == value for key, value in desired.owner.items())


def grants_are_revoked(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Rights are taken back after the vault is gone, never before: it could not delete its snapshots."""
    if not desired.deletes or desired.spec.role_assignments == "Preassigned" or isinstance(observed.vault, AzureVault):
        return satisfied(reasons.DELETING, "The vault keeps its rights.")
    for grant in needed_grants(desired, observed):
        match observed.grants.get(grant):
            case None:
                return not_asked(now)
            case FetchFailed(error):
                return unreadable(error.user_message, error.reason, now)
            case True:
                return do(RevokeRole(grant), reasons.DELETING, f"Revoking {grant}.")
    return satisfied(reasons.DELETING, "Nothing is left to take back.")


DELETION_RULES = (
    (reasons.SYNCED, nobody_uses_it),
    (reasons.SYNCED, vault_is_gone),
    (reasons.SYNCED, grants_are_revoked),
)
