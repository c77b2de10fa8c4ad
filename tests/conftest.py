"""What holds for all tests."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping
from pathlib import Path

import looptime
import pytest
from hypothesis import settings

from harness import openapi

# A slow moment of the machine is no failure.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

# Files, and folders whole, are distributed in this order, then the others: what takes long first, so that nothing long
# is last; what needs a control plane of its own before what shares one, which stays until its process ends.
ORDER = (
    *("integration/uninstalling", "integration/tasks_of_leaving", "integration/tasks", "integration/demo"),
    *("simulation/simulation", "simulation/fresh_seeds", "integration/upgrading"),
    *("integration/first_installation", "integration/quick_start"),
    *("integration/dashboard", "chart/azure_setup", "chart/rendering", "contract/sweep", "contract/volumes"),
    *("plugin/shipping", "plugin/awkward", "contract", "plugin", "chart"),
    *("integration/replicas", "integration/installation", "integration/starting", "integration/plugin"),
    *("reconcile/scale", "reconcile/many_about_one", "reconcile/other_writers"),
)
_WITH_CONTROL_PLANES = ("integration", "contract")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order; those of a file stay together, and in their order."""

    def place(item: pytest.Item) -> int:
        folder = _folder(item)
        name = f"{folder}/{item.path.stem.removeprefix('test_')}"
        return next((ORDER.index(each) for each in (name, folder) if each in ORDER), len(ORDER))

    items.sort(key=place)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the control plane that nobody in this process needs any more."""
    here, then = (each and _folder(each) for each in (item, nextitem))
    if here in _WITH_CONTROL_PLANES and then != here:
        from controlplane import pool

        pool.stop_idle()


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and nothing of what was imported: a thirtieth of the time of all stories."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)


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
