"""The way of a policy to readiness, one rule a step, in the order in which they must hold; and its way out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from azdiskbackup.core import reasons, verdicts
from azdiskbackup.core.arm_ids import ArmId, same_id
from azdiskbackup.core.disk_backup_policy.desired import Desired
from azdiskbackup.core.disk_backup_policy.observed import Observed, Present, Uses
from azdiskbackup.core.disk_backup_policy.steps import CreatePolicy, DeletePolicy, Step
from azdiskbackup.core.presence import Absent, Unknown, Unreadable
from azdiskbackup.core.retention import expected_restore_points
from azdiskbackup.core.vault_view import VaultView
from azdiskbackup.core.verdicts import chore, do, satisfied, stalled, wait
from azdiskbackup.core.words import clock_time, listing, span

Verdict: TypeAlias = verdicts.Verdict[Step]

LOOK_AGAIN = timedelta(minutes=5)
_RARELY = timedelta(hours=1)


def time_zone_is_known(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """The service takes Windows names of time zones only."""
    if want.content is None:
        return stalled(
            reasons.TIME_ZONE_UNKNOWN,
            f"`schedule.timeZone` {want.spec.schedule.time_zone!r} is no IANA time zone that has a "
            "Windows name, which Azure wants. Use one such as UTC or Europe/Berlin.",
        )
    return satisfied(reasons.VALID, "The spec is valid.")


def restore_points_fit(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """A policy that would pass the limit is refused before Azure is asked."""
    expected = expected_restore_points(want.spec.schedule, want.spec.retention)
    if expected.count > want.limits.policy:
        return stalled(
            reasons.TOO_MANY_RESTORE_POINTS,
            f"The policy leads to {expected.count} restore points a disk, and Azure allows "
            f"{want.limits.policy}: {expected.sum}. Back up less often, or keep fewer days.",
        )
    return satisfied(reasons.VALID, f"Restore points a disk in the worst case: {expected.sum}.")


def vault_is_ready(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """The vault must be there before a policy can be put into it."""
    name = want.spec.vault_ref.name
    match seen.vault:
        case Absent():
            return wait(
                reasons.VAULT_NOT_FOUND,
                f"There is no BackupVault {name!r}. Create it, or name another policy's vault; "
                "this goes on by itself when it appears.",
                now + LOOK_AGAIN,
            )
        case VaultView(id=None) | VaultView(ready=False):
            return wait(
                reasons.VAULT_NOT_READY,
                f"The BackupVault {name!r} is not ready ({seen.vault.why_not}); see "
                f"`kubectl describe backupvault {name}`.",
                now + LOOK_AGAIN,
            )
        case VaultView():
            return satisfied(reasons.ALL_GOOD, f"The BackupVault {name!r} is ready.")
        case _:
            assert_never(seen.vault)


def policy_exists(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """The policy is created when it is missing; its name says that its content is right."""
    wanted = _id(want, seen)
    match seen.policy:
        case Unknown():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case Unreadable(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.sentence} It is tried again every {span(LOOK_AGAIN)}.", again)
        case Absent():
            assert want.content is not None
            missing = want.settled and same_id(want.known_id or "", str(wanted))
            return do(
                CreatePolicy(wanted, want.content),
                reasons.DRIFT_CORRECTED if missing else reasons.CREATING,
                f"Creating the policy {wanted.name}{', which somebody deleted' if missing else ''}.",
            )
        case Present():
            return satisfied(reasons.IN_SYNC, f"Azure has the policy {wanted.name}.")
        case _:
            assert_never(seen.policy)


def predecessors_are_gone(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """What an edit replaced goes when nothing refers to it; until then the policy can be used all the same."""
    old = predecessor(want, seen)
    here = f"Azure has the policy {_id(want, seen).name}."
    if old is None:
        return satisfied(reasons.IN_SYNC, here)
    moving = sum(not same_id(each, _id(want, seen)) for each in seen.policies_in_use)
    if moving:
        return satisfied(reasons.IN_SYNC, f"{here} {moving} disks still move to it.")
    match seen.uses:
        case Unknown():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case Unreadable():
            return chore(reasons.IN_SYNC, here, None, now + LOOK_AGAIN)
        case Uses(instances=(), kept_until=None):
            return chore(reasons.IN_SYNC, f"{here} Its predecessor {old.name} is deleted.", DeletePolicy(old), None)
        case Uses() as uses:
            again = min(uses.kept_until or now + _RARELY, now + _RARELY)
            return chore(reasons.IN_SYNC, f"{here} Its predecessor {old.name} stays: {_used(uses)}", None, again)
        case _:
            assert_never(seen.uses)


def predecessor(want: Desired, seen: Observed) -> ArmId | None:
    """Return the policy that goes next."""
    wanted = _id(want, seen)
    known = [*want.predecessors, *([want.known_id] if want.known_id else [])]
    return next((ArmId.parse(each) for each in known if not same_id(each, wanted)), None)


def _used(uses: Uses) -> str:
    if uses.instances:
        return f"the backup instances {listing(list(uses.instances))} have it."
    assert uses.kept_until is not None
    return f"soft-deleted backup instances refer to it until {clock_time(uses.kept_until)}."


WAY = (
    (reasons.ACCEPTED, time_zone_is_known),
    (reasons.ACCEPTED, restore_points_fit),
    (reasons.VAULT_READY, vault_is_ready),
    (reasons.SYNCED, policy_exists),
    (reasons.SYNCED, predecessors_are_gone),
)


def no_disk_uses_it(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """A policy is not let go while disks refer to it."""
    if seen.disks:
        return wait(
            reasons.IN_USE,
            f"The policy is used by the ProtectedDisks {listing(list(seen.disks))}; it goes when "
            "they are gone or name another policy.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.DELETING, "No ProtectedDisk refers to the policy.")


def policy_is_gone(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """The policy is deleted unless it shall stay, or was never made."""
    if want.spec.deletion_policy == "Retain" or want.known_id is None:
        return satisfied(reasons.DELETING, "Nothing is to be deleted in Azure.")
    match seen.policy:
        case Absent():
            return satisfied(reasons.DELETING, "The policy is gone.")
        case Unreadable(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.sentence} It is tried again every {span(LOOK_AGAIN)}.", again)
        case Present():
            return _delete_if_unused(ArmId.parse(want.known_id), seen, now)
        case Unknown():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case _:
            assert_never(seen.policy)


def _delete_if_unused(known: ArmId, seen: Observed, now: datetime) -> Verdict:
    match seen.uses:
        case Unknown():
            return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)
        case Unreadable(error):
            again = now + LOOK_AGAIN
            return wait(error.reason, f"{error.sentence} It is tried again every {span(LOOK_AGAIN)}.", again)
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
            assert_never(seen.uses)


WAY_OUT = (
    (reasons.SYNCED, no_disk_uses_it),
    (reasons.SYNCED, policy_is_gone),
)


def _id(want: Desired, seen: Observed) -> ArmId:
    assert isinstance(seen.vault, VaultView) and seen.vault.id, "the rule before guarantees it"
    wanted = want.id_in(seen.vault.id)
    assert wanted is not None, "the rule before guarantees it"
    return wanted
