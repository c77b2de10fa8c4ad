"""What Azure does, and what becomes of things in the cluster, while a disk is restored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness import objects
from reconcile.restore_world import RESTORE_GROUP_ID, backed_up, ended, restore, restored_disks, role, verdict
from world.team import Team
from world.world import World

# --- what Azure does ----------------------------------------------------------------------------------


async def test_the_group_for_restored_disks_is_missing_and_comes(world: World, shop: Team) -> None:
    world.azure.remove(RESTORE_GROUP_ID)
    await backed_up(shop)
    told = shop.condition("BackupVault", "demo", "RestoreResourceGroupsReady")
    assert (
        told["reason"] == "ResourceGroupMissing" and shop.condition("BackupVault", "demo", "Ready")["status"] == "True"
    )
    await shop.patch(
        "BackupVault", "demo", {"spec": {"restoreResourceGroups": [{"name": "restored-rg", "create": True}]}}
    )
    await shop.until("BackupVault", "demo", "RestoreResourceGroupsReady")
    await restore(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_what_is_missing_is_seen_soon_after_somebody_made_it(world: World, shop: Team) -> None:
    """The vault is Ready without the group; what is not as it should be is not left for an hour."""
    world.azure.remove(RESTORE_GROUP_ID)
    await backed_up(shop)
    await shop.until("BackupVault", "demo", "RestoreResourceGroupsReady", "False", "ResourceGroupMissing")
    await world.advance(minutes=30)
    world.azure.seed(
        groups=[{"subscription": objects.SUBSCRIPTION, "name": objects.RESTORE_GROUP, "location": objects.LOCATION}]
    )
    await shop.until("BackupVault", "demo", "RestoreResourceGroupsReady", within=timedelta(minutes=12))


@pytest.mark.parametrize("code", ["UserErrorDiskSnapshotNotFound"])
async def test_a_snapshot_that_is_gone_ends_it(world: World, shop: Team, code: str) -> None:
    await backed_up(shop)
    world.azure.turn("snapshot", instance=shop.instance(), deleted=True)
    status = await restore(shop)
    assert verdict(shop) == ("False", "SnapshotGone") and not restored_disks(shop)
    assert code in shop.says("DiskRestore", "back")
    assert "jobID" not in status


async def test_a_job_that_fails_says_what_azure_recommends(world: World, shop: Team) -> None:
    await backed_up(shop)
    words = {"code": "RequestDisallowedByPolicy", "message": "Disks need a tag.", "action": "Add the tag."}
    world.azure.turn("restores", status="Failed", **words)
    status = await restore(shop)
    assert verdict(shop) == ("False", "Failed") and status["error"]["code"] == "RequestDisallowedByPolicy"
    assert "Add the tag." in shop.says("DiskRestore", "back")
    assert not restored_disks(shop)


async def test_warnings_of_a_job_do_not_matter_when_the_disk_is_there(world: World, shop: Team) -> None:
    await backed_up(shop)
    world.azure.turn("restores", status="CompletedWithWarnings")
    await restore(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_a_job_that_hangs_is_followed_for_a_day(world: World, shop: Team) -> None:
    await backed_up(shop)
    world.azure.turn("restores", status="InProgress")
    await shop.apply(objects.restore(namespace=shop.namespace))
    await ended(shop, within=timedelta(hours=26))
    assert verdict(shop) == ("False", "TimedOut")
    world.azure.turn("restores")


async def test_the_quota_of_disks_is_waited_for(world: World, shop: Team) -> None:
    await backed_up(shop)
    world.azure.turn("quota", disks=1)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "Validated", "False", "QuotaExceeded")
    world.azure.turn("quota", disks=-1)
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_the_pvc_is_deleted_while_the_disk_is_restored(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "DiskRestored", "False", "InProgress")
    await shop.delete("PersistentVolumeClaim", "data-restored")
    status = await ended(shop)
    assert verdict(shop) == ("False", "ClaimDeleted")
    (disk,) = restored_disks(shop)
    assert status["disk"]["id"] == disk["id"] and "persistentVolume" not in status


async def test_the_pvc_is_deleted_before_azure_is_asked(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "AccessGranted")
    await shop.delete("PersistentVolumeClaim", "data-restored")
    await ended(shop)
    assert verdict(shop) == ("False", "ClaimDeleted") and not restored_disks(shop)


async def test_another_volume_for_the_restored_disk(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "DiskRestored", "False", "InProgress")
    target = shop.get("DiskRestore", "back")["status"]["targetDiskID"]
    await shop.apply(objects.volume("by-hand", target, "other", shop.namespace))
    await shop.until("DiskRestore", "back", "VolumeBound", "False", "VolumeExists")
    await shop.delete("PersistentVolume", "by-hand")
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_a_disk_that_nobody_may_tag_is_restored_all_the_same(world: World, shop: Team) -> None:
    await backed_up(shop)
    world.azure.plant(r"^disks\.patch$", status=403, code="AuthorizationFailed", message="No.", times=5)
    await restore(shop)
    assert verdict(shop) == ("True", "Completed")
    world.azure.clear_faults()


async def test_others_assign_the_roles(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.patch("BackupVault", "demo", {"spec": {"roleAssignments": "Preassigned"}})
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "Validated", "False", "WaitingForPermissions")
    assert "az role assignment create" in shop.says("DiskRestore", "back") and not role(shop)
    assert shop.condition("DiskRestore", "back", "Stalled")
    await shop.delete("DiskRestore", "back")
