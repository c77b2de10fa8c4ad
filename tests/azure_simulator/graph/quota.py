"""How many queries a caller may send: 15 in 5 seconds."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

MOST = 15
WINDOW = timedelta(seconds=5)


class Quota:
    """Counts the queries of each caller, in windows that begin with their first query."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[datetime, int]] = {}

    def take(self, caller: str, now: datetime) -> tuple[bool, dict[str, str]]:
        """Count a query; return whether it may run, and the headers that say what remains."""
        begun, used = self._windows.get(caller, (now, 0))
        if now >= begun + WINDOW:
            begun, used = now, 0
        allowed = used < MOST
        used += allowed
        self._windows[caller] = (begun, used)
        wait = max(1, math.ceil((begun + WINDOW - now).total_seconds()))
        headers = {
            "x-ms-user-quota-remaining": str(MOST - used),
            "x-ms-user-quota-resets-after": f"00:00:{wait:02d}",
        }
        if allowed:
            headers["x-ms-ratelimit-remaining-tenant-resource-requests"] = str(MOST - used)
        else:
            headers["Retry-After"] = str(wait)
        return allowed, headers
