"""What must hold for a policy, one rule a step, in order; ``deletion.py`` has the rules of its end."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, assert_never

from azdiskbackup.core.disk_backup_policy.desired import Desired
from azdiskbackup.core.disk_backup_policy.observed import Exists, Fact, Observed, Uses
from azdiskbackup.core.disk_backup_policy.steps import CreatePolicy, DeletePolicy, Step
from azdiskbackup.core.formatting import clock_time, listing
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.intervals import RECHECK_INTERVAL, SLOW_RECHECK_INTERVAL
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import act, housekeeping, looked_up, need, parked, satisfied, wait
from azdiskbackup.core.schedule.retention import expected_restore_points

Verdict: TypeAlias = verdicts.Verdict[Step]


def time_zone_known(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The service takes Windows names of time zones only."""
    if desired.content is None:
        return parked(
            reasons.TIME_ZONE_UNKNOWN,
            f"`schedule.timeZone` {desired.spec.schedule.time_zone!r} is not an IANA time zone with a Windows name, "
            "which Azure requires. Use one such as UTC or Europe/Berlin.",
        )
    return satisfied(reasons.VALID, "The spec is valid.")


def restore_points_within_limit(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A policy that would exceed the limit is refused before Azure is asked."""
    expected = expected_restore_points(desired.spec.schedule, desired.spec.retention)
    if expected.count > desired.limits.policy:
        return parked(
            reasons.TOO_MANY_RESTORE_POINTS,
            f"The policy leads to {expected.count} restore points a disk, and Azure allows {desired.limits.policy}: "
            f"{expected.sum}. Back up less often, or keep fewer days.",
        )
    return satisfied(reasons.VALID, f"Restore points a disk in the worst case: {expected.sum}.")


def vault_ready(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The vault must be ready before a policy can be created in it."""
    name, vault = desired.spec.vault_ref.name, observed.vault
    if isinstance(vault, NotFound):
        return wait(
            reasons.VAULT_NOT_FOUND,
            f"BackupVault {name!r} does not exist. Create it, or name another vault in another policy; the "
            "operator continues automatically once it exists.",
        )
    if vault.id is None or not vault.ready:
        return wait(
            reasons.VAULT_NOT_READY,
            f"BackupVault {name!r} is not ready ({vault.not_ready_reason}). See `kubectl describe backupvault {name}`.",
        )
    return satisfied(reasons.ALL_GOOD, f"BackupVault {name!r} is ready.")


def policy_exists(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The policy is created when it is missing; its name says that its content is right."""
    policy = _id(desired, observed)
    if isinstance(looked_up(observed.policy, Fact.POLICY, policy), Exists):
        return satisfied(reasons.IN_SYNC, f"Azure has the policy {policy.name}.")
    assert desired.content is not None
    is_drift = observed.recorded.is_settled and same_id(observed.recorded.policy_id or "", policy)
    return act(
        CreatePolicy(policy, desired.content),
        reasons.DRIFT_CORRECTED if is_drift else reasons.CREATING,
        f"Creating the policy {policy.name}{', which was deleted in Azure' if is_drift else ''}.",
    )


def predecessors_deleted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """What an edit replaced is deleted when nothing refers to it; until then the policy is usable all the same."""
    old = predecessor(desired, observed)
    here = f"Azure has the policy {_id(desired, observed).name}."
    if old is None:
        return satisfied(reasons.IN_SYNC, here)
    waiting = observed.moving - observed.moved
    if waiting:
        return satisfied(reasons.IN_SYNC, f"{here} Waiting for {waiting} disks to be migrated to it.")
    match observed.uses:
        case NotFetched():
            raise need(Fact.USES, old)
        case FetchFailed():
            return housekeeping(reasons.IN_SYNC, here, None, now + RECHECK_INTERVAL)
        case Uses(instances=(), kept_until=None):
            # With a status that no longer has it, or it would be looked for again.
            return housekeeping(
                reasons.IN_SYNC, f"{here} Its predecessor {old.name} is deleted.", DeletePolicy(old), now
            )
        case Uses() as uses:
            again = min(uses.kept_until or now + SLOW_RECHECK_INTERVAL, now + SLOW_RECHECK_INTERVAL)
            return housekeeping(reasons.IN_SYNC, f"{here} Its predecessor {old.name} stays: {users(uses)}", None, again)
        case _:
            assert_never(observed.uses)


def predecessor(desired: Desired, observed: Observed) -> ArmId | None:
    """Return the policy that is to be deleted next."""
    policy = _id(desired, observed)
    return next((ArmId.parse(each) for each in observed.recorded.made if not same_id(each, policy)), None)


def users(uses: Uses) -> str:
    """Say what refers to a policy."""
    if uses.instances:
        return f"the backup instances {listing(list(uses.instances))} use it."
    assert uses.kept_until is not None
    return f"soft-deleted backup instances refer to it until {clock_time(uses.kept_until)}."


PROVISIONING_RULES = (
    (reasons.ACCEPTED, time_zone_known),
    (reasons.ACCEPTED, restore_points_within_limit),
    (reasons.VAULT_READY, vault_ready),
    (reasons.SYNCED, policy_exists),
    (reasons.SYNCED, predecessors_deleted),
)


def _id(desired: Desired, observed: Observed) -> ArmId:
    assert isinstance(observed.vault, VaultView) and observed.vault.id, "the rule before guarantees it"
    policy = desired.id_in(observed.vault.id)
    assert policy is not None, "the rule before guarantees it"
    return policy
