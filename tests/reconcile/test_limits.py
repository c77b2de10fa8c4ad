"""Azure's limits are what its answers say, and the operator takes its share of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from azdiskbackup.azure.transport.limits import WINDOW
from azure_simulator.client import Sent
from world.team import Team
from world.world import World

DISKS = 24
# Of each type in five minutes: for 24 disks 40 % of it is not enough.
FEW = 50


async def test_limits_that_fall_are_followed(world: World, shop: Team) -> None:
    """Far below what the operator guesses: everything takes longer, and no request is refused."""
    world.azure.turn("limits", writes=FEW)
    since = world.azure.request_count()
    claims = [f"data-{number}" for number in range(DISKS)]
    for claim in claims:
        shop.make_claim(claim)
        await shop.protect(claim, claim)
    for claim in claims:
        await shop.until("ProtectedDisk", claim, "Ready", within=timedelta(hours=6))
    assert not world.azure.service.limits.refused
    sent = [each for each in world.azure.requests(since) if each.route == "backupInstances.put"]
    assert len(sent) == DISKS and _most_in_a_window(sent) <= 0.4 * FEW + 1


async def test_limits_that_rise_are_used(world: World, shop: Team) -> None:
    """Vaults could be read five hundred times in five minutes; Azure says that it is eleven hundred now."""
    world.azure.turn("limits", reads=1100, writes=800, deletes=800)
    shop.make_claim()
    await shop.protect()
    await shop.after_the_next_backup()
    await shop.until("ProtectedDisk", "data", "Ready")
    await world.advance(minutes=10)
    left = {name: number for _, name, number in world.operator.engine.state().left}
    assert left["reads of microsoft.dataprotection/backupvaults"] == 44, "a tenth of 40 % at once"


def _most_in_a_window(sent: list[Sent]) -> int:
    times = [datetime.fromisoformat(each.time) for each in sent]
    return max((sum(begins <= each < begins + WINDOW for each in times) for begins in times), default=0)
