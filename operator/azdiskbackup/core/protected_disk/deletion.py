"""What happens to the backups of a ProtectedDisk that somebody deletes: what `deletionPolicy` says, no more."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from azdiskbackup.core.formatting import clock_time, listing
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.identity.roles import DISK_SNAPSHOT_CONTRIBUTOR
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.resource import selects
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.ownership import has_right_to_disk, in_another_vault, is_owner
from azdiskbackup.core.protected_disk.rules.instance import Verdict, with_guard
from azdiskbackup.core.protected_disk.steps import DeleteInstance, RevokeRole, Step, Stop, Suspend
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.intervals import INSTANCE_CHANGE_TAKES
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import act, allow_with_warning, fetched, looked_up, satisfied, stalled, wait


def instance_released(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Retain stops, Suspend suspends, Delete deletes; an instance that does not name this object is not touched.

    An object that never protected the disk (refused, or younger than another one for it, or made to be deleted, with a
    finalizer and a status that say otherwise) must not stop or destroy anybody's backups by being deleted.
    """
    if not observed.recorded.has_finalizer:
        return satisfied(reasons.DELETING, "Nothing was ever done for this object.")
    instance = looked_up(observed.instance, Fact.INSTANCE)
    if isinstance(instance, AzureInstance):
        return _release(desired, observed, instance, now)
    visible_at = observed.creation_visible_at
    if visible_at is not None and now < visible_at:
        # To release the object now would leave an instance alone that Azure is about to show.
        return wait(
            reasons.DELETING,
            f"Azure may still be creating the backup instance. Next check at {clock_time(visible_at)}.",
            visible_at,
        )
    return satisfied(reasons.DELETING, "The disk has no backup instance.")


def _release(desired: Desired, observed: Observed, instance: AzureInstance, now: datetime) -> Verdict:
    if instance.soft_deleted_until is not None:
        return satisfied(reasons.DELETING, "The backup instance is deleted.")
    if observed.older_duplicate is not None and not _is_of_earlier_disk(desired, observed, instance):
        return satisfied(reasons.DELETING, "The backup instance belongs to an older ProtectedDisk of the same source.")
    if not is_owner(desired, observed, instance):
        # Without its name, which the namespace may not be allowed to know.
        return allow_with_warning(
            reasons.LEFT_IN_AZURE,
            "The disk has a backup instance whose tags do not name this object as its owner. It stays as it is, with "
            "its restore points and their cost.",
            keeps_ready=True,
        )
    if instance.is_changing:
        return wait(
            reasons.DELETING,
            f"Azure is changing the backup instance ({instance.state}).",
            every=INSTANCE_CHANGE_TAKES,
        )
    return _apply_deletion_policy(desired, observed, instance, now)


def _is_of_earlier_disk(desired: Desired, observed: Observed, instance: AzureInstance) -> bool:
    """Return whether it is the object's own, of a disk that the source no longer stands for: no other object has it."""
    is_current = isinstance(observed.claim, ClaimedDisk) and same_id(observed.claim.id, instance.disk_id)
    return is_owner(desired, observed, instance) and not is_current


