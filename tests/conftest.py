"""What holds for all tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import looptime
import pytest
from hypothesis import settings

from harness import openapi

# A slow moment of the machine is no failure.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")


def _loop_of_one_process() -> asyncio.AbstractEventLoop:
    """Return a loop that waits for nobody outside of it: with nothing left to do, it goes to the next moment."""
    return looptime.new_event_loop(noop_cycles=0)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Give stories, and tests that are marked so, a loop whose time passes when nobody has anything to do."""
    if "reconcile" in item.path.parts:
        return {"virtual time": _loop_of_one_process}
    if item.get_closest_marker("virtual_time"):
        return {"virtual time": looptime.new_event_loop}
    return {"real time": asyncio.new_event_loop}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have to tell, and out loud what was not compared."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.line(str(value))
    if not openapi.available():
        terminalreporter.section("requests were NOT compared with Azure's documents", yellow=True)
        terminalreporter.line(openapi.MISSING)
