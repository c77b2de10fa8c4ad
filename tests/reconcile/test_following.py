"""A PVC that was made again with another disk, and its ProtectedDisk, which is told to follow it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.core.objects.markers import FOLLOW_PVC
from harness import objects
from harness.objects import SUBSCRIPTION, disk_id
from reconcile.restore_world import backed_up, ended, restore, restored_disks, verdict
from reconcile.test_killed_at_every_write import Assassin
from world.team import Team
from world.world import World

STOPPED, SUSPENDED, CONFIGURED = "ProtectionStopped", "BackupsSuspended", "ProtectionConfigured"


async def recreated(shop: Team, name: str, *, known: bool = False) -> str:
    """Delete the PVC, and make it again with a disk of another name; return the uid of the new one."""
    await shop.delete("PersistentVolumeClaim", "data-0")
    if not known:
        disk = {"subscription": SUBSCRIPTION, "group": "disks-rg", "name": name, "location": "westeurope"}
        shop.world.azure.seed(disks=[disk])
    shop.bind("data-0", f"{name}-{'again' if known else 'first'}", disk_id(name))
    uid: str = shop.get("PersistentVolumeClaim", "data-0")["metadata"]["uid"]
    return uid


async def listed(shop: Team) -> Any:
    """Let time pass until status lists the restore points; return what it says of them."""

    def known() -> Any:
        return shop.get("ProtectedDisk", "data")["status"].get("restorePoints")

    await shop.world.passes(known, "restore points are listed", timedelta(hours=8))
    return known()


async def follow(shop: Team, uid: str) -> None:
    await shop.patch("ProtectedDisk", "data", {"metadata": {"annotations": {FOLLOW_PVC: uid}}})


def state(shop: Team, instance: str) -> str:
    return str(shop.portal("GET", instance)["properties"]["currentProtectionState"])


def of(disk: str) -> Any:
    return {"protectedDiskRef": {"name": "data", "disk": disk}}


def is_on(shop: Team, name: str) -> bool:
    status = shop.get("ProtectedDisk", "data")["status"]
    is_ready = shop.condition("ProtectedDisk", "data", "Ready")["status"] == "True"
    return is_ready and status["disk"]["name"] == name


async def protected(shop: Team, **spec: Any) -> str:
    """Protect a disk where even `Delete` is allowed; return its backup instance."""
    await shop.apply(objects.vault("open", access={"deletionNamespaces": {}}), objects.policy("open", "open"))
    shop.make_claim()
    await shop.protect(policy="open", **spec)
    await shop.until("ProtectedDisk", "data", "Ready")
    await listed(shop)
    return shop.instance()


@pytest.mark.parametrize(("deletion", "left"), [("Retain", STOPPED), ("Suspend", SUSPENDED), ("Delete", STOPPED)])
async def test_a_disk_follows_its_pvc_when_it_is_told_to(world: World, shop: Team, deletion: str, left: str) -> None:
    """The earlier disk gets no new backups; those that there are stay, whatever `deletionPolicy` says."""
    earlier = await protected(shop, deletionPolicy=deletion)
    points = await listed(shop)
    other = f"{shop.namespace}-other"
    uid = await recreated(shop, other)
    await shop.until("ProtectedDisk", "data", "Ready", "False", "DiskChanged")
    command = f"kubectl annotate protecteddisk data -n {shop.namespace} --overwrite {FOLLOW_PVC}={uid}"
    assert shop.says("ProtectedDisk", "data").endswith(command), "as it is pasted"
    since = world.azure.request_count()
    await follow(shop, uid)
    await world.passes(lambda: is_on(shop, other), "it protects the other disk")
    status = shop.get("ProtectedDisk", "data")["status"]
    assert state(shop, earlier) == left and state(shop, shop.instance()) == CONFIGURED != earlier
    assert status["disk"]["id"] == disk_id(other)
    (kept,) = status["earlierDisks"]
    assert (kept["backupInstanceID"], kept["name"]) == (earlier, f"{shop.namespace}-data-0")
    assert (kept["oldestRestorePoint"], kept["newestRestorePoint"]) == (points["oldest"], points["newest"])
    assert "backupInstances.delete" not in world.writes(since)
    assert "restorePoints" not in status and "lastSuccessfulBackupTime" not in status, "those were of the earlier disk"
    assert (await listed(shop))["count"] >= 1
    assert shop.get("ProtectedDisk", "data")["status"]["earlierDisks"] == [kept]
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert state(shop, earlier) == left, "a deletion is about the disk that is protected now"


async def test_calls_and_writes_of_following_are_counted(world: World, shop: Team) -> None:
    world.azure.knobs(role_propagation=0)
    await protected(shop)
    other = f"{shop.namespace}-other"
    uid = await recreated(shop, other)
    await shop.until("ProtectedDisk", "data", "Ready", "False", "DiskChanged")
    since = world.azure.request_count()
    await follow(shop, uid)
    await world.passes(lambda: is_on(shop, other), "it protects the other disk")
    assert world.writes(since) == [
        "backupInstances.stopProtection",
        "roleAssignments.put",
        "backupVaults.validateForBackup",
        "backupInstances.put",
    ]


async def test_it_follows_to_that_pvc_and_to_no_later_one(world: World, shop: Team) -> None:
    earlier = await protected(shop)
    uid = await recreated(shop, f"{shop.namespace}-other")
    await recreated(shop, f"{shop.namespace}-third")
    since = world.azure.request_count()
    await follow(shop, uid)
    await world.advance(hours=1)
    assert shop.condition("ProtectedDisk", "data", "Ready")["reason"] == "DiskChanged"
    assert not world.writes(since) and state(shop, earlier) == CONFIGURED


async def test_it_follows_back_to_the_earlier_disk(world: World, shop: Team) -> None:
    """As `swap --undo` does it: what was stopped is resumed, and the way back is kept for the other one."""
    await protected(shop)
    first, other = f"{shop.namespace}-data-0", f"{shop.namespace}-other"
    await follow(shop, await recreated(shop, other))
    await world.passes(lambda: is_on(shop, other), "it protects the other disk")
    later = shop.instance()
    await follow(shop, await recreated(shop, first, known=True))
    await world.passes(lambda: is_on(shop, first), "it protects the first disk again")
    status = shop.get("ProtectedDisk", "data")["status"]
    assert [each["name"] for each in status["earlierDisks"]] == [other]
    assert state(shop, later) == STOPPED and state(shop, shop.instance()) == CONFIGURED


async def test_another_object_that_protects_the_new_disk_is_told(world: World, shop: Team) -> None:
    earlier = await protected(shop)
    uid = await recreated(shop, f"{shop.namespace}-other")
    await shop.protect("again", policy="open")
    await shop.until("ProtectedDisk", "again", "Ready")
    await follow(shop, uid)
    await shop.until("ProtectedDisk", "data", "Ready", "False", "DuplicateProtectedDisk")
    assert "'again'" in shop.says("ProtectedDisk", "data") and state(shop, earlier) == CONFIGURED
    await shop.delete("ProtectedDisk", "again")
    await shop.gone("ProtectedDisk", "again")
    await world.passes(lambda: is_on(shop, f"{shop.namespace}-other"), "it follows once the other object is gone")


async def test_an_instance_of_others_in_a_forged_status_is_left_alone(world: World, shop: Team) -> None:
    theirs = await world.team()
    await shop.gold()
    theirs.make_claim()
    await theirs.protect()
    await theirs.until("ProtectedDisk", "data", "Ready")
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    uid = await recreated(shop, f"{shop.namespace}-other")
    await shop.patch("ProtectedDisk", "data", {"status": {"backupInstanceID": theirs.instance()}}, "status")
    await follow(shop, uid)
    await world.passes(lambda: is_on(shop, f"{shop.namespace}-other"), "it protects the other disk")
    assert state(theirs, theirs.instance()) == CONFIGURED
    earlier = shop.get("ProtectedDisk", "data")["status"].get("earlierDisks", [])
    assert theirs.instance() not in [each["backupInstanceID"] for each in earlier]


async def test_an_earlier_disk_without_backups_leaves_nothing_behind(world: World, shop: Team) -> None:
    """It was found, and never protected: its region was another one."""
    await shop.gold()
    shop.make_claim(location="northeurope")
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready", "False", "RegionMismatch")
    await follow(shop, await recreated(shop, f"{shop.namespace}-other"))
    await world.passes(lambda: is_on(shop, f"{shop.namespace}-other"), "it protects the other disk")
    assert "earlierDisks" not in shop.get("ProtectedDisk", "data")["status"]


@pytest.mark.parametrize("after", [False, True], ids=["before it is handled", "before its answer arrives"])
async def test_killed_at_every_write_of_following(world: World, shop: Team, after: bool) -> None:
    """One disk after the other is followed, with the operator killed at another write each time."""
    world.azure.knobs(role_propagation=0)
    await protected(shop)
    assassin, killed = Assassin(world), []
    for number in range(1, 9):
        earlier, name = shop.instance(), f"{shop.namespace}-{number}"
        uid = await recreated(shop, name)
        await shop.until("ProtectedDisk", "data", "Ready", "False", "DiskChanged")
        world.azure.clear_faults()
        world.azure.plant("^(?!tokens)", writes=True, skip=number - 1, status=-2, after=after)
        assassin.killed_at.clear()
        await follow(shop, uid)
        await world.passes(lambda name=name: is_on(shop, name), "it protects the next disk")  # type: ignore[misc]
        assert (state(shop, earlier), state(shop, shop.instance())) == (STOPPED, CONFIGURED)
        assert shop.get("ProtectedDisk", "data")["status"]["earlierDisks"][0]["backupInstanceID"] == earlier
        if not assassin.killed_at:
            break
        killed += assassin.killed_at
    world.azure.clear_faults()
    assert len(killed) == 4, killed


async def test_data_of_an_earlier_disk_are_restored(world: World, shop: Team) -> None:
    await backed_up(shop)
    first, other = f"{shop.namespace}-data-0", f"{shop.namespace}-other"
    known = (await listed(shop))["newest"]
    await follow(shop, await recreated(shop, other))
    await world.passes(lambda: is_on(shop, other), "it protects the other disk")
    status = await restore(shop, source=of(first))
    assert verdict(shop) == ("True", "Completed") and len(restored_disks(shop)) == 1
    assert status["restorePoint"]["time"] == known
    (earlier,) = shop.get("ProtectedDisk", "data")["status"]["earlierDisks"]
    assert status["backupInstanceID"] == earlier["backupInstanceID"]


async def test_a_disk_that_was_never_protected_is_told_by_a_restore(world: World, shop: Team) -> None:
    await backed_up(shop)
    since = world.azure.request_count()
    await shop.apply(objects.restore("back", shop.namespace, source=of("x")))
    await shop.until("DiskRestore", "back", "SourceResolved", "False", "NoRestorePoint")
    says = shop.condition("DiskRestore", "back", "SourceResolved")["message"]
    assert "lists no disk 'x'" in says and not world.writes(since)


async def test_an_earlier_disk_in_a_forged_status_gives_nobody_the_data_of_others(world: World, shop: Team) -> None:
    theirs = await world.team()
    await backed_up(shop)
    theirs.make_claim()
    await theirs.protect()
    await theirs.until("ProtectedDisk", "data", "Ready")
    await theirs.after_the_next_backup()
    forged = {
        "id": theirs.get("ProtectedDisk", "data")["status"]["disk"]["id"],
        "name": "theirs",
        "backupInstanceID": theirs.instance(),
        "replacedTime": "2026-01-01T00:00:00Z",
    }
    await shop.patch("ProtectedDisk", "data", {"status": {"earlierDisks": [forged]}}, "status")
    await shop.apply(objects.restore("back", shop.namespace, source=of(forged["id"].split("/")[-1])))
    await shop.until("DiskRestore", "back", "SourceResolved", "False", "OwnedElsewhere")
    assert restored_disks(shop) == []


async def test_a_restore_keeps_its_restore_point_when_its_disk_is_followed_meanwhile(world: World, shop: Team) -> None:
    """It waits for Azure; meanwhile the PVC gets another disk, which is backed up too."""
    await backed_up(shop)
    busy = {"status": 503, "code": "ServiceUnavailable", "message": "It is busy."}
    world.azure.plant("validateRestore", times=10_000, **busy)
    await shop.apply(objects.restore("back", shop.namespace))
    await world.passes(lambda: shop.get("DiskRestore", "back").get("status", {}).get("restorePoint"), "it is chosen")
    before = shop.get("DiskRestore", "back")["status"]
    await follow(shop, await recreated(shop, f"{shop.namespace}-other"))
    await world.passes(lambda: is_on(shop, f"{shop.namespace}-other"), "it protects the other disk")
    await listed(shop)
    world.azure.clear_faults()
    status = await ended(shop)
    assert verdict(shop) == ("True", "Completed")
    assert [status[key] for key in ("restorePoint", "backupInstanceID")] == [
        before[key] for key in ("restorePoint", "backupInstanceID")
    ]


async def test_an_instance_that_azure_is_creating_is_waited_for(world: World, shop: Team) -> None:
    await shop.gold()
    shop.make_claim()
    await shop.protect()
    since = world.azure.request_count()
    await world.passes(lambda: "backupInstances.put" in world.writes(since), "it is created")
    world.azure.plant("backupInstances.get", times=1, status=404, code="ResourceNotFound", message="It was not found.")
    await follow(shop, await recreated(shop, f"{shop.namespace}-other"))
    await world.passes(lambda: is_on(shop, f"{shop.namespace}-other"), "it protects the other disk")
    vault = shop.instance().rsplit("/", 2)[0]
    found = shop.portal("GET", f"{vault}/backupInstances")["value"]
    states = sorted(each["properties"]["currentProtectionState"] for each in found)
    assert states == [CONFIGURED, STOPPED] and len(shop.get("ProtectedDisk", "data")["status"]["earlierDisks"]) == 1


async def test_where_the_new_disk_may_not_be_protected_the_earlier_one_stays_so(world: World, shop: Team) -> None:
    earlier = await protected(shop)
    nobody = {"spec": {"access": {"namespaces": {"matchLabels": {"team": "nobody"}}}}}
    await shop.patch("BackupVault", "open", nobody)
    await follow(shop, await recreated(shop, f"{shop.namespace}-other"))
    await shop.until("ProtectedDisk", "data", "Ready", "False", "NamespaceNotAllowed")
    assert "Until then the earlier disk stays protected." in shop.says("ProtectedDisk", "data")
    await world.advance(hours=1)
    assert state(shop, earlier) == CONFIGURED
    await shop.patch("BackupVault", "open", {"spec": {"access": {"namespaces": {"matchLabels": None}}}})
    await world.passes(lambda: is_on(shop, f"{shop.namespace}-other"), "it follows once it may")


async def test_a_younger_object_of_a_disk_of_before_is_no_duplicate(world: World, shop: Team) -> None:
    """The PVC has its third disk: the first object follows to it, and the second one keeps the second disk."""
    await protected(shop)
    await recreated(shop, f"{shop.namespace}-second")
    await shop.protect("again", policy="open")
    await shop.until("ProtectedDisk", "again", "Ready")
    second, third = shop.instance("again"), f"{shop.namespace}-third"
    await follow(shop, await recreated(shop, third))
    await world.passes(lambda: is_on(shop, third), "the first one follows")
    await shop.until("ProtectedDisk", "again", "Ready", "False", "DiskChanged")
    assert state(shop, second) == CONFIGURED
    await shop.delete("ProtectedDisk", "again")
    await shop.gone("ProtectedDisk", "again")
    assert state(shop, second) == STOPPED, "its deletion is about its own disk"


@pytest.mark.parametrize(
    "forged",
    [
        {"disk": {"id": disk_id("nobodys"), "name": "x", "location": "westeurope"}},
        {"disk": {"id": disk_id("nobodys"), "name": "x", "location": "westeurope"}, "backupInstanceID": None},
    ],
    ids=["disk", "disk alone"],
)
async def test_a_forged_disk_and_the_annotation_stop_no_backup(world: World, shop: Team, forged: Any) -> None:
    await protected(shop)
    uid = shop.get("PersistentVolumeClaim", "data-0")["metadata"]["uid"]
    await shop.patch("ProtectedDisk", "data", {"status": forged}, "status")
    since = world.azure.request_count()
    await follow(shop, uid)
    await world.advance(hours=3)
    assert world.writes(since) == [] and state(shop, shop.instance()) == CONFIGURED
