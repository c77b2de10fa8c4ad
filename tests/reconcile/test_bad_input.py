"""What a person gets wrong: told in a condition, with nothing sent to Azure, and healed."""

from __future__ import annotations

from harness.objects import (
    DISK_GROUP,
    LOCATION,
    SECOND_SUBSCRIPTION,
    SNAPSHOT_GROUP,
    SUBSCRIPTION,
    backup,
    disk,
    disk_id,
    policy,
    vault,
)
from world.team import Team
from world.world import World


async def told(shop: Team, kind: str, name: str, type_: str, reason: str) -> str:
    """Return the message of a condition that is False for a reason; Ready says the same."""
    message = (await shop.until(kind, name, type_, "False", reason))["message"]
    assert shop.condition(kind, name, "Ready")["reason"] == reason
    return str(message)


def writes(world: World, since: int, name: str) -> list[str]:
    """Return the routes of writes to Azure that have to do with a disk."""
    return [each.route for each in world.azure.requests(since) if each.writes and name in f"{each.path} {each.body}"]


async def test_over_full_policy(world: World, shop: Team) -> None:
    hourly = {"frequency": "Hourly", "intervalHours": 1}
    since = world.azure.request_count()
    await shop.apply(policy("full", "demo", schedule=hourly, retention={"default": {"days": 30}}))
    says = await told(shop, "DiskBackupPolicy", "full", "Accepted", "TooManyRestorePoints")
    assert "720 restore points" in says and "450: 720 (24 a day for 30 days)" in says
    assert not [
        each
        for each in world.azure.requests(since)
        if each.route.startswith("backupPolicies") and "/full-" in each.path
    ]
    await shop.apply(policy("full", "demo", schedule=hourly, retention={"default": {"days": 18}}))
    await shop.until("DiskBackupPolicy", "full", "Ready")
    await shop.delete("DiskBackupPolicy", "full")


async def test_unknown_time_zone(shop: Team) -> None:
    daily = {"frequency": "Daily", "timeZone": "Europe/Atlantis"}
    await shop.apply(policy("lost", "demo", schedule=daily))
    assert "Europe/Atlantis" in await told(shop, "DiskBackupPolicy", "lost", "Accepted", "TimeZoneUnknown")
    await shop.apply(policy("lost", "demo", schedule=daily | {"timeZone": "Europe/Berlin"}))
    await shop.until("DiskBackupPolicy", "lost", "Ready")
    await shop.delete("DiskBackupPolicy", "lost")


