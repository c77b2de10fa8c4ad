"""What the rules share: what was seen, in the form in which they need it, and how they say that it is not known."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

from azdiskbackup.core.formatting import span
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, Grant
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, InstanceRequest
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import owner_tags
from azdiskbackup.core.protected_disk.steps import Step
from azdiskbackup.core.rules import reasons, verdicts
from azdiskbackup.core.rules.verdicts import wait
from azdiskbackup.errors import OperatorError

Verdict: TypeAlias = verdicts.Verdict[Step]

LOOK_AGAIN = timedelta(minutes=5)
# A validation takes about a minute, and so does the configuration of an instance after its PUT has succeeded.
# Asking before is a wasted call.
VALIDATION_TAKES = timedelta(seconds=65)
CONFIGURATION_TAKES = timedelta(seconds=65)
CHANGE_TAKES = timedelta(seconds=20)
POLL = timedelta(seconds=20)

STATES_OF_MODE = {
    "Active": {"protectionconfigured"},
    # The service sends BackupsSuspended; its documents say BackupSchedulesSuspended.
    "Suspended": {"backupssuspended", "backupschedulessuspended"},
    "Stopped": {"protectionstopped"},
}
IN_WORK = {"configuringprotection", "updatingprotection", "softdeleting"}


def in_work(instance: object) -> bool:
    """Return whether Azure is changing an instance right now."""
    return isinstance(instance, AzureInstance) and instance.state.lower() in IN_WORK


def reader_grant(observed: Observed) -> Grant:
    """Return the right that the vault's identity needs on the disk, or on the disk's group."""
    assert isinstance(observed.disk, AzureDisk)
    vault, disk = usable_vault(observed), observed.disk.id
    scope = disk.resource_group if vault.role_scope == "ResourceGroup" else disk
    return Grant(str(scope), disk.subscription, DISK_BACKUP_READER, vault.principal or "")


def instance_request(desired: Desired, observed: Observed) -> InstanceRequest:
    """Return the backup instance that is wanted.

    The name and the snapshot group of an instance that exists stay, since Azure never lets them change, and so does the
    identity that has the rights on its disk.
    """
    vault = usable_vault(observed)
    assert isinstance(observed.disk, AzureDisk) and vault.id
    group = str(vault.snapshot_group_for(observed.disk.id.subscription))
    name, identity = vault.id.child("backupInstances", instance_name(observed.disk.id)), vault.identity
    tags = owner_tags(desired, observed)
    if desired.known_instance is not None and desired.known_instance.lower().startswith(f"{vault.id}/".lower()):
        # One that was adopted had another name; what takes its place is looked for under that.
        name = ArmId.parse(desired.known_instance)
    if isinstance(observed.instance, AzureInstance):
        name, tags = observed.instance.id, {**observed.instance.tags, **tags}
        group, identity = observed.instance.snapshot_group_id or group, observed.instance.identity
    return InstanceRequest(
        id=name,
        disk=observed.disk,
        policy_id=policy_of(observed).id or "",
        snapshot_group_id=group,
        tags=tags,
        identity=identity,
    )


def usable_vault(observed: Observed) -> VaultView:
    """Return the vault, which the first rule guarantees."""
    assert isinstance(observed.vault, VaultView), "the first rule guarantees it"
    return observed.vault


def existing_instance(observed: Observed) -> AzureInstance:
    """Return the instance, which a rule before guarantees."""
    assert isinstance(observed.instance, AzureInstance), "the rule before guarantees it"
    return observed.instance


def policy_of(observed: Observed) -> PolicyView:
    """Return the policy, which the first rule guarantees."""
    assert isinstance(observed.policy, PolicyView), "the first rule guarantees it"
    return observed.policy


def not_asked(now: datetime) -> Verdict:
    """Say that Azure was not asked in this pass."""
    return wait(reasons.NOT_YET_KNOWN, "Azure was not asked yet.", now)


def unreadable(error: OperatorError, now: datetime) -> Verdict:
    """Say what Azure answered instead."""
    # Without the time, which would be a write of status at each look.
    return wait(error.reason, f"{error.user_message} It is tried again every {span(LOOK_AGAIN)}.", now + LOOK_AGAIN)


def why(desired: Desired, reason: str) -> str:
    """Return the reason of a step: what was as wanted before is put back, which somebody should know."""
    return reasons.DRIFT_CORRECTED if desired.settled else reason
