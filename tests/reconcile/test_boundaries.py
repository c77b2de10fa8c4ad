"""What one team can do to another, and what others did before: nothing is taken, nothing destroyed, nothing loops."""

from __future__ import annotations

import uuid

import pytest

from harness.objects import SNAPSHOT_GROUP, SUBSCRIPTION, disk, policy, vault
from world.team import Team
from world.world import World

CONTRIBUTOR = "7efff54f-a5b4-42b5-a1c5-5411624893ce"


@pytest.fixture
async def stranger(world: World, shop: Team) -> Team:
    return await world.team()


@pytest.mark.parametrize("deletion", ["Retain", "Suspend", "Delete"])
async def test_nobody_stops_or_deletes_anothers_backups(
    world: World, shop: Team, stranger: Team, deletion: str
) -> None:
    """A stranger names the disk by its id, keeps the object from vanishing with a finalizer, and deletes it."""
    name = f"shared-{deletion.lower()}"
    await shop.apply(
        vault(name, access={"diskIDNamespaces": {"matchLabels": {"may": "ids"}}, "deletionNamespaces": {}}),
        policy(name, name),
    )
    handle = shop.make_claim()
    await shop.protect(policy=name)
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    theirs = disk("theft", stranger.namespace, policy=name, source={"diskID": handle}, deletionPolicy=deletion)
    theirs["metadata"]["finalizers"] = ["example.com/mine"]
    await stranger.apply(theirs)
    await stranger.until("ProtectedDisk", "theft", "Accepted", "False", "NamespaceNotAllowed")
    await stranger.delete("ProtectedDisk", "theft")
    await world.advance(minutes=30)
    assert world.writes(since) == []
    assert shop.condition("ProtectedDisk", "data", "Ready")["status"] == "True"
    await stranger.patch("ProtectedDisk", "theft", {"metadata": {"finalizers": []}})


async def test_of_two_teams_with_one_disk_the_first_one_keeps_it(world: World, shop: Team, stranger: Team) -> None:
    await shop.apply(vault("both", access={"diskIDNamespaces": {}}), policy("both", "both"))
    handle = shop.make_claim()
    await shop.protect(policy="both")
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await stranger.apply(
        disk("theirs", stranger.namespace, policy="both", source={"diskID": handle}, protection="Stopped")
    )
    says = (await stranger.until("ProtectedDisk", "theirs", "DiskResolved", "False", "OwnedElsewhere"))["message"]
    assert f"{shop.namespace}/data" in says
    await stranger.delete("ProtectedDisk", "theirs")
    await stranger.gone("ProtectedDisk", "theirs")
    assert world.writes(since) == []


async def test_a_disk_does_not_change_its_vault(world: World, shop: Team) -> None:
    await shop.apply(vault("lax", access={"deletionNamespaces": {}}), policy("lax", "lax"))
    await shop.until("DiskBackupPolicy", "lax", "Ready")
    shop.make_claim()
    await shop.protect(deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await shop.protect(policy="lax", deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "VaultMismatch")
    await shop.delete("ProtectedDisk", "data")
    await shop.until("ProtectedDisk", "data", "Protected", "False", "DeletionNotAllowed")
    assert world.writes(since) == []
    await shop.protect(policy="gold", deletionPolicy="Retain")
    await shop.gone("ProtectedDisk", "data")


async def test_rights_that_somebody_granted_before_are_as_good(world: World, shop: Team) -> None:
    await shop.apply(vault("granted", snapshotResourceGroups=[{"name": "granted-rg"}]))
    await shop.until("BackupVault", "granted", "SnapshotResourceGroupsReady", "False", "ResourceGroupMissing")
    principal = shop.get("BackupVault", "granted")["status"]["principalID"]
    world.azure.seed(groups=[{"subscription": SUBSCRIPTION, "name": "granted-rg", "location": "westeurope"}])
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/granted-rg"
    authorization = "providers/Microsoft.Authorization"
    world.azure.arm(
        "PUT",
        f"{group}/{authorization}/roleAssignments/{uuid.uuid4()}?api-version=2022-04-01",
        {
            "properties": {
                "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/{authorization}/roleDefinitions/{CONTRIBUTOR}",
                "principalId": principal,
                "principalType": "ServicePrincipal",
            }
        },
    )
    since = world.azure.request_count()
    await shop.until("BackupVault", "granted", "Ready")
    await world.advance(minutes=30)
    assert world.writes(since) == ["roleAssignments.put"], "tried once, and taken for done"
    assert SNAPSHOT_GROUP != "granted-rg"


async def test_refused_for_a_while_and_then_killed_is_still_one_backup(world: World, shop: Team) -> None:
    """The intent is renewed before each request, so that nobody who comes after a crash takes it for an old one."""
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    world.azure.knobs(job_list_lag=120)
    world.azure.plant("backupInstances.backup", times=12, status=429, headers={"Retry-After": "60"})
    since = world.azure.request_count()
    await shop.back_up()
    uid = shop.get("OnDemandBackup", "now")["metadata"]["uid"]

    def accepted() -> int:
        sent = world.azure.requests(since)
        return sum(each.route == "backupInstances.backup" and each.status == 202 for each in sent)

    await world.passes(accepted, "Azure accepted the backup")
    await world.kill_operator()
    await world.start_operator()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    assert accepted() == 1
    jobs = shop.get("ProtectedDisk", "data")["status"]["jobs"]["recent"]
    assert [each["type"] for each in jobs].count("OnDemand") == 1 and uid


async def test_a_namespace_that_is_deleted_takes_its_objects_and_leaves_the_backups(world: World, shop: Team) -> None:
    tenant = await world.team()
    tenant.make_claim()
    await tenant.protect()
    await tenant.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await tenant.delete("Namespace", tenant.namespace)
    await tenant.gone("PersistentVolumeClaim", "data-0")
    await tenant.gone("ProtectedDisk", "data")
    assert world.writes(since) == ["backupInstances.stopProtection"]
