"""From a restore point to data that a pod can read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from harness import objects
from harness.objects import RESTORE_GROUP
from world.team import Team
from world.world import World

RESTORES = {"restoreResourceGroups": [{"name": RESTORE_GROUP}]}


async def backed_up(shop: Team) -> str:
    """Protect a disk in a vault that restores, and wait for its first backup."""
    await shop.patch("BackupVault", "demo", {"spec": {**RESTORES, "access": {"restoreNamespaces": {}}}})
    handle = shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    return handle


async def ended(shop: Team, name: str = "back", within: timedelta = timedelta(hours=3)) -> dict[str, Any]:
    """Let time pass until a restore has ended; return its status."""
    await shop.world.passes(
        lambda: "completionTime" in shop.get("DiskRestore", name).get("status", {}), f"{name} ends", within
    )
    return dict(shop.get("DiskRestore", name)["status"])


async def test_a_disk_comes_back_as_a_pvc(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await ended(shop)
    assert shop.condition("DiskRestore", "back", "Succeeded")["status"] == "True"
