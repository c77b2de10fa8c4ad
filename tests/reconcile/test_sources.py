"""What becomes of the disk, its claim and the access to the vault while it is protected."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.core.objects.markers import REQUESTED_AT
from harness.objects import SUBSCRIPTION, claim, disk_id, policy, vault, volume
from world.team import Team
from world.world import World


async def protected(shop: Team, **spec: Any) -> str:
    handle = shop.make_claim()
    await shop.protect(**spec)
    await shop.until("ProtectedDisk", "data", "Ready")
    return handle


async def test_a_disk_that_is_gone_is_told_and_its_backups_are_kept(world: World, shop: Team) -> None:
    handle = await protected(shop)
    since = world.azure.request_count()
    world.azure.remove(handle)
    await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "DiskNotFound", within=timedelta(hours=2))
    await shop.after_the_next_backup()
    assert "Existing restore points are kept" in shop.says("ProtectedDisk", "data")
    assert not world.writes(since)
    world.azure.seed(
        disks=[
            {"subscription": SUBSCRIPTION, "group": "disks-rg", "name": handle.split("/")[-1], "location": "westeurope"}
        ]
    )
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_a_disk_that_stays_away_is_looked_for_ever_more_rarely_and_at_once_when_asked_to(
    world: World, shop: Team
) -> None:
    handle = await protected(shop)
    world.azure.remove(handle)
    await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "DiskNotFound", within=timedelta(hours=2))
    since = world.azure.request_count()
    await world.advance(hours=24)
    looks = world.azure.counts(since)["disks.get"]
    # Every five minutes they would be 288.
    assert 24 <= looks <= 75, looks
    world.azure.seed(
        disks=[
            {"subscription": SUBSCRIPTION, "group": "disks-rg", "name": handle.split("/")[-1], "location": "westeurope"}
        ]
    )
    await shop.patch("ProtectedDisk", "data", {"metadata": {"annotations": {REQUESTED_AT: "now"}}})
    await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(minutes=1))


async def test_a_claim_that_is_gone_stops_no_backup(world: World, shop: Team) -> None:
    await protected(shop)
    since = world.azure.request_count()
    await shop.delete("PersistentVolumeClaim", "data-0")
    says = (await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "PersistentVolumeClaimNotFound"))[
        "message"
    ]
    assert "'data-0'" in says
    await world.advance(hours=1)
    assert not world.writes(since)
    assert shop.portal("GET", shop.instance())["properties"]["currentProtectionState"] == "ProtectionConfigured"


async def test_a_claim_made_again_with_another_disk_is_never_a_silent_switch(world: World, shop: Team) -> None:
    handle = await protected(shop)
    since = world.azure.request_count()
    await shop.delete("PersistentVolumeClaim", "data-0")
    other = f"{shop.namespace}-other"
    world.azure.seed(
        disks=[{"subscription": SUBSCRIPTION, "group": "disks-rg", "name": other, "location": "westeurope"}]
    )
    shop.bind("data-0", other, disk_id(other))
    says = (await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "DiskChanged"))["message"]
    assert other in says and "Its restore points are kept" in says
    assert not world.writes(since)
    assert shop.get("ProtectedDisk", "data")["status"]["disk"]["id"] == handle
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    assert shop.get("ProtectedDisk", "data")["status"]["disk"]["id"] == disk_id(other)


async def test_a_claim_made_again_is_protected_by_another_object_while_the_earlier_one_keeps_its_backups(
    world: World, shop: Team
) -> None:
    """As a StatefulSet does it that deletes its claims when it is scaled down, and is scaled up again."""
    handle = await protected(shop)
    instance = shop.instance()
    await shop.delete("PersistentVolumeClaim", "data-0")
    other = f"{shop.namespace}-other"
    world.azure.seed(
        disks=[{"subscription": SUBSCRIPTION, "group": "disks-rg", "name": other, "location": "westeurope"}]
    )
    shop.bind("data-0", other, disk_id(other))
    await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "DiskChanged")
    await shop.protect("again")
    await shop.until("ProtectedDisk", "again", "Ready")
    assert shop.get("ProtectedDisk", "again")["status"]["disk"]["id"] == disk_id(other)
    assert shop.get("ProtectedDisk", "data")["status"]["disk"]["id"] == handle
    assert shop.condition("ProtectedDisk", "data", "Ready")["reason"] == "DiskChanged"
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert shop.portal("GET", instance)["properties"]["currentProtectionState"] == "ProtectionStopped"
    assert shop.condition("ProtectedDisk", "again", "Ready")["status"] == "True"


@pytest.mark.parametrize("is_forged", [False, True], ids=["narrowed", "status"])
async def test_a_claim_made_again_stays_told_whatever_is_looked_at_besides(
    world: World, shop: Team, is_forged: bool
) -> None:
    """The vault serves the namespace no more for a while; or status names the new disk, and the instance of before."""
    handle = await protected(shop)
    instance = shop.instance()
    await shop.delete("PersistentVolumeClaim", "data-0")
    other = f"{shop.namespace}-other"
    world.azure.seed(
        disks=[{"subscription": SUBSCRIPTION, "group": "disks-rg", "name": other, "location": "westeurope"}]
    )
    shop.bind("data-0", other, disk_id(other))
    await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "DiskChanged")
    if is_forged:
        await shop.patch("ProtectedDisk", "data", {"status": {"disk": {"id": disk_id(other)}}}, "status")
    else:
        narrowed = {"spec": {"access": {"namespaces": {"matchLabels": {"team": "another"}}}}}
        await shop.patch("BackupVault", "demo", narrowed)
        await shop.until("ProtectedDisk", "data", "Ready", "False", "DiskChanged")
        await world.advance(minutes=10)
        await shop.patch("BackupVault", "demo", {"spec": {"access": {"namespaces": {"matchLabels": None}}}})
    await world.kill_operator()
    await world.start_operator()
    await world.advance(minutes=10)
    assert shop.condition("ProtectedDisk", "data", "Ready")["reason"] == "DiskChanged"
    status = shop.get("ProtectedDisk", "data")["status"]
    assert status["backupInstanceID"] == instance
    assert is_forged or status["disk"]["id"] == handle


async def test_a_volume_that_belongs_to_another_claim_is_not_believed(world: World, shop: Team) -> None:
    name = f"{shop.namespace}-elsewhere"
    await shop.apply(volume(name, disk_id("data"), "somebody-elses", "default"), claim("stolen", name, shop.namespace))
    since = world.azure.request_count()
    await shop.protect(claim="stolen")
    says = (await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "PersistentVolumeClaimNotBound"))[
        "message"
    ]
    assert "'stolen'" in says
    await world.advance(minutes=20)
    assert not world.writes(since)


async def test_letter_case_is_no_difference(world: World, shop: Team) -> None:
    handle = shop.make_claim()
    await shop.delete("PersistentVolumeClaim", "data-0")
    lower = handle.replace("resourceGroups", "resourcegroups").replace("Microsoft.Compute", "microsoft.compute")
    lower = lower.replace("/disks/", "/Disks/")
    shop.bind("data-1", f"{shop.namespace}-lower", lower)
    await shop.protect(claim="data-1")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert shop.portal("GET", shop.instance())["properties"]["dataSourceInfo"]["resourceID"].lower() == handle.lower()


async def test_an_in_tree_volume_that_migrated_is_protected(world: World, shop: Team) -> None:
    name = f"{shop.namespace}-intree"
    handle = world.azure.seed(
        disks=[{"subscription": SUBSCRIPTION, "group": "disks-rg", "name": name, "location": "westeurope"}]
    )["disks"][0]
    await shop.apply(claim("old", name, shop.namespace))
    old = volume(name, handle, "old", shop.namespace)
    old["metadata"]["annotations"] = {"pv.kubernetes.io/migrated-to": "disk.csi.azure.com"}
    del old["spec"]["csi"]
    old["spec"]["azureDisk"] = {"diskName": name, "diskURI": handle, "kind": "Managed"}
    # As the controller of volumes binds them.
    old["spec"]["claimRef"]["uid"] = shop.get("PersistentVolumeClaim", "old")["metadata"]["uid"]
    await shop.apply(old)
    await shop.patch("PersistentVolumeClaim", "old", {"status": {"phase": "Bound"}}, "status")
    await shop.protect(claim="old")
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_a_disk_that_grows_is_shown_as_it_is(world: World, shop: Team) -> None:
    handle = await protected(shop)
    world.azure.seed(
        disks=[
            {
                "subscription": SUBSCRIPTION,
                "group": "disks-rg",
                "name": handle.split("/")[-1],
                "location": "westeurope",
                "sizeGiB": 64,
                "sku": "Premium_LRS",
            }
        ]
    )
    since = world.azure.request_count()
    await world.advance(hours=7)
    shown = shop.get("ProtectedDisk", "data")["status"]["disk"]
    assert (shown["sizeGiB"], shown["sku"]) == (64, "Premium_LRS")
    assert not world.writes(since)


@pytest.mark.parametrize("which", ["namespaces", "diskIDNamespaces"])
async def test_access_that_is_narrowed_stops_no_backup(world: World, shop: Team, which: str) -> None:
    access = {"namespaces": {"matchLabels": {"team": "a"}}, "diskIDNamespaces": {"matchLabels": {"ids": "yes"}}}
    await shop.label_namespace(team="a", ids="yes")
    await shop.apply(vault("narrow", access=access), policy("narrow", "narrow"))
    await shop.until("DiskBackupPolicy", "narrow", "Ready")
    handle = shop.make_claim()
    source = {"diskID": handle} if which == "diskIDNamespaces" else {"persistentVolumeClaim": {"name": "data-0"}}
    await shop.protect(policy="narrow", source=source)
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    left = {"team": "a"} if which == "diskIDNamespaces" else {"ids": "yes"}
    await shop.label_namespace(**{name: None for name in ("team", "ids") if name not in left})
    says = (await shop.until("ProtectedDisk", "data", "Accepted", "False", "NamespaceNotAllowed"))["message"]
    assert "stays protected" in says and "deletionPolicy: Retain" in says
    assert shop.condition("ProtectedDisk", "data", "Protected")["status"] == "True"
    assert shop.condition("ProtectedDisk", "data", "Ready")["status"] == "False"
    await shop.after_the_next_backup("narrow")
    await shop.until("ProtectedDisk", "data", "BackupHealthy", "True")
    assert not world.writes(since)
    await shop.label_namespace(team="a", ids="yes")
    await shop.until("ProtectedDisk", "data", "Ready")
