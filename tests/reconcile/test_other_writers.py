"""Others write to the same things in Azure: what differs is put back where that helps, told, and never in the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harness.objects import SUBSCRIPTION, policy, vault
from world.team import Team
from world.world import World


def security(shop: Team, vault_id: str, **changes: Any) -> None:
    held = shop.portal("GET", vault_id)["properties"]["securitySettings"]
    shop.portal("PATCH", vault_id, {"properties": {"securitySettings": {**held, **changes}}})


async def test_a_vault_that_azure_made_stricter_stops_nobody(world: World, shop: Team) -> None:
    await shop.apply(vault("strict"), policy("strict", "strict"))
    await shop.until("DiskBackupPolicy", "strict", "Ready")
    vault_id = shop.get("BackupVault", "strict")["status"]["vaultID"]
    security(shop, vault_id, softDeleteSettings={"state": "AlwaysOn", "retentionDurationInDays": 14.0})
    since = world.azure.request_count()
    synced = await shop.until("BackupVault", "strict", "Synced", "False", "DriftDetected")
    assert "`softDelete.state: AlwaysOn`, which cannot be changed. Write that into the spec" in synced["message"]
    assert shop.condition("BackupVault", "strict", "Ready")["status"] == "True"
    shop.make_claim()
    await shop.protect(policy="strict")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert "backupVaults.patch" not in world.writes(since)
    # What else differs is put back all the same, and the stricter value goes along.
    security(shop, vault_id, softDeleteSettings={"state": "AlwaysOn", "retentionDurationInDays": 30.0})
    await world.passes(lambda: "backupVaults.patch" in world.writes(since), "it is put back")
    await world.advance(hours=1)
    soft = shop.portal("GET", vault_id)["properties"]["securitySettings"]["softDeleteSettings"]
    assert soft["state"] == "AlwaysOn" and round(soft["retentionDurationInDays"]) == 14
    await shop.apply(vault("strict", softDelete={"state": "AlwaysOn", "retentionDays": 14}))
    await shop.until("BackupVault", "strict", "Synced")


async def test_a_setting_that_azure_refuses_stops_nobody(world: World, shop: Team) -> None:
    await shop.apply(vault("refusing"), policy("refusing", "refusing"))
    await shop.until("DiskBackupPolicy", "refusing", "Ready")
    world.azure.plant("backupVaults.patch", status=400, code="UserErrorRequestDisallowed", message="No.", times=1000)
    await shop.apply(vault("refusing", softDelete={"state": "On", "retentionDays": 30}))
    await world.advance(minutes=5)
    synced = shop.condition("BackupVault", "refusing", "Synced")
    assert synced["status"] == "False" and "UserErrorRequestDisallowed" in synced["message"]
    assert shop.condition("BackupVault", "refusing", "Ready")["status"] == "True"
    assert shop.condition("DiskBackupPolicy", "refusing", "Ready")["status"] == "True"
    since = world.azure.request_count()
    await world.advance(hours=6)
    assert len(world.writes(since)) <= 7
    world.azure.clear_faults()
    await shop.until("BackupVault", "refusing", "Synced")


async def test_a_tag_that_another_writer_sets_again_and_again_is_given_up(world: World, shop: Team) -> None:
    """As an assignment of Azure Policy with the effect *modify* does, within the request that writes it."""
    await shop.apply(vault("tagged", tags={"env": "prod"}))
    await shop.until("BackupVault", "tagged", "Ready")
    vault_id = shop.get("BackupVault", "tagged")["status"]["vaultID"]
    since = world.azure.request_count()
    patches: list[int] = []
    for _ in range(6 * 24):
        tags = shop.portal("GET", vault_id)["tags"]
        shop.portal("PATCH", vault_id, {"tags": {**tags, "env": "dev"}})
        await world.advance(minutes=10)
        ours = [each for each in world.azure.requests(since) if each.route == "backupVaults.patch" and each.writes]
        patches.append(len(ours))
        assert shop.condition("BackupVault", "tagged", "Ready")["status"] == "True"
    # The person's own writes are among them.
    assert patches[-1] - len(patches) <= 3 + 5
    synced = shop.condition("BackupVault", "tagged", "Synced")
    assert (synced["status"], synced["reason"]) == ("False", "DriftDetected")
    assert "Another client has undone that" in synced["message"] and "activity log" in synced["message"]
    corrections = shop.events("BackupVault", "tagged").count(("Warning", "DriftCorrected"))
    assert 3 <= corrections <= 3 + 5
    await shop.until("BackupVault", "tagged", "Synced", within=timedelta(days=3))


@pytest.mark.parametrize("action", ["stopProtection", "suspendBackups"])
async def test_a_protection_that_another_writer_ends_again_and_again_needs_a_person(
    world: World, shop: Team, action: str
) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    instance = shop.instance()
    since = world.azure.request_count()
    for _ in range(24 * 2):
        state = shop.portal("GET", instance)["properties"]["currentProtectionState"]
        if state == "ProtectionConfigured":
            shop.portal("POST", f"{instance}/{action}", {})
        await world.advance(minutes=30)
    put_back = world.writes(since).count("backupInstances.resumeProtection")
    assert 3 <= put_back <= 3 + 5
    ready = shop.condition("ProtectedDisk", "data", "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "DriftDetected")
    assert "Another client has undone that" in ready["message"]
    assert shop.condition("ProtectedDisk", "data", "Stalled")["status"] == "True"
    await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(days=2))


async def test_a_tag_of_an_instance_that_azure_policy_sets_is_given_up(world: World, shop: Team) -> None:
    """It is put back a few times, and the disk is Ready all the while: what says whose it is, is there."""
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    instance = shop.instance()
    rule = {"effect": "modify", "scope": f"/subscriptions/{SUBSCRIPTION}", "tag": "azdiskbackup.io.pvc", "value": "x"}
    world.azure.turn("policy", name="tags", **rule)
    body = shop.portal("GET", instance)
    shop.portal("PUT", instance, {"tags": body["tags"], "properties": body["properties"]})
    assert shop.portal("GET", instance)["tags"]["azdiskbackup.io.pvc"] == "x"
    since = world.azure.request_count()
    for _ in range(24):
        await world.advance(hours=1)
        assert shop.condition("ProtectedDisk", "data", "Ready")["status"] == "True"
    puts = world.writes(since).count("backupInstances.put")
    assert 2 <= puts <= 3 + 5, puts
    told = shop.condition("ProtectedDisk", "data", "Protected")
    assert (told["status"], told["reason"]) == ("True", "DriftDetected")
    assert "Another client has undone that" in told["message"]
    world.azure.turn("policy", name="tags")

    def is_put_back() -> bool:
        return bool(shop.portal("GET", instance)["tags"]["azdiskbackup.io.pvc"] == "data-0")

    await world.passes(is_put_back, "the tag is put back", within=timedelta(days=2))


async def test_what_a_person_asks_for_here_is_done_at_once_after_a_fight(world: World, shop: Team) -> None:
    """The same step as the correction that another writer undid, and none of it."""
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    instance = shop.instance()
    for _ in range(4):
        shop.portal("POST", f"{instance}/stopProtection", {})
        await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(hours=3))
        await world.advance(minutes=15)
    shop.portal("POST", f"{instance}/stopProtection", {})
    await shop.until("ProtectedDisk", "data", "Ready", "False", "DriftDetected")
    await shop.protect(protection="Stopped")
    await shop.until("ProtectedDisk", "data", "Ready", "True", "Stopped")
    since = world.azure.request_count()
    await shop.protect()
    await world.advance(minutes=2)
    assert "backupInstances.resumeProtection" in world.writes(since)
    await shop.until("ProtectedDisk", "data", "Ready")
