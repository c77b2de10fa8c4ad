"""Backups whose ProtectedDisk is gone: the vault counts them, for as long as they are there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from azdiskbackup.core.objects.markers import FOLLOW_PVC
from harness import objects
from harness.objects import SUBSCRIPTION, disk_id
from world.team import Team
from world.world import World


def orphaned(shop: Team) -> Any:
    return shop.get("BackupVault", "demo")["status"].get("orphanedBackupInstances")


async def protected(shop: Team, *numbers: int) -> None:
    await shop.gold()
    for number in numbers:
        shop.make_claim(f"data-{number}")
        await shop.protect(f"data-{number}", f"data-{number}")
    for number in numbers:
        await shop.until("ProtectedDisk", f"data-{number}", "Ready")


async def test_the_vault_counts_backups_whose_object_is_gone(world: World, shop: Team) -> None:
    await protected(shop, 0, 1, 2)
    await world.advance(minutes=30)
    assert orphaned(shop) == 0
    for number in (0, 1):
        await shop.delete("ProtectedDisk", f"data-{number}")
    await world.passes(lambda: orphaned(shop) == 2, "both are counted")
    # Who protects the same PVC again goes on with its backups.
    await shop.protect("data-0", "data-0")
    await world.passes(lambda: orphaned(shop) == 1, "one is left")
    await shop.protect("data-1", "data-1")
    await world.passes(lambda: orphaned(shop) == 0, "none is left")


async def test_they_are_counted_where_resource_graph_tells_nothing(world: World, shop: Team) -> None:
    await protected(shop, 0, 1)
    world.azure.plant("resourceGraph", status=403, code="AuthorizationFailed", message="No.", times=10_000)
    await shop.delete("ProtectedDisk", "data-0")
    await world.passes(lambda: orphaned(shop) == 1, "it is counted")


async def test_while_azure_tells_nothing_at_all_the_number_stays(world: World, shop: Team) -> None:
    await protected(shop, 0)
    await shop.delete("ProtectedDisk", "data-0")
    await world.passes(lambda: orphaned(shop) == 1, "it is counted")
    for route in ("resourceGraph", "backupInstances.list"):
        world.azure.plant(route, status=500, code="InternalServerError", message="No.", times=10_000)
    await world.advance(hours=1)
    assert orphaned(shop) == 1
    world.azure.clear_faults()


async def test_those_of_another_cluster_are_not_ours_to_count(world: World, shop: Team) -> None:
    await protected(shop, 0, 1)
    instance = shop.instance("data-0")
    await shop.delete("ProtectedDisk", "data-0")
    body = shop.portal("GET", instance)
    tags = body["tags"] | {"azdiskbackup.io.cluster": "another"}
    shop.portal("PUT", instance, {"tags": tags, "properties": body["properties"]})
    await world.advance(hours=1)
    assert orphaned(shop) == 0


async def test_an_earlier_disk_of_an_object_is_its_own(world: World, shop: Team) -> None:
    await protected(shop, 0)
    await shop.delete("PersistentVolumeClaim", "data-0")
    place = {"subscription": SUBSCRIPTION, "group": objects.DISK_GROUP, "location": objects.LOCATION}
    world.azure.seed(disks=[place | {"name": "next"}])
    shop.bind("data-0", "next", disk_id("next"))
    await shop.until("ProtectedDisk", "data-0", "Ready", "False", "DiskChanged")
    uid = shop.get("PersistentVolumeClaim", "data-0")["metadata"]["uid"]
    await shop.patch("ProtectedDisk", "data-0", {"metadata": {"annotations": {FOLLOW_PVC: uid}}})
    await world.passes(lambda: shop.get("ProtectedDisk", "data-0")["status"].get("earlierDisks"), "it follows")
    await shop.until("ProtectedDisk", "data-0", "Ready")
    await world.advance(hours=1)
    assert orphaned(shop) == 0
    # What only a person deletes is an orphan when the object goes: both of them.
    await shop.delete("ProtectedDisk", "data-0")
    await world.passes(lambda: orphaned(shop) == 2, "both disks' backups are counted")


async def test_with_the_last_object_the_count_is_known_until_nothing_is_swept(world: World, shop: Team) -> None:
    await protected(shop, 0)
    await shop.delete("ProtectedDisk", "data-0")
    await world.passes(lambda: orphaned(shop) == 1, "it is counted")
    await world.stop_operator()
    await world.start_operator()
    await world.advance(hours=1)
    assert orphaned(shop) is None, "what nobody looks at is not known"


async def test_they_are_counted_after_a_restart_though_no_object_can_read_the_vault(world: World, shop: Team) -> None:
    await protected(shop, 0, 1)
    await world.passes(lambda: orphaned(shop) == 0, "there is none")
    world.azure.remove(shop.get("ProtectedDisk", "data-1")["status"]["disk"]["id"])
    await shop.until("ProtectedDisk", "data-1", "Ready", "False", "DiskNotFound", within=timedelta(hours=2))
    await world.stop_operator()
    # Deleted by force while nobody looks.
    await shop.patch("ProtectedDisk", "data-0", {"metadata": {"finalizers": None}})
    await shop.delete("ProtectedDisk", "data-0")
    await world.start_operator()
    await world.passes(lambda: orphaned(shop) == 1, "it is counted")


async def test_one_that_blocks_another_object_is_counted(world: World, shop: Team) -> None:
    """The same PVC is to be protected in another vault, which Azure refuses for as long as the first one has it."""
    await protected(shop, 0, 1)
    await shop.apply(objects.vault("other"), objects.policy("silver", "other"))
    await shop.until("DiskBackupPolicy", "silver", "Ready")
    await shop.delete("ProtectedDisk", "data-0")
    await shop.protect("again", "data-0", "silver")
    await world.passes(lambda: orphaned(shop) == 1, "it is counted")
    assert shop.condition("ProtectedDisk", "again", "Ready")["status"] == "False"
    await shop.delete("ProtectedDisk", "again")


async def test_a_restart_forgets_nothing_and_writes_nothing(world: World, shop: Team) -> None:
    await protected(shop, 0, 1)
    await shop.delete("ProtectedDisk", "data-0")
    await world.passes(lambda: orphaned(shop) == 1, "it is counted")
    before = shop.get("BackupVault", "demo")["metadata"]["resourceVersion"]
    await world.stop_operator()
    await world.start_operator()
    await world.advance(hours=1)
    assert shop.get("BackupVault", "demo")["metadata"]["resourceVersion"] == before and orphaned(shop) == 1
