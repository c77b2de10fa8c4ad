"""What the stories of restores share: a vault that restores, a disk with a backup, and what became of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from harness import objects
from harness.objects import RESTORE_GROUP, SUBSCRIPTION, Json
from world.team import Team

RESTORE_GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESTORE_GROUP}"
RESTORES: Json = {"restoreResourceGroups": [{"name": RESTORE_GROUP}], "access": {"restoreNamespaces": {}}}


async def backed_up(shop: Team, **vault: Any) -> str:
    """Protect a disk in a vault that restores, and wait for its first backup; return the disk's id."""
    await shop.patch("BackupVault", "demo", {"spec": {**RESTORES, **vault}})
    handle = shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    return handle


async def restore(shop: Team, name: str = "back", **spec: Any) -> Json:
    """Make a DiskRestore, and let time pass until it has ended; return its status."""
    await shop.apply(objects.restore(name, shop.namespace, **spec))
    return await ended(shop, name)


async def ended(shop: Team, name: str = "back", within: timedelta = timedelta(hours=3)) -> Json:
    """Let time pass until a restore has ended; return its status."""
    await shop.world.passes(
        lambda: "completionTime" in shop.get("DiskRestore", name).get("status", {}), f"{name} ends", within
    )
    return dict(shop.get("DiskRestore", name)["status"])


def restored_disks(shop: Team) -> list[Json]:
    """Return the disks in the group for restored disks."""
    found = shop.portal("GET", f"{RESTORE_GROUP_ID}/providers/Microsoft.Compute/disks", version="2024-03-02")
    return list(found["value"])


def verdict(shop: Team, name: str = "back") -> tuple[str, str]:
    """Return status and reason of Succeeded."""
    found = shop.condition("DiskRestore", name, "Succeeded")
    return found["status"], found["reason"]


def role(shop: Team) -> list[str]:
    """Return the assignments of the vault's identity on the group for restored disks."""
    return shop.assignments(RESTORE_GROUP_ID, shop.get("BackupVault", "demo")["status"]["principalID"])
