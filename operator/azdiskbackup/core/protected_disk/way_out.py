"""The way out of a ProtectedDisk that somebody deletes: what `deletionPolicy` says, and nothing more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from azdiskbackup.core import reasons
from azdiskbackup.core.azure_model import AzureInstance
from azdiskbackup.core.presence import Absent, Unknown, Unreadable
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import has_right_to_disk, in_another_vault, is_owner
from azdiskbackup.core.protected_disk.reading import (
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
from azdiskbackup.core.resource import selects
from azdiskbackup.core.roles import DISK_SNAPSHOT_CONTRIBUTOR
from azdiskbackup.core.vault_view import VaultView
from azdiskbackup.core.verdicts import do, satisfied, stalled, tolerated, wait
from azdiskbackup.core.words import listing

LOOK_AGAIN = timedelta(minutes=5)


def instance_is_left_as_asked(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """Retain stops, Suspend suspends, Delete deletes; an instance that does not name this object is not touched.

    An object that never protected the disk (refused, or younger than another one for it, or made to be deleted, with a
    finalizer and a status that say otherwise) must not stop or destroy anybody's backups by being deleted.
    """
    if not want.began:
        return satisfied(reasons.DELETING, "Nothing was ever done for this object.")
    match seen.instance:
        case Unknown():
            return not_asked(now)
        case Unreadable(error):
            return unreadable(error, now)
        case Absent():
            return satisfied(reasons.DELETING, "The disk has no backup instance.")
        case AzureInstance() as instance:
            return _leave(want, seen, instance, now)
        case _:
            assert_never(seen.instance)


def _leave(want: Desired, seen: Observed, instance: AzureInstance, now: datetime) -> Verdict:
    if instance.soft_deleted_until is not None:
        return satisfied(reasons.DELETING, "The backup instance is deleted.")
    if seen.rival is not None:
        return satisfied(reasons.DELETING, "The backup instance belongs to an older ProtectedDisk of the same source.")
    if not is_owner(want, seen, instance):
        # Without its name, which the namespace may not be allowed to know.
        return tolerated(
            reasons.LEFT_IN_AZURE,
            "The disk has a backup instance whose tags do not name this object as its owner. It is left as it is, with "
            "its restore points and what they cost.",
            keeps_ready=True,
        )
    if instance.state.lower() in IN_WORK:
        return wait(reasons.DELETING, f"Azure is busy with the backup instance ({instance.state}).", now + POLL)
    return _as_the_policy_says(want, seen, instance, now)


def _as_the_policy_says(want: Desired, seen: Observed, instance: AzureInstance, now: datetime) -> Verdict:
    state = instance.state.lower()
    step: Step
    match want.spec.deletion_policy:
        case "Delete":
            if not _may_delete(want, seen):
                return stalled(
                    reasons.DELETION_NOT_ALLOWED,
                    "`deletionPolicy: Delete` destroys restore points, and the vault does not "
                    f"allow it to the namespace {want.namespace!r}. Set `deletionPolicy: Retain`, "
                    "or ask the platform team to label the namespace as "
                    "`access.deletionNamespaces` asks.",
                    now + LOOK_AGAIN,
                )
            return do(
                DeleteInstance(instance.id),
                reasons.DELETING,
                "Deleting the backup instance and its restore points, softly.",
                now + CHANGE_TAKES,
                hint=_what_deleting_needs(seen, instance),
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
            assert_never(want.spec.deletion_policy)
    return do(step, reasons.DELETING, f"{what}.", now + CHANGE_TAKES)


def _what_deleting_needs(seen: Observed, instance: AzureInstance) -> str:
    principal = (seen.vault.principal if isinstance(seen.vault, VaultView) else None) or "of the vault"
    return (
        f"To delete snapshots, the identity {principal} needs the role {DISK_SNAPSHOT_CONTRIBUTOR.name} on "
        f"{instance.snapshot_group_id}, which must exist: restore what is missing, or set `deletionPolicy: Retain`."
    )


def _may_delete(want: Desired, seen: Observed) -> bool:
    """The vault that holds the instance decides, not one that `policyRef` was turned to."""
    if not isinstance(seen.vault, VaultView) or in_another_vault(want, seen.vault):
        return False
    return selects(seen.vault.access.deletion_namespaces, seen.namespace_labels)


def right_is_revoked(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """The right to read the disk is taken back last, and only when no backup needs it any more."""
    kept = not isinstance(seen.vault, VaultView) or not seen.vault.assigns_roles
    if not want.began or want.spec.deletion_policy != "Delete" or kept:
        return satisfied(reasons.DELETING, "The vault keeps its right, since restore points stay.")
    if seen.leaving_first and not seen.needed_by:
        return wait(
            reasons.DELETING,
            f"Waiting for {listing(list(seen.leaving_first))}, which are deleted too, to need the right no more.",
            now + POLL,
        )
    if seen.needed_by:
        return satisfied(reasons.DELETING, f"The right stays: {listing(list(seen.needed_by))} need it.")
    if not _was_granted_to(want, seen):
        # Assignments have the same name whoever makes them, and their backups would fail.
        return satisfied(reasons.DELETING, "The right stays: nothing shows that it was granted for this object.")
    match seen.disk:
        case Unknown():
            return not_asked(now)
        case Unreadable(error):
            return unreadable(error, now)
        case Absent():
            return satisfied(reasons.DELETING, "The disk is gone.")
        case _:
            return _revoke(seen, now)


def _was_granted_to(want: Desired, seen: Observed) -> bool:
    """Whoever owned the instance had the right, and so may whoever could protect the disk now that has none."""
    if isinstance(seen.instance, AzureInstance) and seen.instance.soft_deleted_until is None:
        return is_owner(want, seen, seen.instance)
    return seen.was_owner or has_right_to_disk(want, seen)


def _revoke(seen: Observed, now: datetime) -> Verdict:
    match seen.granted:
        case Unknown():
            return not_asked(now)
        case Unreadable(error):
            return unreadable(error, now)
        case True:
            grant = reader_grant(seen)
            return do(RevokeRole(grant), reasons.DELETING, f"Revoking {grant}.")
        case _:
            return satisfied(reasons.DELETING, "Nothing is to be taken back.")


WAY_OUT = (
    (reasons.PROTECTED, instance_is_left_as_asked),
    (reasons.PROTECTED, right_is_revoked),
)
