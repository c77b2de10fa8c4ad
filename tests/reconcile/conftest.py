"""A world for each story."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from world.team import Team
from world.world import World

_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[pytest.TestReport]:
    """Remember whether the story itself passed: only then is it asked whether its end is a steady state."""
    report: pytest.TestReport = yield  # type: ignore[misc, assignment] # a wrapper gets the result of what it wraps
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report  # type: ignore[return-value] # as pluggy wants it


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    """Keep the log in memory: to print what a story logs takes longer than the story. WORLD_LOG=1 prints it."""
    if not os.environ.get("WORLD_LOG"):
        structlog.configure(
            processors=[structlog.contextvars.merge_contextvars], logger_factory=structlog.ReturnLoggerFactory()
        )


@pytest.fixture
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """A cluster without our objects, an Azure with groups, the operator at work; a story ends in a steady state."""
    found = World(tmp_path)
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    await found.start_operator()
    yield found
    if request.node.stash.get(_PASSED, False):
        await found.rests()
    await found.end()


@pytest.fixture
async def shop(world: World) -> Team:
    """A team, and a policy that it can use."""
    found = await world.team()
    await found.gold()
    return found
