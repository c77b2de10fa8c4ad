"""The backup instance: its existence, its policy, its state, its owner, its mode."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId, is_within, same_id
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.objects.azure import (
    STATES_OF_MODE,
    AzureDisk,
    AzureInstance,
    InstanceRequest,
    has_tags,
    with_tags,
)
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS, Desired
from azdiskbackup.core.protected_disk.observed import Fact, Observed
from azdiskbackup.core.protected_disk.ownership import is_owner, owner_tags
from azdiskbackup.core.protected_disk.steps import PutInstance, Resume, Step, Stop, Suspend, Sync, Undelete
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.backoff import RECHECKED
from azdiskbackup.core.rules.intervals import CONFIGURATION_TAKES, INSTANCE_CHANGE_TAKES
from azdiskbackup.core.rules.lookup import NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import act, housekeeping, need, satisfied, wait

Verdict: TypeAlias = verdicts.Verdict[Step]

_BROKEN = {"protectionerror", "configuringprotectionfailed", "invalid"}


def instance_exists_with_policy(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """There must be a backup instance, not deleted, with the desired policy."""
    match observed.instance:
        case AzureInstance(soft_deleted_until=until) as instance if until is not None:
            return act(
                Undelete(instance.id),
                observed.recorded.unless_drift(reasons.UNDELETING),
                "The disk has a soft-deleted backup instance. The operator undeletes it.",
                now + INSTANCE_CHANGE_TAKES,
            )
        case AzureInstance() as instance if instance.is_changing:
            return satisfied(reasons.CONFIGURING, "The backup instance exists.")
        case AzureInstance() as instance if not same_id(instance.policy_id, observed.usable_policy.id):
            return _migrate(desired, observed, now)
        case AzureInstance():
            return satisfied(reasons.EXISTS, "The backup instance exists.")
        case NotFound():
            return act(
                PutInstance(instance_request(desired, observed)),
                reasons.CONFIGURING,
                "Azure is configuring protection of the disk.",
                now + CONFIGURATION_TAKES,
                hint=conflict_of(observed).strip() or None,
            )
        case _:
            raise AssertionError("the rule on roles guarantees that the instance was fetched")


def _migrate(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Another policy on the instance: one that was named or replaced here, or one that somebody set in Azure."""
    policy = observed.usable_policy
    if desired.spec.protection == "Stopped":
        # To give a stopped instance another policy would resume it.
        return satisfied(
            reasons.EXISTS, f"The backup instance exists. It is migrated to the policy {policy.name!r} when resumed."
        )
    is_drift = observed.recorded.is_settled and same_id(observed.recorded.policy_id or "", policy.id or "")
    if not is_drift:
        if isinstance(observed.migrate_at, NotFetched):
            raise need(Fact.MIGRATION_TURN)
        if now < observed.migrate_at:
            return satisfied(
                reasons.EXISTS,
                f"The backup instance exists. Waiting for its turn to be migrated to the policy {policy.name!r}.",
            )
    return act(
        PutInstance(instance_request(desired, observed)),
        reasons.DRIFT_CORRECTED if is_drift else reasons.CHANGING_PROTECTION,
        f"Migrating the disk to the policy {policy.name!r}.",
        now + CONFIGURATION_TAKES,
    )


