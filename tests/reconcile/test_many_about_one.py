"""What many objects about one thing cost: as much more as there are more of them. Counted, since no one may flood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from azdiskbackup.engine import cache
from azdiskbackup.reconcilers.common.reconciler import Reconciler
from harness import objects
from world.team import Team
from world.world import World

# Evenly spaced; of backups more than Azure takes of a disk a day.
OF_BACKUPS = 12, 24, 36
OF_DISKS = 8, 16, 24
Story = Callable[[Team, int], Awaitable[None]]


class Work:
    """Counts what grows with the number of objects: passes, and objects that are read from the cache for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passes = self.reads = 0
        pass_, unpack = Reconciler._pass, cache._Packed.unpack

        def counted_pass(*given: Any) -> Any:
            self.passes += 1
            return pass_(*given)

        def counted_read(packed: Any) -> Any:
            self.reads += 1
            return unpack(packed)

        monkeypatch.setattr(Reconciler, "_pass", counted_pass)
        monkeypatch.setattr(cache._Packed, "unpack", counted_read)


@pytest.fixture
async def teams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[], Awaitable[Team]]]:
    """Makes worlds, one after the other, each with a team that has a policy and a protected disk."""
    made: list[World] = []

    async def make() -> Team:
        for each in made:
            await each.end()
        world = World(tmp_path)
        made.append(world)
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        await world.start_operator()
        team = await world.team()
        await team.gold()
        team.make_claim()
        await team.protect()
        await team.until("ProtectedDisk", "data", "Ready")
        return team

    yield make
    for each in made:
        await each.end()


def many(team: Team, count: int, kind: str) -> None:
    """Create objects at once."""
    for number in range(count):
        name = f"x-{number:03d}"
        raw = {
            "OnDemandBackup": lambda name=name: objects.backup(name, team.namespace, "data"),
            "ProtectedDisk": lambda name=name: objects.disk(name, team.namespace, "missing", "gold"),
        }[kind]()
        team.world.make(kind, raw)


async def backups_are_made(team: Team, count: int) -> None:
    many(team, count, "OnDemandBackup")
    await team.world.advance(hours=2)


async def backups_are_deleted(team: Team, count: int) -> None:
    many(team, count, "OnDemandBackup")
    for number in range(count):
        await team.delete("OnDemandBackup", f"x-{number:03d}")
    await team.world.advance(hours=1)


async def disks_are_made(team: Team, count: int) -> None:
    many(team, count, "ProtectedDisk")
    await team.world.advance(hours=1)


async def disks_are_deleted(team: Team, count: int) -> None:
    many(team, count, "ProtectedDisk")
    await team.world.settle()
    for number in range(count):
        await team.delete("ProtectedDisk", f"x-{number:03d}")
    await team.world.advance(hours=1)


async def disks_of_a_group_are_deleted(team: Team, count: int) -> None:
    spec = {"diskRoleScope": "ResourceGroup", "access": {"deletionNamespaces": {}}}
    await team.patch("BackupVault", "demo", {"spec": spec})
    for number in range(count):
        team.make_claim(f"more-{number}")
        await team.protect(f"more-{number}", f"more-{number}", deletionPolicy="Delete")
    await team.until("ProtectedDisk", f"more-{count - 1}", "Ready")
    for number in range(count):
        await team.delete("ProtectedDisk", f"more-{number}")
    await team.world.advance(hours=1)


async def disks_move(team: Team, count: int) -> None:
    for number in range(count):
        team.make_claim(f"more-{number}")
        await team.protect(f"more-{number}", f"more-{number}")
    await team.until("ProtectedDisk", f"more-{count - 1}", "Ready")
    await team.patch("DiskBackupPolicy", "gold", {"spec": {"retention": {"default": {"days": 3}}}})
    await team.world.advance(hours=3)
    assert not team.get("DiskBackupPolicy", "gold")["status"].get("succession")


STORIES: list[Story] = [
    backups_are_made,
    backups_are_deleted,
    disks_are_made,
    disks_are_deleted,
    disks_of_a_group_are_deleted,
    disks_move,
]


@pytest.mark.parametrize("story", STORIES, ids=[each.__name__ for each in STORIES])
async def test_more_objects_about_one_thing_cost_so_much_more(
    teams: Callable[[], Awaitable[Team]], monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    work = Work(monkeypatch)
    spent: list[tuple[int, int]] = []
    sizes = OF_BACKUPS if story in (backups_are_made, backups_are_deleted) else OF_DISKS
    for count in sizes:
        team = await teams()
        passes, reads = work.passes, work.reads
        await story(team, count)
        spent.append((work.passes - passes, work.reads - reads))
    print(f"{story.__name__} {sizes}: passes and reads {spent}")
    for small, middle, large in zip(*spent, strict=True):
        assert large - middle <= 1.3 * (middle - small), "as much for the last ones as for those before"
