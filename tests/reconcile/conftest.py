"""A world for each story."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from world.team import Team
from world.world import World


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A cluster without our objects, an Azure with groups, the operator at work."""
    found = World(tmp_path)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    await found.start_operator()
    yield found
    await found.end()


@pytest.fixture
async def shop(world: World) -> Team:
    """A team, and a policy that it can use."""
    found = await world.team()
    await found.gold()
    return found
