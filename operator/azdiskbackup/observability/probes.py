"""What the kubelet asks: whether to restart this container, and whether it may count on it.

Azure is in neither: a slow or absent Azure is shown in the objects, and no restart mends it. A loop that is stuck gives
no answer at all, which the kubelet takes for a no.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from azdiskbackup.observability.serving import Answer


def answering(unhealthy_reason: Callable[[], str | None]) -> Answer:
    """Return what answers a probe.

    Args:
        unhealthy_reason: says what is broken, None when nothing is.
    """

    async def answer(request: web.Request) -> web.Response:
        broken = unhealthy_reason()
        return web.json_response({"ok": broken is None, "why": broken}, status=200 if broken is None else 503)

    return answer
