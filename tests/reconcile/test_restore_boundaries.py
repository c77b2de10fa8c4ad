"""No data of one namespace is reached from another, by whatever a tenant may write; nothing of others is touched."""

from __future__ import annotations

from typing import Any

import pytest

from azdiskbackup.core.objects.markers import MADE_BY
from azdiskbackup.errors import OperatorError
from harness import objects
from harness.objects import Json
from reconcile.restore_world import RESTORES, backed_up, ended, restore, restored_disks, verdict
from world.team import Team
from world.world import World

ORPHANS: Json = {**RESTORES, "access": {"restoreNamespaces": {}, "restoreOrphanNamespaces": {}}}
WHOLE = {"name": "stolen", "fsType": "ext4", "storageClassName": "managed-csi"}


def by_instance(instance: str, **more: Any) -> Json:
    return {
        "source": {"backupInstance": {"vaultRef": {"name": "demo"}, "name": instance.rsplit("/", 1)[1]}},
        "target": {"persistentVolumeClaim": WHOLE},
        **more,
    }


async def retag(shop: Team, instance: str, tags: Json) -> None:
    """Write the tags of an instance as somebody in the portal would."""
    found = shop.portal("GET", instance)
    shop.portal("PUT", instance, {"tags": tags, "properties": found["properties"]})
    await shop.world.advance(minutes=20)


async def orphaned(shop: Team) -> str:
    """Leave a backup behind whose object is gone; return its instance."""
    await backed_up(shop, **ORPHANS)
    instance = shop.instance()
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    return instance


async def refused(world: World, thief: Team, name: str, reason: str) -> None:
    """Assert that a restore gets nothing, ever."""
    since = world.azure.request_count()
    await thief.until("DiskRestore", name, "SourceResolved", "False", reason)
    await world.advance(hours=2)
    writes = [each for each in world.writes(since) if "estore" in each or "roleAssignments" in each]
    assert not writes and not restored_disks(thief) and not thief.exists("PersistentVolumeClaim", "stolen")


# --- what is meant to work ----------------------------------------------------------------------------


async def test_what_is_left_of_a_deleted_object_comes_back_by_its_instance(world: World, shop: Team) -> None:
    instance = await orphaned(shop)
    status = await restore(shop, **by_instance(instance))
    assert verdict(shop) == ("True", "Completed") and status["backupInstanceID"].lower() == instance.lower()


async def test_the_backups_of_another_cluster_come_back_where_the_vault_names_it(world: World, shop: Team) -> None:
    instance = await orphaned(shop)
    tags = shop.portal("GET", instance)["tags"] | {"azdiskbackup.io.cluster": "another"}
    await retag(shop, instance, tags)
    await shop.apply(objects.restore(namespace=shop.namespace, **by_instance(instance)))
    await refused(world, shop, "back", "OwnedElsewhere")
    adopting = {"access": {**ORPHANS["access"], "adoptFromClusters": ["another"]}}
    await shop.patch("BackupVault", "demo", {"spec": adopting})
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")


# --- what a tenant may write in a DiskRestore -----------------------------------------------------------


async def test_an_instance_of_another_namespace(world: World, shop: Team) -> None:
    instance = await orphaned(shop)
    thief = await world.team()
    await thief.apply(objects.restore(namespace=thief.namespace, **by_instance(instance)))
    await refused(world, thief, "back", "OwnedElsewhere")


async def test_an_instance_without_tags(world: World, shop: Team) -> None:
    instance = await orphaned(shop)
    await retag(shop, instance, {})
    await shop.apply(objects.restore(namespace=shop.namespace, **by_instance(instance)))
    await refused(world, shop, "back", "OwnedElsewhere")


async def test_a_namespace_of_the_same_name_that_somebody_made_anew(world: World, shop: Team) -> None:
    instance = await orphaned(shop)
    await retag(shop, instance, shop.portal("GET", instance)["tags"] | {"azdiskbackup.io.namespaceuid": "before"})
    await shop.apply(objects.restore(namespace=shop.namespace, **by_instance(instance)))
    await refused(world, shop, "back", "OwnedElsewhere")