def _apply_deletion_policy(desired: Desired, observed: Observed, instance: AzureInstance, now: datetime) -> Verdict:
    step: Step
    match desired.spec.deletion_policy:
        case "Delete":
            if not _may_delete(observed):
                return stalled(
                    reasons.DELETION_NOT_ALLOWED,
                    "`deletionPolicy: Delete` destroys restore points, and the vault does not allow that to the "
                    f"namespace {desired.namespace!r}. Set `deletionPolicy: Retain`, or ask the platform team to label "
                    "the namespace as `access.deletionNamespaces` requires.",
                )
            keeps = " The vault is immutable, so Azure may refuse that until they expire."
            is_immutable = isinstance(observed.vault, VaultView) and observed.vault.is_immutable
            verdict: Verdict = act(
                DeleteInstance(instance.id),
                reasons.DELETING,
                f"Deleting the backup instance and its restore points (soft delete).{keeps if is_immutable else ''}",
                now + INSTANCE_CHANGE_TAKES,
                hint=_deletion_requires(observed, instance),
            )
            return with_guard(verdict, observed, "delete it", instance)
        case "Suspend":
            if instance.is_in_mode("Suspended"):
                return satisfied(reasons.DELETING, "Backups are suspended.")
            step, what, by_hand = Suspend(instance.id), "Suspending backups", "suspend backups"
        case "Retain":
            if instance.is_in_mode("Stopped"):
                return satisfied(reasons.DELETING, "Protection is stopped. Restore points are kept.")
            step, what = Stop(instance.id), "Stopping protection; restore points are kept"
            by_hand = "stop backups and retain data"
        case _:
            assert_never(desired.spec.deletion_policy)
    verdict = act(step, reasons.DELETING, f"{what}.", now + INSTANCE_CHANGE_TAKES)
    return with_guard(verdict, observed, by_hand, instance)


def _deletion_requires(observed: Observed, instance: AzureInstance) -> str:
    known = observed.vault.principal_of(instance.identity) if isinstance(observed.vault, VaultView) else None
    principal = known or "of the vault"
    return (
        f"To delete snapshots, the identity {principal} needs the role {DISK_SNAPSHOT_CONTRIBUTOR.name} on "
        f"{instance.snapshot_group_id}, which must exist: restore what is missing, or set `deletionPolicy: Retain`."
    )


def _may_delete(observed: Observed) -> bool:
    """The vault that holds the instance decides, not one that `policyRef` was turned to."""
    if not isinstance(observed.vault, VaultView) or in_another_vault(observed, observed.vault):
        return False
    return selects(observed.vault.access.deletion_namespaces, observed.namespace_labels)


def reader_role_revoked(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The role on the disk is revoked last, and only when no backup needs it any more."""
    if not _revokes_roles(desired, observed):
        return satisfied(reasons.DELETING, "The vault keeps its role assignment.")
    if observed.deleted_before_us and not observed.grant_used_by:
        return wait(
            reasons.DELETING,
            f"Waiting for {listing(list(observed.deleted_before_us))} (also being deleted) to release the shared role "
            "assignment.",
            every=INSTANCE_CHANGE_TAKES,
        )
    if observed.grant_used_by:
        return satisfied(
            reasons.DELETING, f"The role assignment stays: {listing(list(observed.grant_used_by))} need it."
        )
    if not _was_granted_to(desired, observed):
        # Assignments have the same name whoever makes them, and the backups of others would fail.
        return satisfied(reasons.DELETING, "The role assignment stays: nothing shows that it was made for this object.")
    if isinstance(looked_up(observed.disk, Fact.DISK), NotFound):
        return satisfied(reasons.DELETING, "The disk no longer exists.")
    if not fetched(observed.role_grant, Fact.ROLE_GRANT):
        return satisfied(reasons.DELETING, "The role assignment is revoked.")
    grant = observed.reader_grant
    return act(RevokeRole(grant), reasons.DELETING, f"Revoking {grant}.")


def _revokes_roles(desired: Desired, observed: Observed) -> bool:
    assigns_roles = isinstance(observed.vault, VaultView) and observed.vault.assigns_roles
    return assigns_roles and observed.recorded.has_finalizer and desired.spec.deletion_policy == "Delete"


def _was_granted_to(desired: Desired, observed: Observed) -> bool:
    """Whoever owned the instance had the role, and so may whoever could protect the disk now that has none."""
    if isinstance(observed.instance, AzureInstance) and observed.instance.soft_deleted_until is None:
        return is_owner(desired, observed, observed.instance)
    return observed.was_owner or has_right_to_disk(desired, observed)


DELETION_RULES = (
    (reasons.PROTECTED, instance_released),
    (reasons.PROTECTED, reader_role_revoked),
)
