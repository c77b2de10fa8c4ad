"""The virtual clock of a running simulator: it runs at a rate, or only when it is told.

Those who follow it (the operator, with ``clock=simulated:<url>``) say whether they are busy and when something of
theirs is due next. ``advance`` goes from one due time to the next, on both sides and in order, and waits at each until
every follower is idle again: a test that advances half an hour sees what half an hour would have brought.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

# What is busy for so long is stuck, however slow the machine.
SETTLE_SECONDS = 900.0


@dataclass
class Follower:
    """A process that follows the clock: idle at a version, with something due, or busy."""

    idle: bool = False
    version: int = -1
    due: datetime | None = None


class NotSettledError(RuntimeError):
    """A follower stayed busy for too long in real time."""


class Clock:
    """Reads virtual time from real time, or stands still between two calls of ``advance``."""

    def __init__(self, start: datetime, rate: float, move: Callable[[datetime], None]) -> None:
        self._base = start
        self._since = time.monotonic()
        self._move = move
        self.rate = rate
        self.version = 0
        self.followers: dict[str, Follower] = {}
        # Paths of requests that get no answer: their senders are busy for as long as nobody ends them.
        self.held: list[str] = []
        self._changed = asyncio.Condition()

    def now(self) -> datetime:
        """Return the virtual time."""
        if self.rate == 0:
            return self._base
        return self._base + timedelta(seconds=(time.monotonic() - self._since) * self.rate)

    async def set_rate(self, rate: float) -> None:
        """Run at another rate from now on; 0 stands still."""
        self._base, self._since, self.rate = self.now(), time.monotonic(), rate
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self.version += 1
            self._changed.notify_all()

    async def wait_for_change(self, after: int, seconds: float) -> None:
        """Return when the version is no longer ``after``, or after a while of real time."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: self.version != after), timeout=seconds)
            except TimeoutError:
                return

    async def report(self, name: str, follower: Follower) -> None:
        """Take what a follower says about itself."""
        async with self._changed:
            self.followers[name] = follower
            self._changed.notify_all()

    async def leave(self, name: str) -> None:
        """Forget a follower that has gone."""
        async with self._changed:
            self.followers.pop(name, None)
            self._changed.notify_all()

    async def hold(self, path: str) -> None:
        """Keep a request waiting until its sender goes away."""
        async with self._changed:
            self.held.append(path)
            self._changed.notify_all()
        try:
            await asyncio.Event().wait()
        finally:
            self.held.remove(path)

    def _busy(self) -> list[str]:
        return [
            name
            for name, follower in self.followers.items()
            if not follower.idle
            or follower.version != self.version
            or (follower.due is not None and follower.due <= self.now())
        ]

    async def settle(self) -> None:
        """Wait until every follower is idle at this time, or waits for an answer that it does not get."""
        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self.held or not self._busy()), timeout=SETTLE_SECONDS
                )
            except TimeoutError:
                raise NotSettledError(f"still busy after {SETTLE_SECONDS:.0f} s of real time: {self._busy()}") from None

    async def advance(self, to: datetime, next_due: Callable[[], datetime | None]) -> datetime:
        """Go to a time, stopping wherever something is due on either side."""
        while True:
            await self.settle()
            if self.now() >= to or self.held:
                return self.now()
            await self._go(min([to, *self._due(next_due)]))

    async def step(self, next_due: Callable[[], datetime | None], most: datetime) -> datetime:
        """Go to the next time at which something is due, at most to ``most``."""
        await self.settle()
        if self.held:
            return self.now()
        await self._go(min([most, *self._due(next_due)]))
        await self.settle()
        return self.now()

    def _due(self, next_due: Callable[[], datetime | None]) -> list[datetime]:
        dues = [next_due(), *(follower.due for follower in self.followers.values())]
        return [due for due in dues if due is not None]

    async def _go(self, to: datetime) -> None:
        self._base, self._since = max(self.now(), to), time.monotonic()
        self._move(self._base)
        await self._tell()
