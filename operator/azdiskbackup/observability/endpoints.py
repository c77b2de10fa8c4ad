"""What the kubelet and Prometheus ask, on ports of their own.

Azure is in neither probe: a slow or absent Azure is shown in the objects, and no restart mends it. A loop that is stuck
gives no answer at all, which the kubelet takes for a no.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

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


def probe_answer(unhealthy_reason: Callable[[], str | None]) -> Answer:
    """Return what answers a probe.

    Args:
        unhealthy_reason: says what is broken, None when nothing is.
    """

    async def answer(request: web.Request) -> web.Response:
        broken = unhealthy_reason()
        return web.json_response({"ok": broken is None, "why": broken}, status=200 if broken is None else 503)

    return answer


def scrape_answer(registry: CollectorRegistry) -> Answer:
    """Return what answers a scrape, on this event loop, so that nothing changes while it is read."""

    async def answer(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return answer
