"""How much a caller may ask: Resource Manager's token buckets, and Azure Backup's own limits, both a subscription.

The buckets are documented. The limits of Azure Backup are what its first recorded answers said was left, and one:
until 2025 another one for each type, since January 2026 1,100 reads and 800 writes or deletes of whichever type, which
a knob sets. How long its window is nobody knows: a knob.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from azure_simulator.http.messages import Request, Response
from azure_simulator.model.faults import AzureFault

if TYPE_CHECKING:
    from azure_simulator.http.routes import Route

# How many at once, and how many more a second.
_BUCKETS = {"reads": (250.0, 25.0), "writes": (200.0, 10.0), "deletes": (200.0, 10.0)}
_REMAINING = "x-ms-ratelimit-remaining-subscription-"
_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)", re.IGNORECASE)


@dataclass
class _Bucket:
    tokens: float
    at: datetime


@dataclass
class _Window:
    begun: datetime
    used: int = 0


class Limits:
    """Counts what each caller asks in each subscription."""

    def __init__(self, now: Callable[[], datetime], window: Callable[[], timedelta]) -> None:
        self._now = now
        self._window = window
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}
        self._windows: dict[tuple[str, str, str], _Window] = {}
        self.refused = 0
        # Instead of those of the routes: reads, writes, deletes.
        self._most: dict[str, int] = {}

    def set(self, most: dict[str, int]) -> None:
        """Set the limits of Azure Backup; none: the routes' own. Windows go on."""
        if not most.keys() <= _BUCKETS.keys():
            raise AzureFault("UnknownLimit", f"There are limits of {sorted(_BUCKETS)}.")
        self._most = dict(most)

    def take(self, caller: str, request: Request, route: Route) -> tuple[Response | None, dict[str, str]]:
        """Count a request; return the refusal if it is one too many, and what to say about what is left."""
        match = _SUBSCRIPTION.match(request.path)
        if match is None:
            return None, {}
        subscription = match[1].lower()
        refusal, headers = self._of_manager(caller, subscription, request)
        if refusal is None and route.budget and route.provider == "Microsoft.DataProtection":
            refusal, more = self._of_provider(caller, subscription, route)
            headers = more
        self.refused += refusal is not None
        return refusal, headers

    def _of_manager(self, caller: str, subscription: str, request: Request) -> tuple[Response | None, dict[str, str]]:
        how = _class_of(request.method)
        most, rate = _BUCKETS[how]
        now = self._now()
        bucket = self._buckets.setdefault((caller, subscription, how), _Bucket(most, now))
        bucket.tokens = min(most, bucket.tokens + (now - bucket.at).total_seconds() * rate)
        bucket.at = now
        if bucket.tokens < 1:
            wait = max(1, math.ceil((1 - bucket.tokens) / rate))
            text = f"Number of '{how}' requests for subscription '{subscription}' exceeded the limit."
            return _refusal("SubscriptionRequestsThrottled", text, wait), {}
        bucket.tokens -= 1
        left = int(bucket.tokens)
        return None, {f"{_REMAINING}{how}": str(left), f"{_REMAINING}global-{how}": str(15 * left)}

    def _of_provider(self, caller: str, subscription: str, route: Route) -> tuple[Response | None, dict[str, str]]:
        thing = f"{route.name.partition('.')[0]} {'GET' if route.method == 'GET' else route.name}"
        now, length = self._now(), self._window()
        window = self._windows.setdefault((caller, subscription, thing), _Window(now))
        if now >= window.begun + length:
            window.begun, window.used = now, 0
        most = self._most.get(_class_of(route.method), route.budget)
        if window.used >= most:
            wait = max(1, math.ceil((window.begun + length - now).total_seconds()))
            return _refusal("TooManyRequests", f"Too many requests for {thing}. Try again later.", wait), {}
        window.used += 1
        return None, {f"{_REMAINING}resource-requests": str(most - window.used)}


def _class_of(method: str) -> str:
    return {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")


def _refusal(code: str, message: str, wait: int) -> Response:
    return Response(429, {"error": {"code": code, "message": message}}, {"Retry-After": str(wait)})
