"""From a restore point to data that a pod can read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from azdiskbackup.core.identity.roles import DISK_RESTORE_OPERATOR, Grant
from azdiskbackup.core.objects.markers import MADE_BY
from harness import objects
from harness.objects import SUBSCRIPTION
from reconcile.restore_world import RESTORE_GROUP_ID, backed_up, ended, restore, restored_disks, role, verdict
from world.team import Team
from world.world import World


def before(shop: Team) -> list[Any]:
    """What existed before, and may not change."""
    pvc, pv = shop.get("PersistentVolumeClaim", "data-0"), shop.get("PersistentVolume", f"{shop.namespace}-data-0")
    return [pvc, pv]


async def test_a_disk_comes_back_as_a_pvc(world: World, shop: Team) -> None:
    handle = await backed_up(shop)
    known = before(shop)
    status = await restore(shop)
    assert verdict(shop) == ("True", "Completed")
    (disk,) = restored_disks(shop)
    assert disk["id"] == status["disk"]["id"] == status["targetDiskID"] != handle
    uid = shop.get("DiskRestore", "back")["metadata"]["uid"]
    assert disk["name"] == f"restored-data-restored-{uid}"
    tags = {key: value for key, value in disk["tags"].items() if key.startswith("azdiskbackup.io")}
    assert tags == {
        "azdiskbackup.io.cluster": world.cluster,
        "azdiskbackup.io.namespace": shop.namespace,
        "azdiskbackup.io.diskrestore": "back",
    }
    claim, volume = (
        shop.get("PersistentVolumeClaim", "data-restored"),
        shop.get("PersistentVolume", status["persistentVolume"]),
    )
    assert claim["status"]["phase"] == "Bound" and claim["spec"]["volumeName"] == status["persistentVolume"]
    assert volume["spec"]["csi"]["volumeHandle"] == disk["id"] and volume["metadata"]["labels"] == {MADE_BY: uid}
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert claim["spec"]["storageClassName"] == volume["spec"]["storageClassName"] == "managed-csi"
    assert status["jobID"] and status["durationSeconds"] > 0 and status["restorePoint"]["time"]
    assert before(shop) == known, "nothing that exists is touched"
    await world.advance(minutes=1)
    assert role(shop) == [], "the right to make disks goes with the restore"


async def test_the_disk_alone_comes_back_where_no_pvc_is_wanted(world: World, shop: Team) -> None:
    await backed_up(shop)
    claims = len(world.every("PersistentVolumeClaim"))
    status = await restore(shop, target={})
    assert verdict(shop) == ("True", "Completed") and len(restored_disks(shop)) == 1
    assert "persistentVolumeClaim" not in status and len(world.every("PersistentVolumeClaim")) == claims


async def test_with_the_reclaim_policy_delete_the_volume_gets_it_once_it_is_bound(world: World, shop: Team) -> None:
    await backed_up(shop)
    status = await restore(shop, reclaimPolicy="Delete")
    volume = shop.get("PersistentVolume", status["persistentVolume"])
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] == "disk.csi.azure.com"


async def test_calls_and_writes_of_a_restore_are_counted(world: World, shop: Team) -> None:
    """Eight calls, three of them writes, and one for the tags; ten writes to Kubernetes, what is made included."""
    world.azure.knobs(role_propagation=0)
    await backed_up(shop)
    # The restore point is in the status of the disk, as people see it.
    await world.advance(minutes=30)
    asked, written = world.azure.request_count(), len(world.server.store.writes)
    await restore(shop)
    routes = ("roleAssignments.put", "operations.", "backupInstances.", "backupJobs.", "recoveryPoints.", "disks.")
    mine = [each for each in world.azure.requests(asked) if each.route.startswith(routes)]
    told = [each.route for each in mine]
    assert sum(each.writes for each in mine) == 4 and len(mine) == 9, told
    kinds = ("diskrestores", "persistentvolumes", "persistentvolumeclaims")
    writes = [each for each in world.server.store.writes[written:] if each[0] in kinds]
    made = [each for each in writes if each[:2] in (("persistentvolumes", ""), ("persistentvolumeclaims", ""))]
    told = [each for each in writes if each[0] == "diskrestores" and each[1] == "status"]
    # One of what is made is the binder's.
    assert len(made) == 3 and len(told) == 5, writes


async def test_the_pvc_is_bound_soon_after_the_job_has_ended(world: World, shop: Team) -> None:
    await backed_up(shop)
    for seconds in (100, 215, 260, 900):
        name = f"r{seconds}"
        world.azure.knobs(restore=seconds)
        status = await restore(shop, name, target={"persistentVolumeClaim": {"name": name}})
        started = datetime.fromisoformat(status["startTime"])
        late = datetime.fromisoformat(status["completionTime"]) - started - timedelta(seconds=seconds)
        # A job that ends sooner than any that was recorded waits for the first look.
        most = {100: 150, 900: 60}.get(seconds, 30)
        assert late < timedelta(seconds=most), (seconds, late)


async def test_the_restore_point_of_a_time(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.after_the_next_backup()
    await world.advance(minutes=30)
    points = shop.get("ProtectedDisk", "data")["status"]["restorePoints"]["recent"]
    newest, oldest = points[0], points[-1]
    assert newest["id"] != oldest["id"]
    status = await restore(shop, "old", restorePoint={"notAfter": oldest["time"]}, target={})
    assert status["restorePoint"]["id"] == oldest["id"]
    status = await restore(shop, "named", restorePoint={"id": oldest["id"]}, target={})
    assert status["restorePoint"]["id"] == oldest["id"]
    status = await restore(shop, "newest", target={})
    assert status["restorePoint"]["id"] == newest["id"]
    await shop.apply(objects.restore("early", shop.namespace, restorePoint={"notAfter": "2025-01-01T00:00:00Z"}))
    await shop.until("DiskRestore", "early", "SourceResolved", "False", "NoRestorePoint")
    assert "oldest restore point" in shop.says("DiskRestore", "early")


async def test_a_stopped_disk_is_restored_too(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.protect(protection="Stopped")
    await shop.until("ProtectedDisk", "data", "Ready", "True", "Stopped")
    await restore(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_several_at_once_share_the_role_and_it_goes_with_the_last(world: World, shop: Team) -> None:
    await backed_up(shop)
    names = [f"r{number}" for number in range(3)]
    for name in names:
        await shop.apply(objects.restore(name, shop.namespace, target={"persistentVolumeClaim": {"name": name}}))
    for name in names:
        await ended(shop, name)
        assert verdict(shop, name) == ("True", "Completed")
    assert len(restored_disks(shop)) == 3
    await world.advance(minutes=1)
    assert role(shop) == []


async def test_a_restore_that_is_deleted_leaves_no_role_behind(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "AccessGranted")
    assert role(shop)
    await shop.delete("DiskRestore", "back")
    await world.advance(minutes=1)
    assert role(shop) == [] and not restored_disks(shop)


async def test_a_role_that_a_restart_forgot_goes_all_the_same(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "AccessGranted")
    await world.kill_operator()
    await shop.delete("DiskRestore", "back")
    await world.start_operator()
    await world.advance(minutes=2)
    assert role(shop) == []


async def test_a_role_that_somebody_takes_away_meanwhile_is_assigned_again(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "AccessGranted")
    for each in role(shop):
        shop.portal("DELETE", each, version="2022-04-01")
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_a_role_that_another_cluster_assigned_for_its_restore_is_left(world: World, shop: Team) -> None:
    await backed_up(shop)
    await restore(shop)
    await world.advance(minutes=1)
    assert not role(shop) and "restoreRole" not in shop.get("BackupVault", "demo")["status"]
    principal = shop.get("BackupVault", "demo")["status"]["principalID"]
    grant = Grant(RESTORE_GROUP_ID, SUBSCRIPTION, DISK_RESTORE_OPERATOR, principal)
    definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{grant.role.guid}"
    body = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
    path = f"{grant.scope}/providers/Microsoft.Authorization/roleAssignments/{grant.name}"
    shop.portal("PUT", path, {"properties": body}, version="2022-04-01")
    await world.kill_operator()
    await world.start_operator()
    await world.advance(hours=3)
    assert role(shop)


async def test_a_finished_restore_goes_after_a_while_and_what_it_made_stays(world: World, shop: Team) -> None:
    await backed_up(shop)
    await restore(shop, ttlSecondsAfterFinished=600)
    await shop.gone("DiskRestore", "back")
    assert shop.get("PersistentVolumeClaim", "data-restored")["status"]["phase"] == "Bound"
    assert len(restored_disks(shop)) == 1
