"""Snapshots that others take of a disk: they share Azure's limit with its restore points."""

from __future__ import annotations

from typing import Any

from harness import objects
from harness.objects import SUBSCRIPTION
from world.team import Team
from world.world import CLIENT_ID, World

_SNAPSHOTS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/disks-rg/providers/Microsoft.Compute/snapshots"


def take(shop: Team, name: str, disk: str, *, incremental: bool = True) -> None:
    """Take a snapshot as a CSI driver does."""
    creation = {"createOption": "Copy", "sourceResourceId": disk}
    body = {"location": objects.LOCATION, "properties": {"creationData": creation, "incremental": incremental}}
    shop.portal("PUT", f"{_SNAPSHOTS}/{name}", body, version="2024-03-02")


def shown(shop: Team, name: str) -> Any:
    return shop.get("ProtectedDisk", name)["status"]["disk"].get("otherSnapshots")


async def test_they_are_counted_beside_the_restore_points_and_cost_no_call(world: World, shop: Team) -> None:
    for name in ("data", "logs"):
        shop.make_claim(f"{name}-0")
        await shop.protect(name, f"{name}-0")
    for name in ("data", "logs"):
        await shop.until("ProtectedDisk", name, "Ready")
    await world.advance(hours=5)
    assert shop.get("ProtectedDisk", "data")["status"]["restorePoints"]["count"]
    assert shown(shop, "data") is None, "those of Azure Backup are not counted"
    disk = shop.get("ProtectedDisk", "data")["status"]["disk"]["id"]
    for number in range(3):
        take(shop, f"csi-{number}", disk.upper())
    take(shop, "copy", disk, incremental=False)
    since, written = world.azure.request_count(), len(world.server.store.writes)
    await world.advance(minutes=61)
    assert (shown(shop, "data"), shown(shop, "logs")) == (3, None)
    asked = world.calls(since)
    assert not [each for each in asked if "snapshots" in each.lower()], "the list of disks tells"
    others = [each for each in world.server.store.writes[written:] if each[0] == "protecteddisks"]
    assert len(others) == 1, f"one write: {others}"

    await world.kill_operator()
    await world.start_operator()
    await world.says_the_same(minutes=5)
    assert shown(shop, "data") == 3, "who starts anew has not counted yet"
    shop.portal("DELETE", f"{_SNAPSHOTS}/csi-0", version="2024-03-02")
    await world.advance(minutes=125)
    assert shown(shop, "data") == 2
    world.azure.deny(CLIENT_ID, ("Microsoft.Compute/snapshots/read", ".*"))
    await world.advance(minutes=125)
    assert shown(shop, "data") is None, "who may not read them sees none"
    world.azure.deny(CLIENT_ID)
    await world.advance(minutes=125)
    assert shown(shop, "data") == 2
