"""How long something takes: in Azure's time, and in that of whoever watches."""

from __future__ import annotations

import time
from datetime import timedelta

from harness.stack import Stack


class Stopwatch:
    """Runs from when it is made.

    Args:
        stack: with a simulator that runs.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._here, self._there = time.monotonic(), stack.azure.now

    def __str__(self) -> str:
        here = timedelta(seconds=time.monotonic() - self._here)
        return f"{_short(self._stack.azure.now - self._there)} in Azure, {_short(here)} here"


def _short(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    return f"{seconds} s" if seconds < 100 else f"{round(seconds / 60)} min"