async def test_a_namespace_that_the_platform_team_vouches_for_has_its_data_back(world: World, shop: Team) -> None:
    instance = await orphaned(shop)
    tags = shop.portal("GET", instance)["tags"]
    await retag(shop, instance, tags | {"azdiskbackup.io.namespaceuid": "before"})
    await shop.apply(objects.restore(namespace=shop.namespace, **by_instance(instance)))
    await refused(world, shop, "back", "OwnedElsewhere")
    vouching = {**ORPHANS["access"], "adoptFromClusters": [tags["azdiskbackup.io.cluster"]]}
    await shop.patch("BackupVault", "demo", {"spec": {"access": vouching}})
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_by_instance_needs_leave_of_its_own(world: World, shop: Team) -> None:
    instance = await orphaned(shop)
    await shop.patch("BackupVault", "demo", {"spec": {"access": {"restoreOrphanNamespaces": None}}})
    await shop.apply(objects.restore(namespace=shop.namespace, **by_instance(instance)))
    await refused(world, shop, "back", "NamespaceNotAllowed")


async def test_a_name_that_leads_out_of_the_vault(world: World, shop: Team) -> None:
    for name in ("../x", "a/b", "x?y", "%2e%2e"):
        wanted = objects.restore("odd", shop.namespace, **by_instance("/x"))
        wanted["spec"]["source"]["backupInstance"]["name"] = name
        with pytest.raises(OperatorError, match="backupInstance"):
            await shop.apply(wanted)


async def test_a_restore_point_of_another_disk(world: World, shop: Team) -> None:
    await backed_up(shop)
    await world.advance(minutes=30)
    point = shop.get("ProtectedDisk", "data")["status"]["restorePoints"]["recent"][0]["id"]
    thief = await world.team()
    thief.make_claim()
    await thief.protect()
    await thief.until("ProtectedDisk", "data", "Ready")
    await thief.apply(objects.restore(namespace=thief.namespace, restorePoint={"id": point}))
    await refused(world, thief, "back", "NoRestorePoint")


async def test_labels_of_the_pvc_that_pose_as_ours(world: World, shop: Team) -> None:
    await backed_up(shop)
    await restore(shop, target={"persistentVolumeClaim": {"name": "mine", "labels": {MADE_BY: "another"}}})
    uid = shop.get("DiskRestore", "back")["metadata"]["uid"]
    assert shop.get("PersistentVolumeClaim", "mine")["metadata"]["labels"] == {MADE_BY: uid}


# --- what a tenant may write elsewhere ------------------------------------------------------------------


async def test_a_status_that_names_the_instance_of_another_namespace(world: World, shop: Team) -> None:
    await backed_up(shop)
    instance = shop.instance()
    thief = await world.team()
    thief.make_claim()
    await thief.protect(protection="Stopped")
    await thief.until("ProtectedDisk", "data", "Ready")
    await world.kill_operator()
    await thief.apply(objects.restore(namespace=thief.namespace))
    await thief.patch("ProtectedDisk", "data", {"status": {"backupInstanceID": instance}}, "status")
    forged = {"vault": "demo", "backupInstanceID": instance, "restorePoint": {"id": "p", "sizeGiB": 32}}
    await thief.patch("DiskRestore", "back", {"status": forged}, "status")
    await world.start_operator()
    await world.advance(hours=2)
    assert not restored_disks(thief)


async def test_a_pvc_that_names_the_volume_of_a_restore_of_others(world: World, shop: Team) -> None:
    await backed_up(shop)
    thief = await world.team()
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "DiskRestored", "False", "InProgress")
    uid = shop.get("DiskRestore", "back")["metadata"]["uid"]
    stolen = objects.claim("data-restored", f"azdiskbackup-{uid}", thief.namespace)
    stolen["metadata"]["labels"] = {MADE_BY: uid}
    await thief.apply(stolen)
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")
    assert thief.get("PersistentVolumeClaim", "data-restored").get("status", {}).get("phase") != "Bound"
    assert shop.get("PersistentVolumeClaim", "data-restored")["status"]["phase"] == "Bound"


async def test_a_pvc_that_is_made_anew_in_the_place_of_ours(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "DiskRestored", "False", "InProgress")
    await shop.delete("PersistentVolumeClaim", "data-restored")
    await shop.apply(objects.claim("data-restored", "another", shop.namespace))
    await ended(shop)
    assert verdict(shop) == ("False", "ClaimDeleted")
    assert not any(each["metadata"]["name"].startswith("azdiskbackup-") for each in world.every("PersistentVolume"))
