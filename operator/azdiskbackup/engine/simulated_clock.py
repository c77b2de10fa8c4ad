"""The virtual clock of the Azure simulator, followed: its rate, its jumps. For the simulator only.

The simulator tells its readings through a web socket; this process tells whether it is idle and what is due next, so
that one call in a test drives both sides, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp


class SimulatedClock:
    """A clock that reads what the simulator tells."""

    def __init__(self, url: str, ca_file: Path | None) -> None:
        self._url = f"{url.rstrip('/')}/__control/clock/follow/{uuid.uuid4()}"
        self._context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._base: datetime | None = None
        self._read_at = 0.0
        self._rate = 0.0
        self._version = -1
        self._changed = asyncio.Event()
        self._last: tuple[bool, datetime | None, int] = (False, None, -1)
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Begin to follow the clock; return once the time is known."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._context))
        # Without a heartbeat: on a busy machine an answer to one may be late, and nothing is wrong.
        socket = await self._session.ws_connect(self._url)
        self._tasks = [
            asyncio.create_task(self._listen(socket), name="clock listener"),
            asyncio.create_task(self._speak(socket), name="clock speaker"),
        ]
        while self._base is None:
            await self._next_change()

    async def stop(self) -> None:
        """Follow the clock no longer."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._session.close()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            reading = message.json()
            self._base = datetime.fromisoformat(reading["now"])
            self._read_at = time.monotonic()
            self._rate = float(reading["rate"])
            self._version = int(reading["version"])
            # Whoever sleeps looks at the new time first, and only then speaks for this version.
            self._changed.set()

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            idle, due, version = self._last
            await socket.send_json({"idle": idle, "due": due.isoformat() if due else None, "version": version})

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def now(self) -> datetime:
        """Return the virtual time."""
        assert self._base is not None, "the clock is running"
        return self._base + timedelta(seconds=(time.monotonic() - self._read_at) * self._rate)

    async def sleep_until(self, when: datetime) -> None:
        """Return at a virtual time, or when the clock was moved."""
        if self.now() >= when or self._version != self._last[2]:
            # The clock moved before this began to wait: whoever waits has to look at it first.
            return
        if self._rate <= 0:
            await self._next_change()
            return
        seconds = (when - self.now()).total_seconds() / self._rate
        with contextlib.suppress(TimeoutError):
            # Not `wait_for`: it waits in a task that begins later, and forgets what was told until then.
            async with asyncio.timeout(max(0.0, seconds)):
                await self._next_change()

    def report(self, *, idle: bool, due: datetime | None) -> None:
        """Tell the simulator whether this process has nothing to do until ``due``."""
        if (idle, due, self._version) != self._last:
            self._last = (idle, due, self._version)
            self._news.set()
