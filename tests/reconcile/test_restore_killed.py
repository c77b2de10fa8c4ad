"""A restore that is killed at every write, to Azure and to Kubernetes: one disk, one volume, one PVC, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from azdiskbackup.kube.exchange import Answer
from harness import objects
from harness.objects import Json
from reconcile.restore_world import backed_up, ended, restored_disks, verdict
from reconcile.test_killed_at_every_write import HELD, MOST, Assassin
from world.api_server import InMemoryExchange
from world.team import Team
from world.world import World


def source(shop: Team) -> list[Json]:
    return [
        shop.get("PersistentVolumeClaim", "data-0"),
        shop.get("PersistentVolume", f"{shop.namespace}-data-0"),
    ]


async def story(shop: Team, number: int) -> None:
    """A disk is restored into a PVC; nothing that exists is touched, and there is one of each."""
    name = f"back-{number}"
    disks, volumes = len(restored_disks(shop)), len(shop.world.every("PersistentVolume"))
    known = source(shop)
    wanted = objects.restore(name, shop.namespace, target={"persistentVolumeClaim": {"name": name}})
    await shop.apply({**wanted, "spec": {**wanted["spec"], "reclaimPolicy": "Delete"}})
    status = await ended(shop, name)
    assert verdict(shop, name) == ("True", "Completed")
    assert len(restored_disks(shop)) == disks + 1 and len(shop.world.every("PersistentVolume")) == volumes + 1
    claim, volume = shop.get("PersistentVolumeClaim", name), shop.get("PersistentVolume", status["persistentVolume"])
    assert claim["status"]["phase"] == "Bound" and volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]
    assert volume["spec"]["csi"]["volumeHandle"] == status["disk"]["id"] == status["targetDiskID"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert source(shop) == known


@pytest.mark.parametrize("after", [False, True], ids=["before it is handled", "before its answer arrives"])
async def test_killed_at_every_write_to_azure(
    world: World, record_property: Callable[[str, object], None], after: bool
) -> None:
    world.azure.knobs(role_propagation=0)
    world.azure.turn("quota", restores=100)
    assassin, shop = Assassin(world), await world.team()
    await shop.gold()
    await backed_up(shop)
    killed: list[str] = []
    for number in range(1, MOST):
        world.azure.clear_faults()
        world.azure.plant("^(?!tokens)", writes=True, skip=number - 1, status=HELD, after=after)
        assassin.killed_at.clear()
        await story(shop, number)
        if not assassin.killed_at:
            break
        killed += assassin.killed_at
        # Until the vault has taken the role back.
        await world.advance(minutes=1)
    world.azure.clear_faults()
    needed = {"roleAssignments.put", "backupInstances.validateRestore", "backupInstances.restore", "disks.patch"}
    assert needed <= {*killed}
    told = f"Killed at each write to Azure: {len(killed)} of {len(killed)} ended well."
    record_property("told", f"{story.__doc__} {told}")


class Reaper:
    """Kills the operator at one of its writes to Kubernetes about a restore, and starts it again.

    Args:
        world: in which it lives.
        after: whether the write is handled, and only its answer lost.
    """

    def __init__(self, world: World, after: bool) -> None:
        self._world = world
        self._after = after
        self._send = InMemoryExchange.send
        self._passes = world.passes
        self._left = 0
        self.killed: list[str] = []

    def arm(self, number: int) -> None:
        """Let the write of a number, counted from one, be the last."""
        self._left = number

    async def send(
        self, exchange: InMemoryExchange, method: str, path: str, body: object, content_type: str, seconds: float
    ) -> Answer:
        is_counted = method != "GET" and ("diskrestores" in path or "persistentvolume" in path)
        self._left -= is_counted
        if not is_counted or self._left != 0:
            return await self._send(exchange, method, path, body, content_type, seconds)
        if self._after:
            await self._send(exchange, method, path, body, content_type, seconds)
        self.killed.append(f"{method} {path}")
        await self._world.kill_operator()
        raise ConnectionError("it is dead")

    async def passes(self, holds: Callable[[], object], what: str, *within: object) -> None:
        await self._passes(lambda: holds() or not self._world.operator.is_alive, what)
        while not self._world.operator.is_alive:
            await self._world.start_operator()
            await self._passes(lambda: holds() or not self._world.operator.is_alive, what)


@pytest.mark.parametrize("after", [False, True], ids=["before it is handled", "before its answer arrives"])
async def test_killed_at_every_write_to_kubernetes(
    world: World, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None], after: bool
) -> None:
    world.azure.knobs(role_propagation=0)
    world.azure.turn("quota", restores=100)
    shop = await world.team()
    await shop.gold()
    await backed_up(shop)
    reaper = Reaper(world, after)

    async def send(exchange: InMemoryExchange, *request: Any) -> Answer:
        return await reaper.send(exchange, *request)

    monkeypatch.setattr(InMemoryExchange, "send", send)
    monkeypatch.setattr(world, "passes", reaper.passes)
    for number in range(1, MOST):
        reaper.arm(number)
        so_far = len(reaper.killed)
        await story(shop, number)
        if len(reaper.killed) == so_far:
            break
        await world.advance(minutes=1)
    told = " ".join(reaper.killed)
    for each in ("POST /api/v1/namespaces", "POST /api/v1/persistentvolumes", "/status", "PATCH /api/v1/persistentvol"):
        assert each in told
    count = len(reaper.killed)
    record_property("told", f"{story.__doc__} Killed at each write to Kubernetes: {count} of {count} ended well.")
