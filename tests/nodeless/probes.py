"""The probes of a container: HTTP, with period, time-out and threshold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from nodeless.environment import BadContainerError

Json = dict[str, Any]
_EAGER_SECONDS = 0.2


class Probe:
    """One probe of one container."""

    def __init__(self, session: aiohttp.ClientSession, described: Json, container: Json, ip: str) -> None:
        if "httpGet" not in described:
            raise BadContainerError(f"probe {', '.join(described)} is not known here")
        get = described["httpGet"]
        ports = {each.get("name"): each["containerPort"] for each in container.get("ports", ())}
        port = get["port"] if isinstance(get["port"], int) else ports[get["port"]]
        self._url = f"{get.get('scheme', 'HTTP').lower()}://{ip}:{port}{get.get('path', '/')}"
        self._session = session
        self._delay = described.get("initialDelaySeconds", 0)
        self._period = described.get("periodSeconds", 10)
        self._timeout = described.get("timeoutSeconds", 1)
        self._threshold = described.get("failureThreshold", 3)

    async def verdicts(self, *, eager: bool) -> AsyncIterator[bool]:
        """Yield each change of mind: True after a success, False after as many failures as the threshold says.

        Args:
            eager: whether to ask more often before the first success, as the kubelet does for readiness.
        """
        await asyncio.sleep(self._delay)
        failures, before = 0, None
        while True:
            failures = 0 if await self._succeeds() else failures + 1
            now = True if failures == 0 else False if failures >= self._threshold else before
            if now is not None and now != before:
                before = now
                yield now
            await asyncio.sleep(_EAGER_SECONDS if eager and before is not True else self._period)

    async def _succeeds(self) -> bool:
        try:
            timeout = aiohttp.ClientTimeout(total=self._timeout)
            async with self._session.get(self._url, timeout=timeout) as answer:
                return 200 <= answer.status < 400
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
