"""The second half of the way: rights, Azure's validation, the backup instance and its state."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from azdiskbackup.core import reasons, verdicts
from azdiskbackup.core.arm_ids import same_id
from azdiskbackup.core.azure_model import AzureDisk, AzureInstance, InstanceRequest
from azdiskbackup.core.naming import instance_name
from azdiskbackup.core.policy_view import PolicyView
from azdiskbackup.core.presence import Absent, Unknown, Unreadable
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS, Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.steps import (
    AssignRole,
    PutInstance,
    Resume,
    Step,
    Stop,
    Suspend,
    Undelete,
    Validate,
)
from azdiskbackup.core.protected_disk.validation import (
    Never,
    Passed,
    Refused,
    Running,
    permission_pause,
)
from azdiskbackup.core.roles import DISK_BACKUP_READER, Grant
from azdiskbackup.core.vault_view import VaultView
from azdiskbackup.core.verdicts import do, satisfied, stalled, wait
from azdiskbackup.core.words import clock_time, span
from azdiskbackup.errors import OperatorError, PermissionsMissing

Verdict: TypeAlias = verdicts.Verdict[Step]

LOOK_AGAIN = timedelta(minutes=5)
# A validation takes about a minute, and so does the configuration of an instance after its PUT has succeeded.
# Asking before is a wasted call.
VALIDATION_TAKES = timedelta(seconds=65)
CONFIGURATION_TAKES = timedelta(seconds=65)
CHANGE_TAKES = timedelta(seconds=20)
POLL = timedelta(seconds=20)
REFUSAL_STANDS = timedelta(hours=1)

STATES_OF_MODE = {
    "Active": {"protectionconfigured"},
    # The service sends BackupsSuspended; its documents say BackupSchedulesSuspended.
    "Suspended": {"backupssuspended", "backupschedulessuspended"},
    "Stopped": {"protectionstopped"},
}
IN_WORK = {"configuringprotection", "updatingprotection", "softdeleting"}
_BROKEN = {"protectionerror", "configuringprotectionfailed", "invalid"}


def instance_is_ours(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """A disk stays in its vault, and an instance that another object or another cluster owns is left alone."""
    assert isinstance(seen.vault, VaultView), "the first rule guarantees it"
    if in_another_vault(want, seen.vault):
        return stalled(
            reasons.OTHER_VAULT,
            f"The disk is protected in another vault than {seen.vault.name!r}. `policyRef` may only name policies of "
            "the same vault; to change the vault, delete this object and create another one.",
            now + LOOK_AGAIN,
        )
    owner = owned_elsewhere(want, seen)
    if owner is not None:
        return stalled(
            reasons.OWNED_ELSEWHERE,
            f"The disk's backup instance is owned by {owner}. Delete it there first.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.RESOLVED, "The disk is known, can be protected, and is nobody else's.")


def in_another_vault(want: Desired, vault: VaultView) -> bool:
    """Return whether the known instance is in another vault than a given one."""
    if want.known_instance is None or vault.id is None:
        return False
    return not want.known_instance.lower().startswith(f"{vault.id}/".lower())


def owned_elsewhere(want: Desired, seen: Observed) -> str | None:
    """Return who else owns the instance; one without an owner, or of an object that is gone, may be adopted."""
    if not isinstance(seen.instance, AzureInstance):
        return None
    tags = seen.instance.tags
    cluster, namespace, name = (tags.get(key, "") for key in OWNER_TAGS)
    if not cluster:
        return None
    if cluster != want.owner[OWNER_TAGS[0]]:
        return f"the cluster {cluster} (ProtectedDisk {namespace}/{name})"
    if (namespace, name) != (want.namespace, want.name) and f"{namespace}/{name}" in seen.live_disks:
        return f"the ProtectedDisk {namespace}/{name}"
    return None


def vault_may_read_disk(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """The vault's identity needs the right to read the disk; an instance that exists proves that it has it."""
    match seen.instance:
        case Unknown():
            return not_asked(now)
        case Unreadable(error):
            return unreadable(error, now)
        case AzureInstance():
            return satisfied(reasons.GRANTED, "The disk has a backup instance.")
    match seen.granted:
        case True:
            return satisfied(reasons.GRANTED, f"The vault's identity has {DISK_BACKUP_READER.name} on the disk.")
        case False:
            grant = reader_grant(seen)
            return do(AssignRole(grant), reasons.GRANTING, f"Granting {grant}.")
        case Unreadable(error):
            return unreadable(error, now)
        case _:
            return not_asked(now)


