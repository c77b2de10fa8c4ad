"""Deleting: what `deletionPolicy` says, in words, and nothing more."""

from __future__ import annotations

from world.team import Team
from world.world import World


async def test_retain_stops_and_keeps_everything(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert world.writes(since) == ["backupInstances.stopProtection"]
    since = world.azure.request_count()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    assert world.writes(since) == ["backupInstances.resumeProtection"]
