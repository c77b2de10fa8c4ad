"""Resource Manager may answer 404 for what exists: what was there is looked at twice."""

from __future__ import annotations

import re

import pytest

from harness import objects
from harness.objects import LOCATION, SUBSCRIPTION, vault
from world.team import Team
from world.world import World

NOT_FOUND = {"status": 404, "code": "ResourceNotFound", "message": "It was not found."}


def is_struck(world: World, since: int) -> bool:
    """Return whether something was not found."""
    return any(each.status == 404 for each in world.azure.requests(since))


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("policy", ["Retain", "Suspend", "Delete"])
async def test_a_deletion_is_carried_out_although_azure_does_not_find_the_instance(
    world: World, shop: Team, policy: str, times: int
) -> None:
    """The proof of absence looks at a second source: a list of the vault shows what two GETs did not find."""
    await shop.apply(vault("open", access={"deletionNamespaces": {}}), objects.policy("open", "open"))
    shop.make_claim()
    await shop.protect(policy="open", deletionPolicy=policy)
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    world.azure.plant("backupInstances.get", times=times, **NOT_FOUND)
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    done = {"Retain": "stopProtection", "Suspend": "suspendBackups", "Delete": "delete"}[policy]
    found = [each.status for each in world.azure.requests(since) if each.route == "backupInstances.get"]
    assert found.count(404) >= times and f"backupInstances.{done}" in world.writes(since)


async def test_a_list_that_contradicts_a_get_tells_nothing_of_how_the_instance_looks(world: World, shop: Team) -> None:
    """The list may be older than the object: its tags name the owner of before, and the disk would be left alone."""
    shop.make_claim()
    await shop.protect("before")
    await shop.until("ProtectedDisk", "before", "Ready")
    instance = shop.instance("before")
    world.azure.turn("replica", name="behind", route=r"backupInstances\.list", every=1, behind=True)
    await shop.delete("ProtectedDisk", "before")
    await shop.gone("ProtectedDisk", "before")
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    world.azure.plant("backupInstances.get", times=2, **NOT_FOUND)
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert shop.portal("GET", instance)["properties"]["currentProtectionState"] == "ProtectionStopped"


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
async def test_a_vault_that_azure_does_not_find_is_left_alone(world: World, shop: Team, times: int) -> None:
    """To create it anew would replace the tags and the identity of others; a list of its group shows it."""
    since = world.azure.request_count()
    world.azure.plant("backupVaults.get", times=times, **NOT_FOUND)
    await world.advance(hours=1)
    assert is_struck(world, since) and not world.writes(since)
    assert shop.condition("BackupVault", "demo", "Ready")["status"] == "True"


async def test_a_vault_is_left_alone_although_not_even_its_list_is_found(world: World, shop: Team) -> None:
    """Five answers of 404 in a row, whatever is asked: only a resource group that is missing has no vaults."""
    vault_id = shop.get("BackupVault", "demo")["status"]["vaultID"]
    tags = {**(shop.portal("GET", vault_id)["tags"] or {}), "owner": "platform"}
    shop.portal("PATCH", vault_id, {"tags": tags})
    since = world.azure.request_count()
    world.azure.plant("backupVaults", times=5, **NOT_FOUND)
    await world.advance(hours=1)
    assert is_struck(world, since) and not world.writes(since)
    assert shop.portal("GET", vault_id)["tags"] == tags
    await shop.until("BackupVault", "demo", "Ready")


