"""Where time comes from. All that is decided by time asks one clock, which a test or the simulator can drive."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time, and a way to wait for it."""

    async def start(self) -> None:
        """Get ready to tell the time."""
        ...

    async def stop(self) -> None:
        """Let go of what ``start`` took."""
        ...

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return at a time; a clock that jumps may return early, never late."""
        ...

    def report(self, *, idle: bool, due: datetime | None) -> None:
        """Take note of whether this process has nothing to do until ``due``."""
        ...


class SystemClock:
    """The time of the machine."""

    async def start(self) -> None:
        """Do nothing: the machine's time is there."""

    async def stop(self) -> None:
        """Do nothing: the machine's time goes on."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Return at a time."""
        await asyncio.sleep(max(0.0, (when - self.now()).total_seconds()))

    def report(self, *, idle: bool, due: datetime | None) -> None:
        """Do nothing: the machine's time waits for nobody."""
