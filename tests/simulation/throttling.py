"""Nothing is sent before Azure's Retry-After has passed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from azure_simulator.http.messages import Request, Response

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/?]+)", re.IGNORECASE)


class RetryAfter:
    """Which requests Azure asked to wait with, and until when."""

    def __init__(self) -> None:
        self._not_before: dict[tuple[str, str], datetime] = {}

    def too_early(self, request: Request, now: datetime) -> str | None:
        """Return what is wrong with a request that leaves the operator now."""
        for (subscription, shape), until in self._not_before.items():
            if subscription in request.path.lower() and shape == _shape(request) and until > now:
                return f"{shape} before its Retry-After ({until.isoformat()})"
        return None

    def answered(self, request: Request, response: Response, now: datetime) -> None:
        """Take note of an answer that arrives."""
        wait = next((value for name, value in response.headers.items() if name.lower() == "retry-after"), "")
        subscription = _SUBSCRIPTION.search(request.path)
        if response.status == 429 and wait.isdecimal() and subscription:
            key = subscription.group(1).lower(), _shape(request)
            until = now + timedelta(seconds=int(wait))
            self._not_before[key] = max(until, self._not_before.get(key, until))


def _shape(request: Request) -> str:
    """Return what a request is about, without names: those of one shape are throttled together."""
    path = request.path.split("?")[0].lower()
    return f"{request.method} {re.sub(r'(resourcegroups|backupvaults|backupinstances|disks)/[^/]+', r'*', path)}"
