"""The end of a server in this process, whole: nothing of it is left when its loop is closed."""

from __future__ import annotations

import asyncio

from aiohttp import web


async def end_server(runner: web.AppRunner) -> None:
    """End a server whose clients keep connections open: under TLS a polite close waits for them, too long."""
    for connection in list(runner.server.connections) if runner.server is not None else ():
        if connection.transport is not None:
            connection.transport.abort()
    await runner.cleanup()
    # What was aborted is closed in the next turn of the loop.
    await asyncio.sleep(0)