async def test_a_deletion_is_carried_out_although_not_even_the_list_of_the_vault_is_found(
    world: World, shop: Team
) -> None:
    await shop.apply(vault("open", access={"deletionNamespaces": {}}), objects.policy("open", "open"))
    shop.make_claim()
    await shop.protect(policy="open", deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    world.azure.plant("backupInstances.get|backupInstances.list|deleted", times=6, **NOT_FOUND)
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert is_struck(world, since) and "backupInstances.delete" in world.writes(since)


async def test_a_policy_that_azure_does_not_find_once_is_left_alone(world: World, shop: Team) -> None:
    since = world.azure.request_count()
    world.azure.plant("backupPolicies.get", times=1, **NOT_FOUND)
    await world.advance(hours=2)
    assert is_struck(world, since) and not world.writes(since)
    assert ("Warning", "DriftCorrected") not in shop.events("DiskBackupPolicy", "gold")


async def test_a_policy_is_deleted_although_azure_does_not_find_it_once(world: World, shop: Team) -> None:
    await shop.apply(objects.policy("brief", "demo", deletionPolicy="Delete"))
    await shop.until("DiskBackupPolicy", "brief", "Ready")
    policy = shop.get("DiskBackupPolicy", "brief")["status"]["policyID"]
    since = world.azure.request_count()
    world.azure.plant("backupPolicies.get", path=policy.rsplit("/", 1)[1], times=1, **NOT_FOUND)
    await shop.delete("DiskBackupPolicy", "brief")
    await shop.gone("DiskBackupPolicy", "brief")
    assert is_struck(world, since) and "backupPolicies.delete" in world.writes(since)


@pytest.mark.parametrize("minutes", [15, 19, 20])
async def test_two_that_are_far_apart_prove_nothing(world: World, shop: Team, minutes: int) -> None:
    """Between them a list showed the instance."""
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    since = world.azure.request_count()
    world.azure.lose_rows(re.escape(shop.instance()))
    await world.advance(minutes=minutes)
    world.azure.plant("backupInstances.get", times=1, **NOT_FOUND)
    world.azure.lose_rows()
    await shop.patch("ProtectedDisk", "data", {"spec": {"deletionPolicy": "Suspend"}})
    assert is_struck(world, since)
    await world.advance(minutes=30)
    gets = [each.status for each in world.azure.requests(since) if each.route == "backupInstances.get"]
    world.azure.plant("backupInstances.get", times=1, **NOT_FOUND)
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert "backupInstances.suspendBackups" in world.writes(since), gets


async def test_a_snapshot_group_that_azure_does_not_find_once_keeps_its_tags(world: World, shop: Team) -> None:
    """To create a resource group that exists replaces its tags."""
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/snapshots-of-shop"
    await shop.apply(vault("own", snapshotResourceGroups=[{"name": "snapshots-of-shop", "create": True}]))
    await shop.until("BackupVault", "own", "Ready")
    shop.portal("PUT", group, {"location": LOCATION, "tags": {"cost-center": "42"}}, version="2021-04-01")
    since = world.azure.request_count()
    world.azure.plant("resourceGroups.get", path="snapshots-of-shop", times=1, **NOT_FOUND)
    await world.advance(hours=1)
    assert is_struck(world, since) and not world.writes(since)
    assert shop.portal("GET", group, version="2021-04-01")["tags"]["cost-center"] == "42"
    assert shop.events("BackupVault", "own") == [("Normal", "Ready")]


async def test_a_snapshot_group_that_is_gone_is_made_again(world: World, shop: Team) -> None:
    await shop.apply(vault("own", snapshotResourceGroups=[{"name": "snapshots-of-shop", "create": True}]))
    await shop.until("BackupVault", "own", "Ready")
    since = world.azure.request_count()
    world.azure.plant("resourceGroups.get", path="snapshots-of-shop", times=2, **NOT_FOUND)
    await world.passes(lambda: "resourceGroups.put" in world.writes(since), "it is noticed")


@pytest.mark.parametrize("deletion", ["Retain", "Delete"])
async def test_what_is_gone_with_its_resource_group_blocks_no_deletion(world: World, shop: Team, deletion: str) -> None:
    open_to_all = {"namespaces": {}, "deletionNamespaces": {}}
    await shop.apply(vault("open", access=open_to_all, deletionPolicy="Delete"), objects.policy("open", "open"))
    shop.make_claim()
    await shop.protect(policy="open", deletionPolicy=deletion)
    await shop.until("ProtectedDisk", "data", "Ready")
    gone = {"status": 404, "code": "ResourceGroupNotFound", "message": "The group was not found."}
    # The list of the vaults of the group, too.
    world.azure.plant("backup|deleted", path=r"backupVaults(/open|\?|$)", times=1000, **gone)
    for kind, name in (("BackupVault", "open"), ("DiskBackupPolicy", "open"), ("ProtectedDisk", "data")):
        await shop.delete(kind, name)
    for kind, name in (("ProtectedDisk", "data"), ("DiskBackupPolicy", "open"), ("BackupVault", "open")):
        await shop.gone(kind, name)


@pytest.mark.parametrize("deletion", ["Retain", "Suspend", "Delete"])
async def test_a_subscription_that_is_not_found_lets_nothing_go(world: World, shop: Team, deletion: str) -> None:
    """It says nothing of what is in it: a token of another tenant is enough."""
    await shop.apply(vault("open", access={"deletionNamespaces": {}}), objects.policy("open", "open"))
    shop.make_claim()
    await shop.protect(policy="open", deletionPolicy=deletion)
    await shop.until("ProtectedDisk", "data", "Ready")
    gone = {"status": 404, "code": "SubscriptionNotFound", "message": "The subscription could not be found."}
    world.azure.plant("backup|deleted", path="backupVaults", times=10_000, **gone)
    await shop.delete("ProtectedDisk", "data")
    await world.advance(hours=1)
    assert "SubscriptionNotFound" in shop.says("ProtectedDisk", "data")
    since = world.azure.request_count()
    world.azure.clear_faults()
    await shop.gone("ProtectedDisk", "data")
    done = {"Retain": "stopProtection", "Suspend": "suspendBackups", "Delete": "delete"}[deletion]
    assert f"backupInstances.{done}" in world.writes(since)


async def test_a_vault_in_a_subscription_that_is_not_found_is_not_made_anew(world: World, shop: Team) -> None:
    since = world.azure.request_count()
    gone = {"status": 404, "code": "SubscriptionNotFound", "message": "The subscription could not be found."}
    world.azure.plant("backupVaults.get", times=10_000, **gone)
    await world.advance(hours=1)
    assert not world.writes(since) and "SubscriptionNotFound" in shop.says("BackupVault", "demo")
    world.azure.clear_faults()


async def test_a_right_that_azure_does_not_find_once_is_nobodys_doing(world: World, shop: Team) -> None:
    world.azure.plant("roleAssignments.get", times=1, status=404, code="RoleAssignmentNotFound", message="x")
    since = world.azure.request_count()
    await world.advance(hours=1)
    assert is_struck(world, since) and not world.writes(since)
    assert ("Warning", "DriftCorrected") not in shop.events("BackupVault", "demo")