def azure_agrees(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """Ask Azure whether the vault's identity may really do it: a new right takes up to half an hour to work."""
    if isinstance(seen.instance, AzureInstance):
        return satisfied(reasons.NOT_NEEDED, "The disk already has a backup instance.")
    request = instance_request(want, seen)
    match seen.validation:
        case Never():
            return do(
                Validate(request),
                reasons.VALIDATING,
                "Asking Azure whether it can back up the disk.",
                now + VALIDATION_TAKES,
            )
        case Running(since=since, refused=before) if before is not None:
            # The words stay those of the refusal, so that a check on the way writes no status.
            return wait(
                before.error.reason,
                _waiting_message(before),
                max(since + VALIDATION_TAKES, now + POLL),
            )
        case Running(since=since):
            return wait(
                reasons.VALIDATING,
                f"Azure has been checking since {clock_time(since)} whether it can back up the disk.",
                max(since + VALIDATION_TAKES, now + POLL),
            )
        case Passed():
            return satisfied(reasons.PASSED, "Azure accepts the disk for backup.")
        case Refused() as refusal:
            return _after_refusal(request, refusal, now)
        case _:
            assert_never(seen.validation)


def _after_refusal(request: InstanceRequest, refusal: Refused, now: datetime) -> Verdict:
    error = refusal.error
    if not error.waiting_helps:
        again = refusal.at + REFUSAL_STANDS
        message = f"Azure refuses to back up the disk. {error.sentence}"
        if now >= again:
            return do(Validate(request), error.reason, message, now + VALIDATION_TAKES)
        return stalled(error.reason, message, again)
    again = refusal.at + permission_pause(refusal.tries)
    if now < again:
        return wait(error.reason, _waiting_message(refusal), again)
    return do(Validate(request), error.reason, _waiting_message(refusal), now + VALIDATION_TAKES)


def _waiting_message(refusal: Refused) -> str:
    again = refusal.at + permission_pause(refusal.tries)
    if not isinstance(refusal.error, PermissionsMissing):
        return f"Azure does not accept the disk yet, next try at {clock_time(again)}. {refusal.error.sentence}"
    return (
        "Azure does not let the vault read the disk or write its snapshots yet: new rights take "
        f"up to 30 minutes to work. Waiting for {span(refusal.at - refusal.first)} now, next try "
        f"at {clock_time(again)}. {refusal.error.sentence}"
    )


def instance_as_wanted(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """There must be a backup instance, not deleted, with the wanted policy."""
    match seen.instance:
        case AzureInstance(soft_deleted_until=until) as instance if until is not None:
            return do(
                Undelete(instance.id),
                reasons.UNDELETING,
                "The disk has a soft-deleted backup instance; bringing it back.",
                now + CHANGE_TAKES,
            )
        case AzureInstance() as instance if instance.state.lower() in IN_WORK:
            return satisfied(reasons.CONFIGURING, "The backup instance exists.")
        case AzureInstance() as instance if not same_id(instance.policy_id, _policy(seen).id):
            return do(
                PutInstance(instance_request(want, seen)),
                reasons.CHANGING_PROTECTION,
                f"Moving the disk to the policy {_policy(seen).name}.",
                now + CONFIGURATION_TAKES,
            )
        case AzureInstance():
            return satisfied(reasons.FOUND, "The backup instance exists.")
        case Absent():
            return do(
                PutInstance(instance_request(want, seen)),
                reasons.CONFIGURING,
                "Azure is configuring the protection of the disk.",
                now + CONFIGURATION_TAKES,
            )
        case _:
            raise AssertionError("the rule on rights guarantees that the instance was looked at")


def azure_says_protected(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """A finished request is not yet protection: only Azure's own state is."""
    instance = existing_instance(seen)
    state = instance.state.lower()
    if state in IN_WORK:
        return wait(
            reasons.CONFIGURING,
            "Azure is configuring the protection of the disk.",
            now + POLL,
        )
    if state in _BROKEN:
        failure = instance.failure
        words = f"{failure.code}: {failure.message}" if failure else "It gives no reason."
        action = f" Azure recommends: {failure.action}" if failure and failure.action else ""
        return wait(
            reasons.PROTECTION_ERROR,
            f"Azure says {instance.state}. {words}{action} Looked at again at {clock_time(now + LOOK_AGAIN)}.",
            now + LOOK_AGAIN,
        )
    if not any(state in known for known in STATES_OF_MODE.values()):
        # States are open strings: one that nobody knows is shown, and nothing is done on a guess.
        return wait(
            reasons.UNKNOWN_STATE,
            f"Azure says {instance.state or 'nothing'}, which this version does not know. Looked at again at "
            f"{clock_time(now + LOOK_AGAIN)}.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.PROTECTION_CONFIGURED, f"Azure says {instance.state}.")


def mode_as_wanted(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """Active, Suspended or Stopped, as the spec says."""
    instance = existing_instance(seen)
    mode = want.spec.protection
    if instance.state.lower() in STATES_OF_MODE[mode]:
        return satisfied(reasons.PROTECTION_CONFIGURED, f"Azure says {instance.state}.")
    steps: dict[str, Step] = {
        "Active": Resume(instance.id),
        "Suspended": Suspend(instance.id),
        "Stopped": Stop(instance.id),
    }
    return do(
        steps[mode],
        reasons.CHANGING_PROTECTION,
        f"Azure says {instance.state}; changing the protection to {mode}.",
        now + CHANGE_TAKES,
    )


# --- what the rules share ------------------------------------------------------------------------------------------


def reader_grant(seen: Observed) -> Grant:
    """Return the right that the vault's identity needs on the disk."""
    assert isinstance(seen.disk, AzureDisk) and isinstance(seen.vault, VaultView)
    return Grant(str(seen.disk.id), seen.disk.id.subscription, DISK_BACKUP_READER, seen.vault.principal or "")


def instance_request(want: Desired, seen: Observed) -> InstanceRequest:
    """Return the backup instance that is wanted.

    The snapshot group of an instance that exists stays: Azure never lets it change.
    """
    assert isinstance(seen.disk, AzureDisk) and isinstance(seen.vault, VaultView) and seen.vault.id
    group = str(seen.vault.snapshot_group_for(seen.disk.id.subscription))
    if isinstance(seen.instance, AzureInstance) and seen.instance.snapshot_group_id:
        group = seen.instance.snapshot_group_id
    return InstanceRequest(
        id=seen.vault.id.child("backupInstances", instance_name(seen.disk.id)),
        disk=seen.disk,
        policy_id=_policy(seen).id or "",
        snapshot_group_id=group,
        tags=want.owner,
    )


def existing_instance(seen: Observed) -> AzureInstance:
    """Return the instance, which a rule before guarantees."""
    assert isinstance(seen.instance, AzureInstance), "the rule before guarantees it"
    return seen.instance


def _policy(seen: Observed) -> PolicyView:
    assert isinstance(seen.policy, PolicyView), "the first rule guarantees it"
    return seen.policy


def not_asked(now: datetime) -> Verdict:
    """Say that Azure was not asked in this pass."""
    return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)


def unreadable(error: OperatorError, now: datetime) -> Verdict:
    """Say what Azure answered instead."""
    again = now + LOOK_AGAIN
    return wait(error.reason, f"{error.sentence} Next try at {clock_time(again)}.", again)