async def test_unknown_policy(world: World, shop: Team) -> None:
    shop.make_claim()
    others = {"namespaces": {"matchLabels": {"team": "others"}}}
    await shop.apply(vault("theirs", access=others), policy("theirs", "theirs"))
    await shop.until("DiskBackupPolicy", "theirs", "Ready")
    since = world.azure.request_count()
    await shop.protect(policy="later")
    says = await told(shop, "ProtectedDisk", "data", "Accepted", "PolicyNotFound")
    # Who may write a ProtectedDisk may not list policies, as a rule. Of another vault's only its own namespaces hear.
    assert "DiskBackupPolicy 'later' does not exist. Policies that serve this namespace: gold. The operator" in says
    assert not writes(world, since, shop.namespace)
    await shop.apply(policy("later", "demo"))
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_unknown_vault(shop: Team) -> None:
    shop.make_claim()
    await shop.apply(policy("early", "late-vault"))
    await shop.protect(policy="early")
    says = await told(shop, "DiskBackupPolicy", "early", "VaultReady", "VaultNotFound")
    assert "BackupVault 'late-vault' does not exist" in says
    assert "is not ready" in await told(shop, "ProtectedDisk", "data", "Accepted", "PolicyNotReady")
    await shop.apply(vault("late-vault"))
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_missing_claim(world: World, shop: Team) -> None:
    since = world.azure.request_count()
    await shop.protect()
    says = await told(shop, "ProtectedDisk", "data", "DiskResolved", "PersistentVolumeClaimNotFound")
    assert "PVC 'data-0' does not exist" in says
    assert not writes(world, since, shop.namespace)
    shop.make_claim()
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_claim_of_another_driver(world: World, shop: Team) -> None:
    shop.make_claim(driver="file.csi.azure.com")
    since = world.azure.request_count()
    await shop.protect()
    says = await told(shop, "ProtectedDisk", "data", "DiskResolved", "NotAnAzureDisk")
    assert "file.csi.azure.com" in says and shop.condition("ProtectedDisk", "data", "Stalled")["status"] == "True"
    assert not writes(world, since, shop.namespace)
    # The team makes the claim again, on a disk this time.
    await shop.delete("PersistentVolumeClaim", "data-0")
    name = f"{shop.namespace}-second"
    world.azure.seed(disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": name, "location": LOCATION}])
    shop.bind("data-0", name, disk_id(name))
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_disk_in_another_region(world: World, shop: Team) -> None:
    shop.make_claim(location="northeurope")
    since = world.azure.request_count()
    await shop.protect()
    says = await told(shop, "ProtectedDisk", "data", "DiskResolved", "RegionMismatch")
    assert "northeurope" in says and "westeurope" in says
    assert not writes(world, since, shop.namespace)
    await shop.apply(vault("north", location="northeurope"), policy("north", "north"))
    await shop.protect(policy="north")
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_snapshots_never_go_with_the_group_of_the_disks(world: World, shop: Team) -> None:
    """As those in the node resource group of AKS would, with the cluster."""
    groups = [{"name": DISK_GROUP}]
    await shop.apply(vault("beside", snapshotResourceGroups=groups), policy("beside", "beside"))
    await shop.until("DiskBackupPolicy", "beside", "Ready")
    shop.make_claim()
    since = world.azure.request_count()
    await shop.protect(policy="beside")
    assert DISK_GROUP in await told(shop, "ProtectedDisk", "data", "DiskResolved", "DiskInSnapshotResourceGroup")
    assert not writes(world, since, shop.namespace)


async def test_a_disk_of_a_subscription_without_a_snapshot_group(world: World, shop: Team) -> None:
    """Snapshots are kept in the disk's own subscription, and never sent to another one."""
    shop.make_claim(subscription=SECOND_SUBSCRIPTION)
    since = world.azure.request_count()
    await shop.protect()
    says = await told(shop, "ProtectedDisk", "data", "DiskResolved", "NoSnapshotResourceGroup")
    assert SECOND_SUBSCRIPTION in says and not writes(world, since, shop.namespace)
    groups = [{"name": SNAPSHOT_GROUP, "subscriptionID": each} for each in (SUBSCRIPTION, SECOND_SUBSCRIPTION)]
    await shop.apply(vault("demo", snapshotResourceGroups=groups))
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_namespace_without_access(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.apply(
        vault("exclusive", access={"namespaces": {"matchLabels": {"tier": "gold"}}}), policy("exclusive", "exclusive")
    )
    await shop.until("DiskBackupPolicy", "exclusive", "Ready")
    since = world.azure.request_count()
    await shop.protect(policy="exclusive")
    says = await told(shop, "ProtectedDisk", "data", "Accepted", "NamespaceNotAllowed")
    assert "does not allow the namespace" in says
    assert not writes(world, since, shop.namespace)
    await shop.label_namespace(tier="gold")
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_disk_by_id_only_where_the_vault_allows_it(shop: Team) -> None:
    await shop.apply(
        vault("byid", access={"diskIDNamespaces": {"matchLabels": {"may": "name-disks"}}}), policy("byid", "byid")
    )
    await shop.until("DiskBackupPolicy", "byid", "Ready")
    handle = shop.make_claim()
    await shop.apply(disk("data", shop.namespace, policy="byid", source={"diskID": handle}))
    says = await told(shop, "ProtectedDisk", "data", "Accepted", "NamespaceNotAllowed")
    assert "by ARM id" in says
    await shop.label_namespace(may="name-disks")
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_retention_rule_that_the_policy_lacks(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await shop.back_up("now", "data", retentionRule="Weekly")
    says = (await shop.until("OnDemandBackup", "now", "Accepted", "False", "RetentionRuleMissing"))["message"]
    assert "no retention rule 'Weekly', only Default" in says
    assert shop.condition("OnDemandBackup", "now", "Succeeded")["status"] == "Unknown", "it is not final"
    assert not [each for each in world.azure.requests(since) if each.route == "backupInstances.backup"]
    await shop.apply(policy("weekly", "demo", retention={"weekly": {"days": 84}}))
    await shop.protect(policy="weekly")
    await shop.until("OnDemandBackup", "now", "Succeeded")


async def test_snapshot_group_that_is_missing(world: World, shop: Team) -> None:
    await shop.apply(vault("no-group", snapshotResourceGroups=[{"name": "later-rg"}]))
    says = await told(shop, "BackupVault", "no-group", "SnapshotResourceGroupsReady", "ResourceGroupMissing")
    assert "later-rg does not exist" in says and "`create: true`" in says
    world.azure.seed(groups=[{"subscription": SUBSCRIPTION, "name": "later-rg", "location": LOCATION}])
    await shop.until("BackupVault", "no-group", "Ready")


async def test_a_second_object_for_one_claim_waits_for_the_older_one(shop: Team) -> None:
    shop.make_claim()
    await shop.protect("first")
    await shop.until("ProtectedDisk", "first", "Ready")
    await shop.protect("second")
    assert "'first' already protects the same source or waits to, and is older" in await told(
        shop, "ProtectedDisk", "second", "Accepted", "DuplicateProtectedDisk"
    )
    await shop.delete("ProtectedDisk", "first")
    await shop.gone("ProtectedDisk", "first")
    await shop.until("ProtectedDisk", "second", "Ready")


async def test_backup_of_an_unknown_disk_waits_for_it(shop: Team) -> None:
    await shop.apply(backup("now", shop.namespace, "data"))
    says = (await shop.until("OnDemandBackup", "now", "Accepted", "False", "ProtectedDiskNotFound"))["message"]
    assert "ProtectedDisk 'data' does not exist" in says
    shop.make_claim()
    await shop.protect()
    await shop.until("OnDemandBackup", "now", "Succeeded")
