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
    Sync,
    Undelete,
    Validate,
)
from azdiskbackup.core.protected_disk.validation import (
    Never,
    Passed,
    Refused,
    Running,
    overdue,
    permission_pause,
)
from azdiskbackup.core.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR, Grant
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
    vault = usable_vault(seen)
    if in_another_vault(want, vault):
        return stalled(
            reasons.OTHER_VAULT,
            f"The disk is protected in another vault than {vault.name!r}. `policyRef` may only name policies of "
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
    """The vault's identity needs the right to read the disk; an instance that works proves that it has it."""
    match seen.instance:
        case Unknown():
            return not_asked(now)
        case Unreadable(error):
            return unreadable(error, now)
        case AzureInstance() as instance if not _rights_in_question(seen, instance):
            return satisfied(reasons.GRANTED, "The disk has a backup instance.")
    match seen.granted:
        case True:
            return satisfied(reasons.GRANTED, f"The vault's identity has {DISK_BACKUP_READER.name} on the disk.")
        case False if not usable_vault(seen).assigns_roles:
            return stalled(reasons.ROLE_MISSING, reader_grant(seen).request, now + LOOK_AGAIN)
        case False:
            grant = reader_grant(seen)
            return do(AssignRole(grant), _why(want, reasons.GRANTING), f"Granting {grant}.")
        case Unreadable(error):
            return unreadable(error, now)
        case _:
            return not_asked(now)


def _rights_in_question(seen: Observed, instance: AzureInstance) -> bool:
    """With the deletion of an instance its right was revoked; and Azure may say that it lacks one."""
    lacks = instance.failure is not None and instance.failure.about_rights
    return instance.soft_deleted_until is not None or lacks or seen.rights_doubted


def _why(want: Desired, reason: str) -> str:
    """Return the reason of a step: what was as wanted before is put back, which somebody should know."""
    return reasons.DRIFT_CORRECTED if want.settled else reason


def azure_agrees(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """Ask Azure whether the vault's identity may really do it: a new right takes up to half an hour to work."""
    if isinstance(seen.instance, AzureInstance):
        return satisfied(reasons.NOT_NEEDED, "The disk already has a backup instance.")
    request = instance_request(want, seen)
    match seen.validation:
        case Never():
            return do(
                Validate(request, reader_grant(seen)),
                _why(want, reasons.VALIDATING),
                "The backup instance was deleted in Azure; protecting the disk anew."
                if want.settled
                else "Asking Azure whether it can back up the disk.",
                now + VALIDATION_TAKES,
            )
        case Running(since=since, refused=before) if before is not None:
            # The words stay those of the refusal, so that a check on the way writes no status.
            return wait(
                before.error.reason,
                _waiting_message(seen, before),
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
            return _after_refusal(seen, request, refusal, now)
        case _:
            assert_never(seen.validation)


def _after_refusal(seen: Observed, request: InstanceRequest, refusal: Refused, now: datetime) -> Verdict:
    error = refusal.error
    ask = Validate(request, reader_grant(seen))
    if not error.waiting_helps:
        again = refusal.at + REFUSAL_STANDS
        message = f"Azure refuses to back up the disk. {_elsewhere(seen)}{error.sentence}"
        if now >= again:
            return do(ask, error.reason, message, now + VALIDATION_TAKES)
        return stalled(error.reason, message, again)
    again = refusal.at + permission_pause(refusal)
    message = _waiting_message(seen, refusal)
    if now >= again:
        return do(ask, error.reason, message, now + VALIDATION_TAKES)
    if isinstance(error, PermissionsMissing) and overdue(refusal):
        return stalled(error.reason, message, again)
    return wait(error.reason, message, again)


def _elsewhere(seen: Observed) -> str:
    """Say where the disk is protected, if that is known."""
    if seen.holder is None:
        return ""
    holder = seen.holder.id
    cluster, namespace, name = (seen.holder.tags.get(key, "") for key in OWNER_TAGS)
    owner = f" It is owned by the cluster {cluster} (ProtectedDisk {namespace}/{name})." if cluster else ""
    return (
        f"The backup instance {holder.name} in the vault {holder.path[1]} of {holder.group} (subscription "
        f"{holder.subscription}) protects the disk already.{owner} Delete it there first. "
    )


def _waiting_message(seen: Observed, refusal: Refused) -> str:
    again = clock_time(refusal.at + permission_pause(refusal))
    waited = span(refusal.at - refusal.first)
    if not isinstance(refusal.error, PermissionsMissing):
        return f"Azure does not accept the disk yet, next try at {again}. {refusal.error.sentence}"
    if overdue(refusal):
        grant = reader_grant(seen)
        request = usable_vault(seen).snapshot_group_for(grant.subscription)
        return (
            f"Azure has not let the vault back up the disk for {waited}, longer than rights take to spread. Look "
            f"whether the identity {grant.principal} has the role {grant.role.name} on {grant.scope} and the role "
            f"{DISK_SNAPSHOT_CONTRIBUTOR.name} on {request}, and whether a deny assignment stands against it. Next "
            f"try at {again}. {refusal.error.sentence}"
        )
    return (
        "Azure does not let the vault read the disk or write its snapshots yet: new rights take "
        f"up to 30 minutes to work. Waiting for {waited} now, next try at {again}. {refusal.error.sentence}"
    )


def instance_as_wanted(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """There must be a backup instance, not deleted, with the wanted policy."""
    match seen.instance:
        case AzureInstance(soft_deleted_until=until) as instance if until is not None:
            return do(
                Undelete(instance.id),
                _why(want, reasons.UNDELETING),
                "The disk has a soft-deleted backup instance; bringing it back.",
                now + CHANGE_TAKES,
            )
        case AzureInstance() as instance if instance.state.lower() in IN_WORK:
            return satisfied(reasons.CONFIGURING, "The backup instance exists.")
        case AzureInstance() as instance if not same_id(instance.policy_id, _policy(seen).id):
            return _move(want, seen, now)
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


def _move(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """Another policy on the instance: one that was named or replaced here, or one that somebody set in Azure."""
    wanted = _policy(seen)
    if want.spec.protection == "Stopped":
        # To give a stopped instance another policy would resume it.
        return satisfied(reasons.FOUND, f"The backup instance exists; it gets the policy {wanted.name} when resumed.")
    drifted = want.settled and same_id(want.known_policy or "", wanted.id or "")
    if not drifted and (seen.turn is None or now < seen.turn):
        return satisfied(reasons.FOUND, f"The backup instance exists; its turn to move to {wanted.name} comes.")
    return do(
        PutInstance(instance_request(want, seen)),
        reasons.DRIFT_CORRECTED if drifted else reasons.CHANGING_PROTECTION,
        f"Moving the disk to the policy {wanted.name}.",
        now + CONFIGURATION_TAKES,
    )


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
        return do(
            Sync(instance.id, reader_grant(seen)),
            reasons.PROTECTION_ERROR,
            f"Azure says {instance.state}. {words}{action} Azure is asked to try again, less often each time.",
            now + CHANGE_TAKES,
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
        _why(want, reasons.CHANGING_PROTECTION),
        f"Azure says {instance.state}; changing the protection to {mode}.",
        now + CHANGE_TAKES,
    )


def owner_is_written(want: Desired, seen: Observed, now: datetime) -> Verdict:
    """An instance that was adopted gets our tags, by which its backups are found when the cluster is gone."""
    instance = existing_instance(seen)
    written = all(instance.tags.get(key) == value for key, value in want.owner.items())
    if written or want.spec.protection != "Active":
        return satisfied(reasons.PROTECTION_CONFIGURED, f"Azure says {instance.state}.")
    return do(
        PutInstance(instance_request(want, seen)),
        reasons.ADOPTING,
        f"Taking over the backup instance {instance.id.name}, which nobody else owns.",
        now + CONFIGURATION_TAKES,
    )


# --- what the rules share ------------------------------------------------------------------------------------------


def reader_grant(seen: Observed) -> Grant:
    """Return the right that the vault's identity needs on the disk, or on the disk's group."""
    assert isinstance(seen.disk, AzureDisk)
    vault, disk = usable_vault(seen), seen.disk.id
    scope = disk.resource_group if vault.role_scope == "ResourceGroup" else disk
    return Grant(str(scope), disk.subscription, DISK_BACKUP_READER, vault.principal or "")


def instance_request(want: Desired, seen: Observed) -> InstanceRequest:
    """Return the backup instance that is wanted.

    The name and the snapshot group of an instance that exists stay: Azure never lets them change.
    """
    vault = usable_vault(seen)
    assert isinstance(seen.disk, AzureDisk) and vault.id
    group = str(vault.snapshot_group_for(seen.disk.id.subscription))
    name, tags = vault.id.child("backupInstances", instance_name(seen.disk.id)), want.owner
    if isinstance(seen.instance, AzureInstance):
        name, tags = seen.instance.id, {**seen.instance.tags, **want.owner}
        group = seen.instance.snapshot_group_id or group
    return InstanceRequest(
        id=name,
        disk=seen.disk,
        policy_id=_policy(seen).id or "",
        snapshot_group_id=group,
        tags=tags,
        identity=vault.identity,
    )


def usable_vault(seen: Observed) -> VaultView:
    """Return the vault, which the first rule guarantees."""
    assert isinstance(seen.vault, VaultView), "the first rule guarantees it"
    return seen.vault


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
