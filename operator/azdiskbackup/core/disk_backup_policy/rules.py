"""The way of a policy to readiness, one rule a step, in the order in which they must hold; and its way out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from azdiskbackup.core.disk_backup_policy.desired import Desired
from azdiskbackup.core.disk_backup_policy.observed import Observed, Present, Uses
from azdiskbackup.core.disk_backup_policy.steps import CreatePolicy, DeletePolicy, Step
from azdiskbackup.core.formatting import clock_time, listing, span
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import do, housekeeping, satisfied, stalled, wait
from azdiskbackup.core.schedule.retention import expected_restore_points

Verdict: TypeAlias = verdicts.Verdict[Step]

LOOK_AGAIN = timedelta(minutes=5)
_RARELY = timedelta(hours=1)


def time_zone_is_known(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The service takes Windows names of time zones only."""
    if desired.content is None:
        return stalled(
            reasons.TIME_ZONE_UNKNOWN,
            f"`schedule.timeZone` {desired.spec.schedule.time_zone!r} is no IANA time zone that has a "
            "Windows name, which Azure wants. Use one such as UTC or Europe/Berlin.",
        )
    return satisfied(reasons.VALID, "The spec is valid.")


def restore_points_fit(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A policy that would pass the limit is refused before Azure is asked."""
    expected = expected_restore_points(desired.spec.schedule, desired.spec.retention)
    if expected.count > desired.limits.policy:
        return stalled(
            reasons.TOO_MANY_RESTORE_POINTS,
            f"The policy leads to {expected.count} restore points a disk, and Azure allows "
            f"{desired.limits.policy}: {expected.sum}. Back up less often, or keep fewer days.",
        )
    return satisfied(reasons.VALID, f"Restore points a disk in the worst case: {expected.sum}.")


def vault_is_ready(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault must be there before a policy can be put into it."""
    name = desired.spec.vault_ref.name
    match observed.vault:
        case NotFound():
            return wait(
                reasons.VAULT_NOT_FOUND,
                f"There is no BackupVault {name!r}. Create it, or name another policy's vault; "
                "this goes on by itself when it appears.",
                now + LOOK_AGAIN,
            )
        case VaultView(id=None) | VaultView(ready=False):
            return wait(
                reasons.VAULT_NOT_READY,
                f"The BackupVault {name!r} is not ready ({observed.vault.not_ready_reason}); see "
                f"`kubectl describe backupvault {name}`.",
                now + LOOK_AGAIN,
            )
        case VaultView():
            return satisfied(reasons.ALL_GOOD, f"The BackupVault {name!r} is ready.")
        case _:
            assert_never(observed.vault)


def policy_exists(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The policy is created when it is missing; its name says that its content is right."""
    wanted = _id(desired, observed)
    match observed.policy:
        case NotFetched():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case FetchFailed(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.user_message} It is tried again every {span(LOOK_AGAIN)}.", again)
        case NotFound():
            assert desired.content is not None
            missing = desired.settled and same_id(desired.known_id or "", str(wanted))
            return do(
                CreatePolicy(wanted, desired.content),
                reasons.DRIFT_CORRECTED if missing else reasons.CREATING,
                f"Creating the policy {wanted.name}{', which somebody deleted' if missing else ''}.",
            )
        case Present():
            return satisfied(reasons.IN_SYNC, f"Azure has the policy {wanted.name}.")
        case _:
            assert_never(observed.policy)


def predecessors_are_gone(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """What an edit replaced goes when nothing refers to it; until then the policy can be used all the same."""
    old = predecessor(desired, observed)
    here = f"Azure has the policy {_id(desired, observed).name}."
    if old is None:
        return satisfied(reasons.IN_SYNC, here)
    moving = sum(not same_id(each, _id(desired, observed)) for each in observed.policies_in_use)
    if moving:
        return satisfied(reasons.IN_SYNC, f"{here} {moving} disks still move to it.")
    match observed.uses:
        case NotFetched():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case FetchFailed():
            return housekeeping(reasons.IN_SYNC, here, None, now + LOOK_AGAIN)
        case Uses(instances=(), kept_until=None):
            return housekeeping(
                reasons.IN_SYNC, f"{here} Its predecessor {old.name} is deleted.", DeletePolicy(old), None
            )
        case Uses() as uses:
            again = min(uses.kept_until or now + _RARELY, now + _RARELY)
            return housekeeping(reasons.IN_SYNC, f"{here} Its predecessor {old.name} stays: {_used(uses)}", None, again)
        case _:
            assert_never(observed.uses)


def predecessor(desired: Desired, observed: Observed) -> ArmId | None:
    """Return the policy that goes next."""
    wanted = _id(desired, observed)
    known = [*desired.predecessors, *([desired.known_id] if desired.known_id else [])]
    return next((ArmId.parse(each) for each in known if not same_id(each, wanted)), None)


def _used(uses: Uses) -> str:
    if uses.instances:
        return f"the backup instances {listing(list(uses.instances))} have it."
    assert uses.kept_until is not None
    return f"soft-deleted backup instances refer to it until {clock_time(uses.kept_until)}."


PROVISIONING_RULES = (
    (reasons.ACCEPTED, time_zone_is_known),
    (reasons.ACCEPTED, restore_points_fit),
    (reasons.VAULT_READY, vault_is_ready),
    (reasons.SYNCED, policy_exists),
    (reasons.SYNCED, predecessors_are_gone),
)


def no_disk_uses_it(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A policy is not let go while disks refer to it."""
    if observed.disks:
        return wait(
            reasons.IN_USE,
            f"The policy is used by the ProtectedDisks {listing(list(observed.disks))}; it goes when "
            "they are gone or name another policy.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.DELETING, "No ProtectedDisk refers to the policy.")


def policy_is_gone(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The policy is deleted unless it shall stay, or was never made."""
    if desired.spec.deletion_policy == "Retain" or desired.known_id is None:
        return satisfied(reasons.DELETING, "Nothing is to be deleted in Azure.")
    match observed.policy:
        case NotFound():
            return satisfied(reasons.DELETING, "The policy is gone.")
        case FetchFailed(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.user_message} It is tried again every {span(LOOK_AGAIN)}.", again)
        case Present():
            return _delete_if_unused(ArmId.parse(desired.known_id), observed, now)
        case NotFetched():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case _:
            assert_never(observed.policy)


def _delete_if_unused(known: ArmId, observed: Observed, now: datetime) -> Verdict:
    match observed.uses:
        case NotFetched():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case FetchFailed(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.user_message} It is tried again every {span(LOOK_AGAIN)}.", again)
        case Uses(instances=(), kept_until=None):
            return do(DeletePolicy(known), reasons.DELETING, f"Deleting the policy {known.name}.")
        case Uses() as uses:
            return wait(
                reasons.IN_USE if uses.instances else reasons.KEPT_BY_SOFT_DELETE,
                f"The policy {known.name} cannot be deleted yet: {_used(uses)} Set `deletionPolicy: Retain` to leave "
                "it in Azure.",
                now + LOOK_AGAIN if uses.instances else min(uses.kept_until or now, now + _RARELY),
            )
        case _:
            assert_never(observed.uses)


DELETION_RULES = (
    (reasons.SYNCED, no_disk_uses_it),
    (reasons.SYNCED, policy_is_gone),
)


def _id(desired: Desired, observed: Observed) -> ArmId:
    assert isinstance(observed.vault, VaultView) and observed.vault.id, "the rule before guarantees it"
    wanted = desired.id_in(observed.vault.id)
    assert wanted is not None, "the rule before guarantees it"
    return wanted
