"""The way out of a ProtectedDisk that somebody deletes: what `deletionPolicy` says, and nothing more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from azdiskbackup.core.formatting import listing
from azdiskbackup.core.identity.roles import DISK_SNAPSHOT_CONTRIBUTOR
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.resource import selects
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import has_right_to_disk, in_another_vault, is_owner
from azdiskbackup.core.protected_disk.rules.common import (
    CHANGE_TAKES,
    IN_WORK,
    POLL,
    STATES_OF_MODE,
    Verdict,
    not_asked,
    reader_grant,
    unreadable,
)
from azdiskbackup.core.protected_disk.steps import DeleteInstance, RevokeRole, Step, Stop, Suspend
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import allow_with_warning, do, satisfied, stalled, wait

LOOK_AGAIN = timedelta(minutes=5)


def instance_is_left_as_asked(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Retain stops, Suspend suspends, Delete deletes; an instance that does not name this object is not touched.

    An object that never protected the disk (refused, or younger than another one for it, or made to be deleted, with a
    finalizer and a status that say otherwise) must not stop or destroy anybody's backups by being deleted.
    """
    if not desired.began:
        return satisfied(reasons.DELETING, "Nothing was ever done for this object.")
    match observed.instance:
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error, now)
        case NotFound():
            return satisfied(reasons.DELETING, "The disk has no backup instance.")
        case AzureInstance() as instance:
            return _leave(desired, observed, instance, now)
        case _:
            assert_never(observed.instance)


def _leave(desired: Desired, observed: Observed, instance: AzureInstance, now: datetime) -> Verdict:
    if instance.soft_deleted_until is not None:
        return satisfied(reasons.DELETING, "The backup instance is deleted.")
    if observed.older_duplicate is not None:
        return satisfied(reasons.DELETING, "The backup instance belongs to an older ProtectedDisk of the same source.")
    if not is_owner(desired, observed, instance):
        # Without its name, which the namespace may not be allowed to know.
        return allow_with_warning(
            reasons.LEFT_IN_AZURE,
            "The disk has a backup instance whose tags do not name this object as its owner. It is left as it is, with "
            "its restore points and what they cost.",
            keeps_ready=True,
        )
    if instance.state.lower() in IN_WORK:
        return wait(reasons.DELETING, f"Azure is busy with the backup instance ({instance.state}).", now + POLL)
    return _as_the_policy_says(desired, observed, instance, now)


def _as_the_policy_says(desired: Desired, observed: Observed, instance: AzureInstance, now: datetime) -> Verdict:
    state = instance.state.lower()
    step: Step
    match desired.spec.deletion_policy:
        case "Delete":
            if not _may_delete(desired, observed):
                return stalled(
                    reasons.DELETION_NOT_ALLOWED,
                    "`deletionPolicy: Delete` destroys restore points, and the vault does not "
                    f"allow it to the namespace {desired.namespace!r}. Set `deletionPolicy: Retain`, "
                    "or ask the platform team to label the namespace as "
                    "`access.deletionNamespaces` asks.",
                    now + LOOK_AGAIN,
                )
            return do(
                DeleteInstance(instance.id),
                reasons.DELETING,
                "Deleting the backup instance and its restore points, softly.",
                now + CHANGE_TAKES,
                hint=_what_deleting_needs(observed, instance),
            )
        case "Suspend":
            if state in STATES_OF_MODE["Suspended"]:
                return satisfied(reasons.DELETING, "Backups are suspended.")
            step, what = Suspend(instance.id), "Suspending backups"
        case "Retain":
            if state in STATES_OF_MODE["Stopped"]:
                return satisfied(reasons.DELETING, "Protection is stopped, restore points stay.")
            step, what = Stop(instance.id), "Stopping protection; restore points stay"
        case _:
            assert_never(desired.spec.deletion_policy)
    return do(step, reasons.DELETING, f"{what}.", now + CHANGE_TAKES)


def _what_deleting_needs(observed: Observed, instance: AzureInstance) -> str:
    principal = (observed.vault.principal if isinstance(observed.vault, VaultView) else None) or "of the vault"
    return (
        f"To delete snapshots, the identity {principal} needs the role {DISK_SNAPSHOT_CONTRIBUTOR.name} on "
        f"{instance.snapshot_group_id}, which must exist: restore what is missing, or set `deletionPolicy: Retain`."
    )


def _may_delete(desired: Desired, observed: Observed) -> bool:
    """The vault that holds the instance decides, not one that `policyRef` was turned to."""
    if not isinstance(observed.vault, VaultView) or in_another_vault(desired, observed.vault):
        return False
    return selects(observed.vault.access.deletion_namespaces, observed.namespace_labels)


def right_is_revoked(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The right to read the disk is taken back last, and only when no backup needs it any more."""
    kept = not isinstance(observed.vault, VaultView) or not observed.vault.assigns_roles
    if not desired.began or desired.spec.deletion_policy != "Delete" or kept:
        return satisfied(reasons.DELETING, "The vault keeps its right, since restore points stay.")
    if observed.deleted_before_us and not observed.grant_used_by:
        return wait(
            reasons.DELETING,
            f"Waiting for {listing(list(observed.deleted_before_us))}, which are deleted too, to need the right no more.",
            now + POLL,
        )
    if observed.grant_used_by:
        return satisfied(reasons.DELETING, f"The right stays: {listing(list(observed.grant_used_by))} need it.")
    if not _was_granted_to(desired, observed):
        # Assignments have the same name whoever makes them, and their backups would fail.
        return satisfied(reasons.DELETING, "The right stays: nothing shows that it was granted for this object.")
    match observed.disk:
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error, now)
        case NotFound():
            return satisfied(reasons.DELETING, "The disk is gone.")
        case _:
            return _revoke(observed, now)


def _was_granted_to(desired: Desired, observed: Observed) -> bool:
    """Whoever owned the instance had the right, and so may whoever could protect the disk now that has none."""
    if isinstance(observed.instance, AzureInstance) and observed.instance.soft_deleted_until is None:
        return is_owner(desired, observed, observed.instance)
    return observed.was_owner or has_right_to_disk(desired, observed)


def _revoke(observed: Observed, now: datetime) -> Verdict:
    match observed.granted:
        case NotFetched():
            return not_asked(now)
        case FetchFailed(error):
            return unreadable(error, now)
        case True:
            grant = reader_grant(observed)
            return do(RevokeRole(grant), reasons.DELETING, f"Revoking {grant}.")
        case _:
            return satisfied(reasons.DELETING, "Nothing is to be taken back.")


DELETION_RULES = (
    (reasons.PROTECTED, instance_is_left_as_asked),
    (reasons.PROTECTED, right_is_revoked),
)
