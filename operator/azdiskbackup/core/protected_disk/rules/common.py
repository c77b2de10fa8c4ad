"""What the rules share: what was observed, in the form in which they need it."""

from __future__ import annotations

from typing import TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId, is_within
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

Verdict: TypeAlias = verdicts.Verdict[Step]

STATES_OF_MODE = {
    "Active": {"protectionconfigured"},
    # The service sends BackupsSuspended; its documents say BackupSchedulesSuspended.
    "Suspended": {"backupssuspended", "backupschedulessuspended"},
    "Stopped": {"protectionstopped"},
}
CHANGING_STATES = {"configuringprotection", "updatingprotection", "softdeleting"}


def is_changing(instance: object) -> bool:
    """Return whether Azure is changing an instance right now."""
    return isinstance(instance, AzureInstance) and instance.state.lower() in CHANGING_STATES


def reader_grant(observed: Observed) -> Grant:
    """Return the role that the vault's identity needs on the disk, or on the disk's group."""
    assert isinstance(observed.disk, AzureDisk)
    vault, disk = usable_vault(observed), observed.disk.id
    scope = disk.resource_group if vault.role_scope == "ResourceGroup" else disk
    return Grant(str(scope), disk.subscription, DISK_BACKUP_READER, vault.principal or "")


def instance_request(desired: Desired, observed: Observed) -> InstanceRequest:
    """Return the desired backup instance.

    The name and the snapshot group of an instance that exists stay, since Azure never lets them change, and so does the
    identity that has the roles on its disk.
    """
    vault = usable_vault(observed)
    assert isinstance(observed.disk, AzureDisk) and vault.id
    group = str(vault.snapshot_group_for(observed.disk.id.subscription))
    name, identity = vault.id.child("backupInstances", instance_name(observed.disk.id)), vault.identity
    tags = owner_tags(desired, observed)
    recorded = observed.recorded.instance_id
    if recorded is not None and is_within(recorded, vault.id):
        # One that was adopted had another name; what takes its place is looked for under that.
        name = ArmId.parse(recorded)
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


def unless_drift(observed: Observed, reason: str) -> str:
    """Return the reason of a step: what was as desired before is put back, which somebody should know."""
    return reasons.DRIFT_CORRECTED if observed.recorded.is_settled else reason
