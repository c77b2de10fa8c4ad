"""Gateways for vaults, policies, disks and rights against the simulator, over TLS, through the real SDKs."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from azure.identity.aio import WorkloadIdentityCredential

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.gateways import encode
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId, same_id, vault_id
from azdiskbackup.core.identity.roles import DISK_SNAPSHOT_CONTRIBUTOR, Grant
from azdiskbackup.core.objects.azure import AzureVault
from azdiskbackup.core.objects.policy_content import PolicyContent
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.errors import (
    InvalidRequest,
    Waiting,
)
from azure_simulator.client import Simulator
from contract.azure_world import (
    CONTENT,
    SETTINGS,
    SNAPSHOTS,
    made_vault,
    new_vault,
)
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION

# --- vaults and policies ------------------------------------------------------------------------


async def test_a_vault_is_absent_then_provisioned_then_gone(azure: Azure, simulator: Simulator) -> None:
    vault = new_vault()
    assert await azure.vaults.get(vault) is NOT_FOUND
    await azure.vaults.submit_create(vault, LOCATION, SETTINGS)
    found = await azure.vaults.get(vault)
    assert isinstance(found, AzureVault) and found.provisioning_state == "Provisioning"
    assert found.principal_id and found.settings == SETTINGS and same_id(found.id, vault)
    simulator.advance(seconds=2)
    await azure.vaults.submit_update(vault, replace(SETTINGS, soft_delete_days=30, tags={"env": "x"}))
    simulator.advance(seconds=2)
    found = await azure.vaults.get(vault)
    assert isinstance(found, AzureVault) and found.provisioning_state == "Succeeded"
    assert (found.settings.soft_delete_days, found.settings.tags) == (30, {"env": "x"})
    await azure.vaults.submit_delete(vault)
    simulator.advance(seconds=2)
    assert await azure.vaults.get(vault) is NOT_FOUND


async def test_a_vault_in_a_group_that_does_not_exist(azure: Azure) -> None:
    with pytest.raises(Waiting, match="ResourceGroupNotFound"):
        await azure.vaults.submit_create(vault_id(SUBSCRIPTION, "no-such-rg", "vault"), LOCATION, SETTINGS)


async def test_a_one_way_setting_is_refused_in_azures_words(azure: Azure, simulator: Simulator) -> None:
    vault = (await made_vault(azure, simulator)).id
    await azure.vaults.submit_update(vault, replace(SETTINGS, soft_delete_state="AlwaysOn"))
    with pytest.raises(InvalidRequest, match="UserErrorDisableSoftDeleteNotAllowed"):
        await azure.vaults.submit_update(vault, SETTINGS)


async def test_a_policy_is_made_once_and_never_changed(azure: Azure, simulator: Simulator) -> None:
    vault = (await made_vault(azure, simulator)).id
    policy = vault.child("backupPolicies", "gold")
    assert not await azure.policies.exists(policy)
    await azure.policies.create(policy, CONTENT)
    await azure.policies.create(policy, CONTENT)
    assert await azure.policies.exists(policy)
    with pytest.raises(InvalidRequest, match="BMSUserErrorInvalidInput"):
        await azure.policies.create(policy, replace(CONTENT, windows_zone="W. Europe Standard Time"))
    await azure.policies.delete(policy)
    await azure.policies.delete(policy)
    assert not await azure.policies.exists(policy)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CONTENT, windows_zone="Europe/Berlin"),
        replace(CONTENT, rule_name=""),
        replace(CONTENT, repeats="R/2024-01-01T02:00:00+00:00/PT3H"),
        replace(CONTENT, repeats="R/2024-01-01T02:00:00/PT4H"),
        replace(CONTENT, retention_days={"Default": 366}),
        replace(CONTENT, retention_days={"Default": 80}),
        replace(CONTENT, retention_days={"Daily": 30}),
    ],
    ids=["zone", "rule name", "period", "offset", "days", "points", "no default"],
)
async def test_the_simulator_is_strict_about_policies(azure: Azure, simulator: Simulator, wrong: PolicyContent) -> None:
    policy = (await made_vault(azure, simulator)).id.child("backupPolicies", "wrong")
    with pytest.raises(InvalidRequest):
        await azure.policies.create(policy, wrong)


async def test_newer_versions_of_the_api_want_soft_delete_always_on(connection: AzureConnection) -> None:
    vault = new_vault()
    for version, accepted in (("2025-07-01", True), ("2025-09-01", False), ("2026-06-01", False)):
        body = encode.new_vault(LOCATION, SETTINGS)
        if accepted:
            await connection.send("PUT", str(vault), version, body)
        else:
            with pytest.raises(InvalidRequest, match="DppAlwaysOnSoftDeleteStateMandatory"):
                await connection.send("PUT", str(vault), version, body)


async def test_in_a_pod_the_workload_identity_is_used_and_nothing_else(connection: AzureConnection) -> None:
    assert isinstance(connection.credential.source, WorkloadIdentityCredential)


# --- disks, groups, rights ----------------------------------------------------------------------


async def test_disks_and_groups(azure: Azure, simulator: Simulator) -> None:
    name = f"d-{uuid.uuid4()}"
    missing = ArmId(SUBSCRIPTION, DISK_GROUP, "Microsoft.Compute", ("disks", name))
    assert await azure.resources.get_disk(missing) is NOT_FOUND
    assert await azure.resources.get_disk(replace(missing, group="no-such-rg")) is NOT_FOUND
    simulator.seed(disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": name, "location": LOCATION,
                           "sizeGiB": 64, "sku": "Premium_LRS"}])  # fmt: skip
    disk = await azure.resources.get_disk(ArmId.parse(str(missing).upper()))
    assert disk is not NOT_FOUND and (disk.size_gib, disk.sku, disk.location) == (64, "Premium_LRS", LOCATION)  # type: ignore[union-attr]
    group = ResourceGroupId(SUBSCRIPTION, f"g-{uuid.uuid4()}")
    assert await azure.resources.get_group(group) is NOT_FOUND
    await azure.resources.create_group(group, LOCATION, {})
    assert await azure.resources.get_group(group) is not NOT_FOUND


async def test_a_grant_is_made_once_even_under_another_name(
    azure: Azure, simulator: Simulator, connection: AzureConnection
) -> None:
    vault = await made_vault(azure, simulator)
    grant = Grant(str(SNAPSHOTS), SUBSCRIPTION, DISK_SNAPSHOT_CONTRIBUTOR, vault.principal_id or "")
    assert not await azure.roles.exists(grant)
    body = {
        "properties": {
            "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization"
            f"/roleDefinitions/{DISK_SNAPSHOT_CONTRIBUTOR.guid}",
            "principalId": vault.principal_id,
            "principalType": "ServicePrincipal",
        }
    }
    path = f"{SNAPSHOTS}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    await connection.send("PUT", path, "2022-04-01", body)
    assert await azure.roles.create(grant) is False, "somebody else's stands for it"
    assert not await azure.roles.exists(grant)
    await azure.roles.delete(grant)


async def test_a_principal_that_nobody_knows_heals_by_itself(azure: Azure) -> None:
    grant = Grant(str(SNAPSHOTS), SUBSCRIPTION, DISK_SNAPSHOT_CONTRIBUTOR, str(uuid.uuid4()))
    with pytest.raises(Exception, match="PrincipalNotFound") as error:
        await azure.roles.create(grant)
    assert getattr(error.value, "is_transient", False)
