"""A world for each story."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from harness import rights
from world.team import Team
from world.world import CLIENT_ID, World

_PASSED = pytest.StashKey[bool]()

MakeWorld = Callable[..., World]

# What the operator did in Azure, in all stories of this process.
USAGE = rights.Usage()


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
    """A cluster without our objects, an Azure with groups, the operator at work; a story ends in a steady state.

    A story that depends on how long the operator pauses names the seeds, as parameters of this fixture.
    """
    found = World(tmp_path, seed=getattr(request, "param", 0))
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    await found.start_operator()
    yield found
    if request.node.stash.get(_PASSED, False):
        await found.rests()
    await found.end()
    USAGE.note_azure(found.azure, CLIENT_ID)


@pytest.fixture
async def shop(world: World) -> Team:
    """A team, and a policy that it can use."""
    found = await world.team()
    await found.gold()
    return found


@pytest.fixture
async def new_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeWorld]:
    """Makes a world without an operator, by settings of the test's own: what is there before it starts would count."""
    made: list[World] = []

    def make(**settings: Any) -> World:
        found = World(tmp_path, **settings)
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        made.append(found)
        return found

    yield make
    for each in made:
        await each.end()


# --- least privilege --------------------------------------------------------------------------------


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send what was used to the process that distributes the stories; there, compare it with what is granted."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["rights"] = USAGE.as_json()
    elif not session.testsfailed and _is_whole(session.config) and list(rights.azure_faults(USAGE)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what another process saw."""
    USAGE.add(getattr(node, "workeroutput", {}).get("rights", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the comparison, and what is wrong in it."""
    if not _is_whole(config):
        return
    terminalreporter.section("Rights in Azure: granted, and how often used")
    for line in rights.azure_table(USAGE):
        terminalreporter.write_line(line)
    for fault in rights.azure_faults(USAGE):
        terminalreporter.write_line(f"WRONG: {fault}", red=True)


def _is_whole(config: pytest.Config) -> bool:
    """Return whether all stories are told: some of them alone leave rights unused."""
    chosen = config.option.keyword or config.option.markexpr
    return not chosen and [Path(each).name for each in config.args] == ["reconcile"]
