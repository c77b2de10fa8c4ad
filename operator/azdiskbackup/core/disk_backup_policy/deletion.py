"""What happens to a policy in Azure whose DiskBackupPolicy somebody deletes: what `deletionPolicy` says."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.disk_backup_policy.desired import Desired
from azdiskbackup.core.disk_backup_policy.observed import Fact, Observed
from azdiskbackup.core.disk_backup_policy.rules import Verdict, users
from azdiskbackup.core.disk_backup_policy.steps import DeletePolicy
from azdiskbackup.core.formatting import listing
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.intervals import SLOW_RECHECK_INTERVAL
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import act, fetched, looked_up, satisfied, wait


def no_disk_refers(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A policy is not released while disks refer to it."""
    if observed.disks:
        return wait(
            reasons.IN_USE,
            f"The policy is used by the ProtectedDisks {listing(list(observed.disks))}. Delete them, or name another "
            "policy in them; the operator continues automatically.",
            # What the vault serves may change without a change of the disks.
            now + SLOW_RECHECK_INTERVAL,
        )
    return satisfied(reasons.DELETING, "No ProtectedDisk refers to the policy.")


def policy_deleted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """The policy is deleted unless it is to stay, or was never made."""
    if desired.spec.deletion_policy == "Retain" or observed.recorded.policy_id is None:
        return satisfied(reasons.DELETING, "Nothing is deleted in Azure.")
    policy = ArmId.parse(observed.recorded.policy_id)
    if isinstance(looked_up(observed.policy, Fact.POLICY, policy), NotFound):
        return satisfied(reasons.DELETING, "The policy is deleted.")
    uses = fetched(observed.uses, Fact.USES, policy)
    if not uses.instances and uses.kept_until is None:
        return act(DeletePolicy(policy), reasons.DELETING, f"Deleting the policy {policy.name}.")
    return wait(
        reasons.IN_USE if uses.instances else reasons.BLOCKED_BY_SOFT_DELETE,
        f"The policy {policy.name} cannot be deleted yet: {users(uses)} Set `deletionPolicy: Retain` to delete the "
        "object and keep the policy in Azure.",
        None if uses.instances else min(uses.kept_until or now, now + SLOW_RECHECK_INTERVAL),
    )


DELETION_RULES = (
    (reasons.SYNCED, no_disk_refers),
    (reasons.SYNCED, policy_deleted),
)
