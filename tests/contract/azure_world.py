"""Vaults, rights and disks in the simulator, for the tests of the gateways."""

from __future__ import annotations

import uuid
from datetime import timedelta

from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId, vault_id
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR, Grant
from azdiskbackup.core.objects.azure import AzureInstance, AzureVault, InstanceRequest, VaultSettings
from azdiskbackup.core.objects.policy_content import PolicyContent
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azure_simulator.client import Simulator
from harness.objects import DISK_GROUP, LOCATION, SNAPSHOT_GROUP, SUBSCRIPTION, VAULT_GROUP

SETTINGS = VaultSettings("LocallyRedundant", "On", 14, "Disabled", {"env": "test"})
CONTENT = PolicyContent("BackupHourly", "R/2024-01-01T02:00:00+00:00/PT4H", "UTC", {"Default": 7, "Daily": 30})
SNAPSHOTS = ResourceGroupId(SUBSCRIPTION, SNAPSHOT_GROUP)


def new_vault() -> ArmId:
    return vault_id(SUBSCRIPTION, VAULT_GROUP, f"v-{uuid.uuid4()}")


async def made_vault(azure: Azure, simulator: Simulator) -> AzureVault:
    vault = new_vault()
    await azure.vaults.submit_create(vault, LOCATION, SETTINGS)
    simulator.advance(seconds=2)
    found = await azure.vaults.get(vault)
    assert isinstance(found, AzureVault)
    return found


async def request_for(azure: Azure, simulator: Simulator, vault: AzureVault, *, rights: bool = True) -> InstanceRequest:
    """Return what protects a new disk in a vault, with a policy and with the rights, or without."""
    name = f"d-{uuid.uuid4()}"
    disk_id = ArmId.parse(
        simulator.seed(disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": name, "location": LOCATION}])[
            "disks"
        ][0]
    )
    policy = vault.id.child("backupPolicies", CONTENT.name("gold"))
    await azure.policies.create(policy, CONTENT)
    if rights:
        for grant in grants(vault, disk_id):
            await azure.roles.create(grant)
        simulator.advance(minutes=11)
    disk = await azure.resources.get_disk(disk_id)
    assert disk is not NOT_FOUND
    instance = vault.id.child("backupInstances", instance_name(disk_id))
    return InstanceRequest(instance, disk, str(policy), str(SNAPSHOTS), {"owner": "me"})  # type: ignore[arg-type]


def grants(vault: AzureVault, disk: ArmId) -> list[Grant]:
    principal = vault.principal_id or ""
    return [
        Grant(str(disk), SUBSCRIPTION, DISK_BACKUP_READER, principal),
        Grant(str(SNAPSHOTS), SUBSCRIPTION, DISK_SNAPSHOT_CONTRIBUTOR, principal),
    ]


async def protected(azure: Azure, simulator: Simulator) -> InstanceRequest:
    request = await request_for(azure, simulator, await made_vault(azure, simulator))
    await azure.instances.submit_create_or_update(request)
    simulator.advance(seconds=61)
    return request


def quiet_hours(simulator: Simulator) -> None:
    """Go to ten minutes after a time of the schedule: nothing is scheduled for hours then."""
    now = simulator.now
    hours = (2 - now.hour) % 4 or 4
    due = now.replace(minute=10, second=0, microsecond=0) + timedelta(hours=hours)
    simulator.advance(seconds=(due - now).total_seconds())


async def state(azure: Azure, instance: ArmId) -> str:
    found = await azure.instances.get(instance)
    assert isinstance(found, AzureInstance)
    return found.state
