"""Vaults, and the groups that snapshots are kept in."""

from __future__ import annotations

from harness.objects import SUBSCRIPTION, vault
from world.team import Team
from world.world import World


async def test_a_snapshot_group_is_made_where_that_was_asked_for(world: World, shop: Team) -> None:
    since = world.azure.request_count()
    groups = [{"name": "made-rg", "create": True, "tags": {"costCenter": "42"}}]
    await shop.apply(vault("maker", snapshotResourceGroups=groups))
    await shop.until("BackupVault", "maker", "Ready")
    assert world.writes(since) == ["backupVaults.put", "resourceGroups.put", "roleAssignments.put"]
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/made-rg"
    made = shop.portal("GET", group, version="2024-03-01")
    assert made["name"] == "made-rg" and made["tags"] == {"costCenter": "42"}


async def test_a_vault_says_whose_it_is_before_it_may_be_deleted(world: World, shop: Team) -> None:
    """Made by somebody else, without an owner: kept until the object that is to delete it has said so in Azure."""
    await shop.apply(vault("theirs", deletionPolicy="Retain"))
    await shop.until("BackupVault", "theirs", "Ready")
    vault_id = shop.get("BackupVault", "theirs")["status"]["vaultID"]
    body = shop.portal("GET", vault_id)
    shop.portal("PATCH", vault_id, {"tags": {"team": "others"}})
    await shop.delete("BackupVault", "theirs")
    await shop.gone("BackupVault", "theirs")
    await shop.apply(vault("theirs", deletionPolicy="Delete"))
    await shop.until("BackupVault", "theirs", "Synced")
    tags = shop.portal("GET", vault_id)["tags"]
    assert tags["team"] == "others" and tags["azdiskbackup.io.backupvault"] == "theirs"
    assert tags["azdiskbackup.io.cluster"] == world.cluster and body["identity"]
    since = world.azure.request_count()
    await shop.delete("BackupVault", "theirs")
    await shop.gone("BackupVault", "theirs")
    assert world.writes(since) == ["backupVaults.delete", "roleAssignments.delete"]


async def test_letter_case_of_names_and_settings_is_no_difference(world: World, shop: Team) -> None:
    """Azure compares the names of tags without it, and keeps that of whoever wrote a setting."""
    await shop.apply(vault("cased", tags={"env": "prod"}, deletionPolicy="Delete"))
    await shop.until("BackupVault", "cased", "Ready")
    vault_id = shop.get("BackupVault", "cased")["status"]["vaultID"]
    body = shop.portal("GET", vault_id)
    settings = body["properties"]["securitySettings"]["softDeleteSettings"]
    shouted = {name.upper(): value for name, value in body["tags"].items()}
    change = {"securitySettings": {"softDeleteSettings": {**settings, "state": settings["state"].upper()}}}
    shop.portal("PATCH", vault_id, {"tags": shouted, "properties": change})
    since = world.azure.request_count()
    await world.advance(hours=3)
    assert not world.writes(since)
    assert shop.condition("BackupVault", "cased", "Ready")["status"] == "True"
    await shop.delete("BackupVault", "cased")
    await shop.gone("BackupVault", "cased")
    assert world.writes(since) == ["backupVaults.delete", "roleAssignments.delete"]
