"""Metrics in the form that Prometheus reads."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from azdiskbackup.observability.serving import Answer


def answering(registry: CollectorRegistry) -> Answer:
    """Return what answers a scrape, on this event loop, so that nothing changes while it is read."""

    async def answer(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return answer
