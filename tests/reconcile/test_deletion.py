"""Deleting: what `deletionPolicy` says, in words, and nothing more; everything in order, nothing left hanging."""

from __future__ import annotations

from typing import Any

import pytest

from harness.objects import LOCATION, SUBSCRIPTION, policy, vault
from world.team import Team
from world.world import World

RETAIN = {"spec": {"deletionPolicy": "Retain"}}


async def test_retain_stops_and_keeps_everything(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert world.writes(since) == ["backupInstances.stopProtection"]
    # Protected again: the same instance is resumed, no other one is made.
    since = world.azure.request_count()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    assert world.writes(since) == ["backupInstances.resumeProtection"]


async def test_suspend_lets_restore_points_expire(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect(deletionPolicy="Suspend")
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert world.writes(since) == ["backupInstances.suspendBackups"]


async def test_modes_of_protection(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    for mode, reason, state in (
        ("Suspended", "Suspended", "BackupsSuspended"),
        ("Stopped", "Stopped", "ProtectionStopped"),
        ("Active", "Protected", "ProtectionConfigured"),
    ):
        await shop.protect(protection=mode)
        await shop.until("ProtectedDisk", "data", "Ready", "True", reason)
        assert shop.get("ProtectedDisk", "data")["status"]["protectionState"] == state


async def test_delete_needs_the_vaults_leave_and_revokes_afterwards(world: World, shop: Team) -> None:
    await shop.apply(
        vault("purge", access={"deletionNamespaces": {"matchLabels": {"may": "purge"}}}), policy("purge", "purge")
    )
    shop.make_claim()
    await shop.protect(policy="purge", deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.delete("ProtectedDisk", "data")
    says = (await shop.until("ProtectedDisk", "data", "Protected", "False", "DeletionNotAllowed"))["message"]
    assert "destroys restore points" in says
    since = world.azure.request_count()
    await shop.label_namespace(may="purge")
    await shop.gone("ProtectedDisk", "data")
    assert world.writes(since) == ["backupInstances.delete", "roleAssignments.delete"], "delete first, revoke after"


async def test_used_things_stay_until_nothing_uses_them(world: World, shop: Team) -> None:
    await shop.apply(vault("leaving", deletionPolicy="Delete"), policy("leaving", "leaving"))
    await shop.until("DiskBackupPolicy", "leaving", "Ready")
    shop.make_claim()
    await shop.protect(policy="leaving")
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await leave(shop, "BackupVault/leaving", "DiskBackupPolicy/leaving")
    says = (await shop.until("DiskBackupPolicy", "leaving", "Synced", "False", "InUse"))["message"]
    assert f"{shop.namespace}/data" in says
    assert "leaving" in (await shop.until("BackupVault", "leaving", "Synced", "False", "InUse"))["message"]
    assert not world.writes(since)
    # The disk goes; its instance is kept, stopped, so neither policy nor vault can be deleted in Azure.
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    await world.passes(
        lambda: "cannot be deleted yet: the backup instances" in shop.says("DiskBackupPolicy", "leaving"), "why"
    )
    assert world.writes(since) == ["backupInstances.stopProtection"], "nothing is tried that Azure would refuse"
    # The person decides to leave them in Azure.
    await shop.patch("DiskBackupPolicy", "leaving", RETAIN)
    await shop.gone("DiskBackupPolicy", "leaving")
    says = (await shop.until("BackupVault", "leaving", "Synced", "False", "InUse"))["message"]
    assert "still holds 1 backup instances" in says
    await shop.patch("BackupVault", "leaving", RETAIN)
    await shop.gone("BackupVault", "leaving")


@pytest.mark.parametrize("by_id", [False, True], ids=["a PVC", "a disk by its id"])
async def test_a_disk_that_the_vault_does_not_serve_holds_up_no_policy(world: World, shop: Team, by_id: bool) -> None:
    access = {"namespaces": {} if by_id else {"matchLabels": {"may": "protect"}}}
    await shop.apply(vault("narrow", access=access), policy("narrow", "narrow"))
    await shop.until("DiskBackupPolicy", "narrow", "Ready")
    source = {"source": {"diskID": shop.make_claim()}} if by_id else {}
    await shop.protect(policy="narrow", **source)
    await shop.until("ProtectedDisk", "data", "Accepted", "False", "NamespaceNotAllowed")
    await shop.delete("DiskBackupPolicy", "narrow")
    await shop.gone("DiskBackupPolicy", "narrow")
    await shop.until("ProtectedDisk", "data", "Accepted", "False", "PolicyNotFound")


async def test_a_disk_that_was_served_before_keeps_its_policy(world: World, shop: Team) -> None:
    await shop.apply(
        vault("narrow", access={"namespaces": {"matchLabels": {"may": "protect"}}}), policy("narrow", "narrow")
    )
    await shop.label_namespace(may="protect")
    shop.make_claim()
    await shop.protect(policy="narrow")
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.label_namespace(may=None)
    await shop.delete("DiskBackupPolicy", "narrow")
    await shop.until("DiskBackupPolicy", "narrow", "Synced", "False", "InUse")
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    await shop.patch("DiskBackupPolicy", "narrow", RETAIN)
    await shop.gone("DiskBackupPolicy", "narrow")


async def test_an_empty_vault_is_deleted_and_its_rights_after_it(world: World, shop: Team) -> None:
    await shop.apply(vault("empty", deletionPolicy="Delete"), policy("empty", "empty"))
    await shop.until("DiskBackupPolicy", "empty", "Ready")
    since = world.azure.request_count()
    await leave(shop, "BackupVault/empty", "DiskBackupPolicy/empty")
    await shop.gone("BackupVault", "empty")
    assert world.writes(since) == ["backupPolicies.delete", "backupVaults.delete", "roleAssignments.delete"]


async def test_a_finished_backup_goes_when_its_time_is_over(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.back_up(ttlSecondsAfterFinished=600)
    await shop.until("OnDemandBackup", "now", "Succeeded")
    await world.advance(minutes=8)
    assert shop.get("OnDemandBackup", "now")
    await shop.gone("OnDemandBackup", "now")


# --- soft delete ------------------------------------------------------------------------------------


async def purging(shop: Team, name: str, **spec: Any) -> None:
    """Protect a disk, by a vault of its own, with leave to delete its backups."""
    await shop.apply(vault(name, access={"deletionNamespaces": {}}, **spec), policy(name, name))
    await shop.until("DiskBackupPolicy", name, "Ready")
    shop.make_claim()
    await shop.protect(policy=name, deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "Ready")


async def leave(shop: Team, *names: str) -> None:
    for name in names:
        await shop.delete(*name.split("/"))


async def test_what_was_deleted_softly_is_brought_back_by_protecting_the_disk_again(world: World, shop: Team) -> None:
    await purging(shop, "undo")
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    instance = shop.instance()
    await leave(shop, "ProtectedDisk/data")
    await shop.gone("ProtectedDisk", "data")
    since = world.azure.request_count()
    await shop.protect(policy="undo", deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "Ready")
    sent = world.writes(since)
    assert sent.index("roleAssignments.put") < sent.index("deletedBackupInstances.undelete"), "it was revoked"
    assert sent[-2:] == ["deletedBackupInstances.undelete", "backupInstances.resumeProtection"]
    assert shop.instance() == instance
    await world.passes(
        lambda: shop.get("ProtectedDisk", "data")["status"].get("restorePoints", {}).get("count"), "its points"
    )


async def test_vault_and_policy_wait_for_what_is_deleted_softly(world: World, shop: Team) -> None:
    await purging(shop, "waits", deletionPolicy="Delete")
    await leave(shop, "ProtectedDisk/data")
    await shop.gone("ProtectedDisk", "data")
    since = world.azure.request_count()
    await leave(shop, "BackupVault/waits", "DiskBackupPolicy/waits")
    says = (await shop.until("DiskBackupPolicy", "waits", "Synced", "False", "BlockedBySoftDelete"))["message"]
    assert "soft-deleted backup instances refer to it until 2026-" in says
    await world.advance(hours=2)
    assert not world.writes(since)
    await world.stop_operator()
    await world.advance(days=14)
    await world.start_operator()
    await shop.gone("DiskBackupPolicy", "waits")
    await shop.gone("BackupVault", "waits")
    assert world.writes(since) == ["backupPolicies.delete", "backupVaults.delete", "roleAssignments.delete"]


async def test_a_vault_says_until_when_soft_delete_keeps_it(world: World, shop: Team) -> None:
    await purging(shop, "kept", deletionPolicy="Delete")
    await leave(shop, "ProtectedDisk/data")
    await shop.gone("ProtectedDisk", "data")
    await shop.patch("DiskBackupPolicy", "kept", RETAIN)
    await leave(shop, "DiskBackupPolicy/kept", "BackupVault/kept")
    says = (await shop.until("BackupVault", "kept", "Synced", "False", "BlockedBySoftDelete"))["message"]
    assert "keeps 1 soft-deleted backup instances until 2026-" in says
    await shop.patch("BackupVault", "kept", RETAIN)
    await shop.gone("BackupVault", "kept")


@pytest.mark.parametrize("missing", ["the group", "the right"])
async def test_deleting_backups_without_what_it_needs_says_what_to_restore(
    world: World, shop: Team, missing: str
) -> None:
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/gone-rg"
    world.azure.seed(groups=[{"subscription": SUBSCRIPTION, "name": "gone-rg", "location": LOCATION}])
    await purging(shop, "lacking", snapshotResourceGroups=[{"name": "gone-rg"}])
    principal = shop.get("BackupVault", "lacking")["status"]["principalID"]
    # The vault's object is told to keep away, or it would give the right back at once.
    lacking = vault("lacking", access={"deletionNamespaces": {}}, snapshotResourceGroups=[{"name": "gone-rg"}])
    lacking["spec"]["roleAssignments"] = "Preassigned"
    await shop.apply(lacking)
    path = f"{group}/providers/Microsoft.Authorization/roleAssignments"
    filtered = f"{path}?$filter=principalId%20eq%20'{principal}'&api-version=2022-04-01"
    held = world.azure.arm("GET", filtered)["value"]
    for each in held:
        shop.portal("DELETE", each["id"], version="2022-04-01")
    if missing == "the group":
        world.azure.remove(group)
    await leave(shop, "ProtectedDisk/data")
    await world.passes(lambda: "restore what is missing" in shop.says("ProtectedDisk", "data"), "what to restore")
    says = shop.says("ProtectedDisk", "data")
    assert principal in says and "Disk Snapshot Contributor" in says and "gone-rg" in says
    await world.advance(hours=1)
    assert shop.get("ProtectedDisk", "data"), "nothing is forgotten that is still there"
    world.azure.seed(groups=[{"subscription": SUBSCRIPTION, "name": "gone-rg", "location": LOCATION}])
    body = {key: held[0]["properties"][key] for key in ("roleDefinitionId", "principalId", "principalType")}
    shop.portal("PUT", f"{path}/{held[0]['name']}", {"properties": body}, "2022-04-01")
    await shop.gone("ProtectedDisk", "data")


# --- every order -------------------------------------------------------------------------------------

EVERYTHING = (
    "BackupVault/all",
    "DiskBackupPolicy/all",
    "ProtectedDisk/data",
    "PersistentVolumeClaim/data-0",
    "OnDemandBackup/now",
)


@pytest.mark.parametrize("first", EVERYTHING)
@pytest.mark.parametrize("deletion", ["Retain", "Suspend", "Delete"])
async def test_everything_goes_in_whatever_order_it_is_deleted(
    world: World, shop: Team, first: str, deletion: str
) -> None:
    await shop.apply(vault("all", access={"deletionNamespaces": {}}), policy("all", "all", deletionPolicy="Retain"))
    shop.make_claim()
    await shop.protect(policy="all", deletionPolicy=deletion)
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.back_up()
    since = world.azure.request_count()
    at = EVERYTHING.index(first)
    for name in (*EVERYTHING[at:], *EVERYTHING[:at]):
        await leave(shop, name)
        await world.advance(seconds=30)
    for each in EVERYTHING:
        kind, name = each.split("/")
        await shop.gone(kind, name)
    sent = [route for route in world.writes(since) if route != "backupInstances.backup"]
    expected = {
        "Retain": ["backupInstances.stopProtection"],
        "Suspend": ["backupInstances.suspendBackups"],
        "Delete": ["backupInstances.delete", "roleAssignments.delete"],
    }
    assert sent == expected[deletion]


async def test_a_vault_in_a_subscription_that_does_not_exist_can_be_deleted(world: World, shop: Team) -> None:
    nowhere = "99999999-9999-4999-8999-999999999999"
    groups = [{"name": "snapshots", "subscriptionID": nowhere}]
    await shop.apply(vault("lost", subscriptionID=nowhere, deletionPolicy="Delete", snapshotResourceGroups=groups))
    await world.advance(minutes=10)
    await shop.delete("BackupVault", "lost")
    await shop.gone("BackupVault", "lost")
