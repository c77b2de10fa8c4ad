"""The one clock of a world: the time of its event loop, which passes when nobody has anything to do."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

# No timer of a loop is later than this; whoever sleeps longer looks again then.
_LONGEST = timedelta(days=365)


class LoopClock:
    """A clock for the operator and for Azure.

    Args:
        start: the time at which the loop began.
    """

    def __init__(self, start: datetime) -> None:
        self._loop = asyncio.get_running_loop()
        self._start = start - timedelta(seconds=self._loop.time())

    async def start(self) -> None:
        """Do nothing: the loop is there."""

    async def stop(self) -> None:
        """Do nothing: the loop goes on."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return self._loop.time()

    async def sleep_until(self, when: datetime) -> None:
        """Return at a time, or earlier if that is very far."""
        left = min(when - self.now(), _LONGEST)
        if left > timedelta():
            await asyncio.sleep(left.total_seconds())

    def report(self, *, idle: bool, due: datetime | None) -> None:
        """Do nothing: the loop knows when nobody has anything to do."""
