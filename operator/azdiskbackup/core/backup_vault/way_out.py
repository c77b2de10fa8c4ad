"""The way out of a vault that somebody deletes: what `deletionPolicy` says, and nothing more."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from azdiskbackup.core import reasons
from azdiskbackup.core.azure_model import AzureVault
from azdiskbackup.core.backup_vault.desired import Desired
from azdiskbackup.core.backup_vault.observed import Observed
from azdiskbackup.core.backup_vault.rules import LOOK_AGAIN, POLL, Verdict, not_asked, unreadable, wanted_grants
from azdiskbackup.core.backup_vault.steps import DeleteVault, RevokeRole
from azdiskbackup.core.presence import Absent, Unknown, Unreadable
from azdiskbackup.core.verdicts import do, satisfied, tolerated, wait
from azdiskbackup.core.words import clock_time, listing


def nobody_uses_it(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """A vault is not let go while policies refer to it."""
    if seen.policies:
        return wait(
            reasons.IN_USE,
            f"The vault is used by the DiskBackupPolicies {listing(list(seen.policies))}; it goes when they are gone.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.DELETING, "No DiskBackupPolicy refers to the vault.")


def vault_is_gone(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """Only an empty vault is ever deleted, only when asked for, and only by the object that its tags name."""
    if not want.deletes:
        return satisfied(reasons.DELETING, "The vault stays in Azure.")
    match seen.vault:
        case Absent():
            return satisfied(reasons.DELETING, "The vault is gone.")
        case Unknown():
            return not_asked(now)
        case Unreadable(error):
            return unreadable(error.sentence, error.reason, now)
        case AzureVault() as vault if not _is_owner(want, vault):
            return tolerated(
                reasons.LEFT_IN_AZURE,
                f"The vault {want.id.name} stays in Azure: its tags {listing(list(want.owner))} do not name this "
                "object.",
                keeps_ready=True,
            )
        case AzureVault():
            return _delete_if_empty(want, seen, now)
        case _:
            assert_never(seen.vault)


def _delete_if_empty(want: Desired, seen: Observed, now: datetime) -> Verdict:
    match seen.instances:
        case Unknown():
            return not_asked(now)
        case Unreadable(error):
            return unreadable(error.sentence, error.reason, now)
        case 0:
            return _delete_if_nothing_is_kept(want, seen, now)
        case count:
            return wait(
                reasons.IN_USE,
                f"The vault still holds {count} backup instances, so it is not deleted. Delete "
                "them in Azure, or set `deletionPolicy: Retain` to let the vault stay.",
                now + LOOK_AGAIN,
            )


def _delete_if_nothing_is_kept(want: Desired, seen: Observed, now: datetime) -> Verdict:
    match seen.deleted:
        case Unknown():
            return not_asked(now)
        case Unreadable(error):
            return unreadable(error.sentence, error.reason, now)
        case ():
            return do(DeleteVault(want.id), reasons.DELETING, f"Deleting the vault {want.id.name}.", now + POLL)
        case kept:
            until = max(each.soft_deleted_until or now for each in kept)
            return wait(
                reasons.KEPT_BY_SOFT_DELETE,
                f"The vault keeps {len(kept)} soft-deleted backup instances until {clock_time(until)}, so it is not "
                "deleted before. Set `deletionPolicy: Retain` to let the vault stay.",
                max(min(until, now + LOOK_AGAIN * 12), now + LOOK_AGAIN),
            )


def _is_owner(want: Desired, vault: AzureVault) -> bool:
    """A finalizer proves nothing, since whoever creates an object may write any; the tags in Azure do."""
    return all(vault.settings.tags.get(key) == value for key, value in want.owner.items())


def grants_are_revoked(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """Rights are taken back after the vault is gone, never before: it could not delete its snapshots."""
    if not want.deletes or want.spec.role_assignments == "Preassigned" or isinstance(seen.vault, AzureVault):
        return satisfied(reasons.DELETING, "The vault keeps its rights.")
    for grant in wanted_grants(want, seen):
        match seen.grants.get(grant):
            case None:
                return not_asked(now)
            case Unreadable(error):
                return unreadable(error.sentence, error.reason, now)
            case True:
                return do(RevokeRole(grant), reasons.DELETING, f"Revoking {grant}.")
    return satisfied(reasons.DELETING, "Nothing is left to take back.")


WAY_OUT = (
    (reasons.SYNCED, nobody_uses_it),
    (reasons.SYNCED, vault_is_gone),
    (reasons.SYNCED, grants_are_revoked),
)
