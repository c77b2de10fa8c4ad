"""A clock that a test moves by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Time stands still until ``advance``; whoever sleeps is woken at each move."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._moved = asyncio.Event()
        self.idle = False
        self.due: datetime | None = None

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        while self._now < when:
            self._moved.clear()
            await self._moved.wait()

    def report(self, *, idle: bool, due: datetime | None) -> None:
        self.idle, self.due = idle, due

    async def advance(self, **span: float) -> None:
        """Move, and let everybody who is woken run until nobody can go on."""
        self._now += timedelta(**span)
        self._moved.set()
        await settle()


async def settle() -> None:
    """Let every task run until it waits for something that does not come by itself."""
    for _ in range(50):
        await asyncio.sleep(0)
