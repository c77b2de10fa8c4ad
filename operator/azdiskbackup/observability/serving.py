"""A small server for what the kubelet and Prometheus ask, on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiohttp import web

from azdiskbackup.errors import CannotStart, Exit

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def serving(address: str | None, port: int, answers: Mapping[str, Answer]) -> AsyncIterator[None]:
    """Serve some paths from this event loop; with port 0, nothing.

    Raises:
        CannotStart: the address or the port cannot be had.
    """
    if not port:
        yield
        return
    app = web.Application()
    for path, answer in answers.items():
        app.router.add_get(path, answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address, port).start()
        except OSError as error:
            raise CannotStart(Exit.BAD_SETTINGS, f"Cannot listen: {error}.") from error
        yield
    finally:
        await runner.cleanup()
