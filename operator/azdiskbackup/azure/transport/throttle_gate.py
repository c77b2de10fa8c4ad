"""Where Azure asked to wait, nothing is sent before its time: by subscription, by what is asked for, and by how.

A 429 tells one caller when to come back. All others who would ask the same learn it here, without a request; what is
about another subscription or another class goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy

from azdiskbackup.azure.transport.limits import NOT_THROTTLED, RequestClass, key_of, target_of
from azdiskbackup.azure.transport.rate_limiter import RateLimiter
from azdiskbackup.errors import Throttled, retry_after

# Takes the subscription, the class of requests, and seconds.
OnThrottled = Callable[[str, str, float], None]
# When Azure does not say how long.
DEFAULT_RETRY_AFTER = timedelta(seconds=10)


class ThrottleGate:
    """Which classes are closed, and until when.

    Args:
        now: the time.
        throttled: is told for which subscription and class Azure asked to wait, and for how many seconds more.
    """

    def __init__(self, now: Callable[[], datetime], throttled: OnThrottled) -> None:
        self._now = now
        self._throttled = throttled
        self._closed: dict[RequestClass, datetime] = {}
        self._met: set[RequestClass] = set()

    def check(self, method: str, path: str) -> None:
        """Raise when a request would come before its time."""
        subscription, kind, how = key_of(method, path)
        if (subscription, kind, how) not in self._met:
            # A counter that is born with its first pause would hide it from whoever asks for its rate.
            self._met.add((subscription, kind, how))
            self._throttled(subscription, f"{how} {kind}", 0)
        now = self._now()
        for key in ((subscription, kind, how), (subscription, "", how)):
            until = self._closed.get(key)
            if until is None:
                continue
            if now >= until:
                del self._closed[key]
                continue
            raise Throttled(
                "TooManyRequests",
                f"Azure is throttling {how} requests for {kind} until {until:%Y-%m-%d %H:%M:%S} UTC",
                retry_after=until - now,
            )

    def close(self, method: str, path: str, pause: timedelta | None, *, whole_subscription: bool) -> None:
        """Take note that Azure asked to wait."""
        subscription, kind, how = key_of(method, path)
        key = (subscription, "" if whole_subscription else kind, how)
        before = self._closed.get(key, self._now())
        self._closed[key] = max(before, self._now() + (pause or DEFAULT_RETRY_AFTER))
        self._throttled(subscription, f"{how} {key[1] or 'everything'}", (self._closed[key] - before).total_seconds())


class GatePolicy(AsyncHTTPPolicy[Any, Any]):
    """The gate and the budget in the pipeline, before anything is sent, a request for a token included."""

    def __init__(self, gate: ThrottleGate, budget: RateLimiter) -> None:
        super().__init__()
        self._gate = gate
        self._budget = budget

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send a request whose time has come."""
        method, path = target_of(request)
        self._gate.check(method, path)
        self._budget.acquire(method, path, continues=_continues(request.http_request))
        response: PipelineResponse[Any, Any] = await self.next.send(request)
        self._budget.note(method, path, response.http_response.headers)
        if response.http_response.status_code == 429:
            body = await _body(response.http_response)
            if NOT_THROTTLED.encode() not in body:
                whole = b"SubscriptionRequestsThrottled" in body
                pause = retry_after(response.http_response.headers.get("Retry-After"))
                self._gate.close(method, path, pause, whole_subscription=whole)
        return response


def _continues(request: Any) -> bool:
    """Return whether a request asks for the next page of an answer."""
    body = request.data if isinstance(request.data, str | bytes) else ""
    return "skiptoken=" in str(request.url).lower() or "$skipToken" in str(body)


async def _body(response: Any) -> bytes:
    # The SDKs of two generations give two kinds of answers.
    if hasattr(response, "read"):
        await response.read()
        return bytes(response.content)
    await response.load_body()
    return bytes(response.body())
