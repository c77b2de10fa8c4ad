"""What happens to a vault whose BackupVault somebody deletes: what `deletionPolicy` says, and nothing more."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.backup_vault.desired import Desired
from azdiskbackup.core.backup_vault.observed import Fact, Observed
from azdiskbackup.core.backup_vault.rules import Verdict, revocable_grants
from azdiskbackup.core.backup_vault.steps import DeleteVault, RevokeRole
from azdiskbackup.core.formatting import clock_time, listing
from azdiskbackup.core.objects.azure import AzureVault, has_tags
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.intervals import RECHECK_INTERVAL, SLOW_RECHECK_INTERVAL, VAULT_CHANGE_TAKES
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NotFound
from azdiskbackup.core.rules.verdicts import act, allow_with_warning, fetched, looked_up, satisfied, wait


def no_policy_refers(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A vault is not released while policies refer to it."""
    if observed.policies:
        return wait(
            reasons.IN_USE,
            f"The vault is used by the DiskBackupPolicies {listing(list(observed.policies))}. Delete them first; the "
            "operator continues automatically once they are gone.",
        )
    return satisfied(reasons.DELETING, "No DiskBackupPolicy refers to the vault.")


def vault_deleted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Only an empty vault is ever deleted, only when asked for, and only by the object that its tags name."""
    if not desired.deletes_vault:
        return satisfied(reasons.DELETING, "The vault stays in Azure.")
    vault = looked_up(observed.vault, Fact.VAULT)
    if isinstance(vault, NotFound):
        return satisfied(reasons.DELETING, "The vault is deleted.")
    # A finalizer proves nothing, since whoever creates an object may write any; the tags in Azure do.
    if not has_tags(vault.settings.tags, desired.owner):
        return allow_with_warning(
            reasons.LEFT_IN_AZURE,
            f"Vault {desired.id.name} stays in Azure: its tags {listing(list(desired.owner))} do not name this object.",
            keeps_ready=True,
        )
    count = fetched(observed.instances, Fact.INSTANCES)
    if count:
        return wait(
            reasons.IN_USE,
            f"The vault still holds {count} backup instances. Delete them in Azure, or set `deletionPolicy: Retain` to "
            "keep the vault.",
        )
    kept = fetched(observed.deleted, Fact.DELETED_INSTANCES)
    if kept:
        until = max(each.soft_deleted_until or now for each in kept)
        return wait(
            reasons.BLOCKED_BY_SOFT_DELETE,
            f"The vault keeps {len(kept)} soft-deleted backup instances until {clock_time(until)}, which block its "
            "deletion. The operator deletes it afterwards; set `deletionPolicy: Retain` to keep the vault.",
            max(min(until, now + SLOW_RECHECK_INTERVAL), now + RECHECK_INTERVAL),
        )
    message = f"Deleting the vault {desired.id.name}."
    return act(DeleteVault(desired.id), reasons.DELETING, message, now + VAULT_CHANGE_TAKES)


def snapshot_roles_revoked(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Roles are revoked after the vault is gone, never before: it could not delete its snapshots."""
    keeps_roles = not desired.deletes_vault or desired.spec.role_assignments == "Preassigned"
    if keeps_roles or isinstance(observed.vault, AzureVault):
        return satisfied(reasons.DELETING, "The vault keeps its role assignments.")
    for grant in revocable_grants(desired, observed):
        if fetched(observed.grants.get(grant, NOT_FETCHED), Fact.ROLE_GRANT, grant):
            return act(RevokeRole(grant), reasons.DELETING, f"Revoking {grant}.")
    return satisfied(reasons.DELETING, "The role assignments are revoked.")


DELETION_RULES = (
    (reasons.SYNCED, no_policy_refers),
    (reasons.SYNCED, vault_deleted),
    (reasons.SYNCED, snapshot_roles_revoked),
)
