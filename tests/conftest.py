"""What holds for all tests."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping
from pathlib import Path

import looptime
import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from harness import openapi

# A slow moment of the machine is no failure.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

TESTS = Path(__file__).parent
# What is tested on the stack that tests share. Each process that works on one of these has a stack of its own, so that
# they are done by few, one group by one process.
ON_SHARED_STACK = (
    ("replicas", "kinds", "story", "restore_rights", "rights"),
    ("installation", "starting", "rules"),
    ("plugin", "kubernetes_failures", "process", "bad_input", "interruptions", "metrics"),
)
GROUP_OF = {f"integration/{name}": f"stack {number}" for number, each in enumerate(ON_SHARED_STACK) for name in each}

# Groups, files, and folders whole, are distributed in this order, then the others. First those that wait more than they
# compute, then the shared stacks, each of which stays until its process ends, and what computes beside them.
ORDER = (
    *("integration/uninstalling", "integration/tasks_of_leaving", "integration/tasks", "integration/demo"),
    *("integration/upgrading", "integration/quick_start", "integration/first_installation", "integration/dashboard"),
    "integration/tasks_of_rules",
    *(f"stack {number}" for number in range(len(ON_SHARED_STACK))),
    *("simulation/simulation", "chart/release", "plugin/shipping", "pages/site", "chart/azure_setup"),
    *("chart/rendering", "contract/sweep", "contract/volumes", "plugin/awkward", "contract", "plugin", "chart"),
    *("reconcile/scale", "reconcile/many_about_one", "reconcile/other_writers"),
)
_WITH_CONTROL_PLANES = ("integration", "contract")


class ByGroup(LoadFileScheduling):
    """Hands the tests of a file, or of a group of files, to one process."""

    def _split_scope(self, nodeid: str) -> str:
        name = _name(TESTS.parent / nodeid.partition("::")[0])
        return GROUP_OF.get(name, name)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Distribute by groups where it is asked for by files."""
    return ByGroup(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order; those of a file, or group of files, stay together, and in their order."""

    def place(item: pytest.Item) -> int:
        name = _name(item.path)
        found = (GROUP_OF.get(name, name), name.partition("/")[0])
        return next((ORDER.index(each) for each in found if each in ORDER), len(ORDER))

    items.sort(key=place)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the control plane that nobody in this process needs any more."""
    here, then = (each and _name(each.path).partition("/")[0] for each in (item, nextitem))
    if here in _WITH_CONTROL_PLANES and then != here:
        from controlplane import pool

        pool.stop_idle()


def _name(path: Path) -> str:
    """Return how a file is named above: ``integration/replicas``."""
    return f"{path.relative_to(TESTS).parts[0]}/{path.stem.removeprefix('test_')}"


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
