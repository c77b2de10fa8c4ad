"""What tests of stories share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulation.teller import Teller


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    """A process that tells stories, for the tests of a file."""
    with Teller() as found:
        yield found
