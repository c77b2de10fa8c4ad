"""What is measured while the unit tests run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

# What has to be covered, by the tests that mirror it. To trace all others as well takes longer than to run them.
_MEASURED = {Path(__file__).parent / each for each in ("core", "engine")}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Trace the tests of what has to be covered, and no others."""
    measured = coverage.Coverage.current()
    # Who names other sources measures those.
    if measured is None or measured.get_option("run:source") or not _MEASURED.isdisjoint(item.path.parents):
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()