def protection_configured(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """A finished request is not yet protection: only Azure's own state is."""
    instance = observed.existing_instance
    state = instance.state.lower()
    if instance.is_changing:
        return wait(reasons.CONFIGURING, "Azure is configuring protection of the disk.", every=INSTANCE_CHANGE_TAKES)
    if state in _BROKEN:
        words = instance.failure.words if instance.failure else "It gives no reason."
        return act(
            Sync(instance.id, observed.reader_grant),
            reasons.PROTECTION_ERROR,
            f"Azure reports {instance.state}. {words} The operator asks Azure to retry, with increasing pauses.",
            now + INSTANCE_CHANGE_TAKES,
        )
    if not any(state in known for known in STATES_OF_MODE.values()):
        # States are open strings: one that nobody knows is shown, and nothing is done on a guess.
        return wait(
            reasons.UNKNOWN_STATE,
            f"Azure reports the state {instance.state or 'nothing'}, which this version does not know. The operator "
            f"checks again {RECHECKED}; an upgrade may help.",
        )
    return _configured(instance)


def _configured(instance: AzureInstance) -> Verdict:
    return satisfied(reasons.PROTECTION_CONFIGURED, f"Azure reports {instance.state}.")


def owner_tags_written(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """An instance that was adopted gets our tags before anything else is done to it.

    By the tags its backups are found when the cluster is gone, and only by them this object may stop it one day. To
    write to an instance that rests would resume it, and let expire what it keeps: it gets them when it is resumed.
    """
    instance = observed.existing_instance
    is_ours = is_owner(desired, observed, instance)
    if (is_ours and has_tags(instance.tags, desired.owner)) or not instance.is_in_mode("Active"):
        return _configured(instance)
    if is_ours:
        # The others only tell people more: the disk is protected without them.
        return housekeeping(
            observed.recorded.unless_drift(reasons.DRIFT_DETECTED),
            f"Azure reports {instance.state}. Tags of the backup instance differ; the operator corrects them.",
            PutInstance(instance_request(desired, observed)),
        )
    return act(
        PutInstance(instance_request(desired, observed)),
        reasons.ADOPTING,
        f"Adopting the backup instance {instance.id.name}, which has no other owner.",
        now + CONFIGURATION_TAKES,
    )


def protection_mode(desired: Desired, observed: Observed, now: datetime) -> Verdict:
    """Active, Suspended or Stopped, as the spec says."""
    instance = observed.existing_instance
    mode = desired.spec.protection
    if instance.is_in_mode(mode):
        return _configured(instance)
    steps: dict[str, Step] = {
        "Active": Resume(instance.id),
        "Suspended": Suspend(instance.id),
        "Stopped": Stop(instance.id),
    }
    verdict = act(
        steps[mode],
        observed.recorded.unless_drift(reasons.CHANGING_PROTECTION),
        f"Azure reports {instance.state}. The operator changes protection to {mode}.",
        now + INSTANCE_CHANGE_TAKES,
    )
    return verdict if mode == "Active" else with_guard(verdict, observed, f"change its protection to {mode}", instance)


def with_guard(verdict: Verdict, observed: Observed, what: str, instance: AzureInstance) -> Verdict:
    """Return a verdict that says who can do it if a Resource Guard of the vault does not let the operator."""
    if not isinstance(observed.vault, VaultView) or not observed.vault.is_guarded:
        return verdict
    hint = (
        f"{verdict.hint or ''} A Resource Guard protects the vault: get the approval of its administrators, open the "
        f"backup instance {instance.id.name} in the Azure portal and {what}. The operator continues automatically."
    )
    return replace(verdict, hint=hint.strip(), refusal_reason=reasons.RESOURCE_GUARD)


def instance_request(desired: Desired, observed: Observed) -> InstanceRequest:
    """Return the desired backup instance.

    The name and the snapshot group of an instance that exists stay, since Azure never lets them change, and so does the
    identity that has the roles on its disk.
    """
    vault = observed.usable_vault
    assert isinstance(observed.disk, AzureDisk) and vault.id
    group = str(vault.snapshot_group_for(observed.disk.id.subscription))
    name, identity = vault.id.child("backupInstances", instance_name(observed.disk.id)), vault.identity
    tags = owner_tags(desired, observed)
    recorded = observed.recorded.instance_id
    if recorded is not None and is_within(recorded, vault.id):
        # One that was adopted had another name; what takes its place is looked for under that.
        name = ArmId.parse(recorded)
    if isinstance(observed.instance, AzureInstance):
        name, tags = observed.instance.id, with_tags(observed.instance.tags, tags)
        group, identity = observed.instance.snapshot_group_id or group, observed.instance.identity
    return InstanceRequest(
        id=name,
        disk=observed.disk,
        policy_id=observed.usable_policy.id or "",
        snapshot_group_id=group,
        tags=tags,
        identity=identity,
    )


def conflict_of(observed: Observed) -> str:
    """Say where the disk is protected, if that is known."""
    conflict = observed.conflicting_instance
    if not isinstance(conflict, AzureInstance):
        return ""
    cluster, namespace, name = (conflict.tags.get(key, "") for key in OWNER_TAGS)
    owner = f" It is owned by the cluster {cluster} (ProtectedDisk {namespace}/{name})." if cluster else ""
    return (
        f"The backup instance {conflict.id.name} in the vault {conflict.id.path[1]} of {conflict.id.group} "
        f"(subscription {conflict.id.subscription}) already protects it.{owner} Delete it there first. "
    )
