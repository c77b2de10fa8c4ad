"""Nobody goes round in a circle: not while no time passes, and not with one request again and again."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import looptime

# The busiest moment of a story has some twenty.
_MOST_TURNS = 1_000
# What is asked most often of one object is some twenty, where many disks come that it counts.
_WINDOW = timedelta(minutes=1)
_MOST_REQUESTS = 100


class _Turns(selectors.DefaultSelector):
    """Waits for files: once in each turn of a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.on_turn: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait for files."""
        self.on_turn()
        return super().select(timeout)


class StoryLoop(looptime.LoopTimeEventLoop, asyncio.SelectorEventLoop):
    """A loop whose time passes when nobody has anything to do.

    Attributes:
        on_standstill: called once somebody has had something to do for so long that time will never pass again.
    """

    def __init__(self) -> None:
        turns = _Turns()
        super().__init__(turns, noop_cycles=0)
        self.on_standstill: Callable[[], None] = lambda: None
        self._last, self._turns = self.time(), 0
        turns.on_turn = self._turn

    def _turn(self) -> None:
        now = self.time()
        self._last, self._turns = now, self._turns + 1 if now == self._last else 0
        if self._turns == _MOST_TURNS:
            self.on_standstill()


class Rates:
    """How often the operator sends a request to the API server."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._count: Counter[str] = Counter()

    def too_often(self, method: str, path: str, now: datetime) -> str | None:
        """Return what is wrong with a request that leaves the operator now."""
        if self._since is None or now - self._since >= _WINDOW:
            self._since, self._count = now, Counter()
        if method == "POST":
            return None
        request = f"{method} {path.split('?')[0]}"
        self._count[request] += 1
        if self._count[request] == _MOST_REQUESTS:
            return f"{request} {_MOST_REQUESTS} times in {_WINDOW}"
        return None
