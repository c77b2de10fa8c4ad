"""The last part of the way: the backup instance, its owner, its policy, its state and its mode."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.core.formatting import span
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import (
    in_another_vault,
    is_about_another_disk,
    is_owner,
    may_adopt,
    owned_elsewhere,
)
from azdiskbackup.core.protected_disk.rules.common import (
    CHANGE_TAKES,
    CONFIGURATION_TAKES,
    IN_WORK,
    LOOK_AGAIN,
    POLL,
    STATES_OF_MODE,
    Verdict,
    existing_instance,
    instance_request,
    policy_of,
    reader_grant,
    usable_vault,
    why,
)
from azdiskbackup.core.protected_disk.steps import (
    PutInstance,
    Resume,
    Step,
    Stop,
    Suspend,
    Sync,
    Undelete,
)
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.core.rules.verdicts import do, satisfied, stalled, wait

_BROKEN = {"protectionerror", "configuringprotectionfailed", "invalid"}


def instance_is_ours(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A disk stays in its vault, and an instance that another object or another cluster owns is left alone."""
    vault = usable_vault(observed)
    if in_another_vault(desired, vault):
        return stalled(
            reasons.OTHER_VAULT,
            f"The disk is protected in another vault than {vault.name!r}. `policyRef` may only name policies of "
            "the same vault; to change the vault, delete this object and create another one.",
            now + LOOK_AGAIN,
        )
    if is_about_another_disk(observed):
        # Status is written anew without it, and the next pass looks for the instance by the disk.
        return wait(
            reasons.OWNED_ELSEWHERE,
            "The backup instance that status named protects another disk. The operator looks for this disk's own.",
            now + POLL,
        )
    owner = owned_elsewhere(desired, observed)
    if owner is not None and not may_adopt(observed, vault):
        return stalled(
            reasons.OWNED_ELSEWHERE,
            f"The disk's backup instance is owned by {owner}. Delete it there first, or, if that is another cluster, "
            f"have the BackupVault {vault.name!r} name it in `access.adoptFromClusters`, to take over its backups.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.RESOLVED, "The disk is known, can be protected, and is nobody else's.")


def instance_as_wanted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """There must be a backup instance, not deleted, with the wanted policy."""
    match observed.instance:
        case AzureInstance(soft_deleted_until=until) as instance if until is not None:
            return do(
                Undelete(instance.id),
                why(desired, reasons.UNDELETING),
                "The disk has a soft-deleted backup instance; bringing it back.",
                now + CHANGE_TAKES,
            )
        case AzureInstance() as instance if instance.state.lower() in IN_WORK:
            return satisfied(reasons.CONFIGURING, "The backup instance exists.")
        case AzureInstance() as instance if not same_id(instance.policy_id, policy_of(observed).id):
            return _move(desired, observed, now)
        case AzureInstance():
            return satisfied(reasons.FOUND, "The backup instance exists.")
        case NotFound():
            return do(
                PutInstance(instance_request(desired, observed)),
                reasons.CONFIGURING,
                "Azure is configuring the protection of the disk.",
                now + CONFIGURATION_TAKES,
            )
        case _:
            raise AssertionError("the rule on rights guarantees that the instance was looked at")


def _move(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Another policy on the instance: one that was named or replaced here, or one that somebody set in Azure."""
    wanted = policy_of(observed)
    if desired.spec.protection == "Stopped":
        # To give a stopped instance another policy would resume it.
        return satisfied(reasons.FOUND, f"The backup instance exists; it gets the policy {wanted.name} when resumed.")
    drifted = desired.settled and same_id(desired.known_policy or "", wanted.id or "")
    if not drifted and (observed.turn is None or now < observed.turn):
        return satisfied(reasons.FOUND, f"The backup instance exists; its turn to move to {wanted.name} comes.")
    return do(
        PutInstance(instance_request(desired, observed)),
        reasons.DRIFT_CORRECTED if drifted else reasons.CHANGING_PROTECTION,
        f"Moving the disk to the policy {wanted.name}.",
        now + CONFIGURATION_TAKES,
    )


def azure_says_protected(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A finished request is not yet protection: only Azure's own state is."""
    instance = existing_instance(observed)
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
            Sync(instance.id, reader_grant(observed)),
            reasons.PROTECTION_ERROR,
            f"Azure says {instance.state}. {words}{action} Azure is asked to try again, less often each time.",
            now + CHANGE_TAKES,
        )
    if not any(state in known for known in STATES_OF_MODE.values()):
        # States are open strings: one that nobody knows is shown, and nothing is done on a guess.
        return wait(
            reasons.UNKNOWN_STATE,
            f"Azure says {instance.state or 'nothing'}, which this version does not know. It is looked at "
            f"every {span(LOOK_AGAIN)}.",
            now + LOOK_AGAIN,
        )
    return satisfied(reasons.PROTECTION_CONFIGURED, f"Azure says {instance.state}.")


def mode_as_wanted(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Active, Suspended or Stopped, as the spec says."""
    instance = existing_instance(observed)
    mode = desired.spec.protection
    if instance.state.lower() in STATES_OF_MODE[mode]:
        return satisfied(reasons.PROTECTION_CONFIGURED, f"Azure says {instance.state}.")
    steps: dict[str, Step] = {
        "Active": Resume(instance.id),
        "Suspended": Suspend(instance.id),
        "Stopped": Stop(instance.id),
    }
    return do(
        steps[mode],
        why(desired, reasons.CHANGING_PROTECTION),
        f"Azure says {instance.state}; changing the protection to {mode}.",
        now + CHANGE_TAKES,
    )


def owner_is_written(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """An instance that was adopted gets our tags before anything else is done to it.

    By the tags its backups are found when the cluster is gone, and only by them this object may stop it one day. To
    write to an instance that rests would resume it, and let expire what it keeps: it gets them when it is resumed.
    """
    instance = existing_instance(observed)
    if is_owner(desired, observed, instance) and _describes(desired, instance):
        return satisfied(reasons.PROTECTION_CONFIGURED, f"Azure says {instance.state}.")
    if instance.state.lower() not in STATES_OF_MODE["Active"]:
        return satisfied(reasons.PROTECTION_CONFIGURED, f"Azure says {instance.state}.")
    return do(
        PutInstance(instance_request(desired, observed)),
        reasons.ADOPTING,
        f"Taking over the backup instance {instance.id.name}, which nobody else owns.",
        now + CONFIGURATION_TAKES,
    )


def _describes(desired: Desired, instance: AzureInstance) -> bool:
    return all(instance.tags.get(key) == value for key, value in desired.owner.items())
