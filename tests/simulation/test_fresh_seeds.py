"""Some stories that nobody has told before: their seeds are those of the commit."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

from simulation.teller import ROOT, Teller

_HOW_MANY = 10


@pytest.fixture(scope="module")
def first() -> int:
    """Return the first seed; skip where there is no commit to be seen."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed, which would name the commit whose seeds are told")
    command = ["git", "-C", str(ROOT), "rev-parse", "--verify", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not commit:
        pytest.skip("this is no checkout of a commit, whose seeds would be told")
    return int(commit[:10], 16)


@pytest.mark.parametrize("number", range(_HOW_MANY))
def test_a_fresh_story(first: int, teller: Teller, number: int, record_property: Callable[..., None]) -> None:
    if number == 0:
        record_property("told", f"{_HOW_MANY} fresh stories are told: make simulate SEEDS={_HOW_MANY} FROM={first}")
    _, violations = teller.told(first + number)
    assert not violations, f"make simulate SEEDS=1 FROM={first + number}: {violations}"
