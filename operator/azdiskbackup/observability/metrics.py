"""Metrics in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from azdiskbackup.observability.serving import Answer

# Who waits for our share of one of Azure's limits: subscription, limit, how many, and seconds since the first of them.
Waiting: TypeAlias = tuple[str, str, int, float]


class WaitingCollector(Collector):
    """Tells who waits for Azure's limits; a class that starves shows here before anybody misses a status."""

    def __init__(self, waiting: Callable[[], Iterable[Waiting]]) -> None:
        self._waiting = waiting

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are at this moment."""
        labels = ("subscription", "limit")
        name = "azdiskbackup_azure_requests_waiting"
        count = GaugeMetricFamily(name, "Objects that wait for our share of a limit of Azure.", labels=labels)
        age = GaugeMetricFamily(f"{name}_seconds", "How long the first of them has waited.", labels=labels)
        for subscription, limit, number, seconds in self._waiting():
            count.add_metric((subscription, limit), number)
            age.add_metric((subscription, limit), seconds)
        yield count
        yield age


def answering(waiting: Callable[[], Iterable[Waiting]]) -> Answer:
    """Return what answers a scrape, on this event loop, so that nothing changes while it is read."""
    registry = CollectorRegistry()
    registry.register(WaitingCollector(waiting))

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return answer
