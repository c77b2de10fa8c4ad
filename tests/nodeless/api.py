"""The API server, as the kubelet talks to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

Json = dict[str, Any]
_PAUSE_SECONDS = 0.2


class ApiError(RuntimeError):
    """The API server refused; ``status`` says how."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """A session with the API server."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    async def call(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Json:
        """Send a request; return the answer.

        Raises:
            ApiError: the API server refuses, or cannot be reached (status 0).
        """
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        data = None if body is None else json.dumps(body)
        try:
            async with self._session.request(method, self._server + path, data=data, headers=headers) as answer:
                found: Json = await answer.json()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, repr(error)) from error
        if answer.status >= 400:
            raise ApiError(answer.status, str(found.get("message")))
        return found

    async def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        """Merge into an object."""
        return await self.call("PATCH", path, body, "application/merge-patch+json")

    async def watch(self, path: str) -> AsyncIterator[Json]:
        """Yield what is there, as ADDED, and what happens to it; for ever, whatever breaks."""
        while True:
            try:
                listed = await self.call("GET", path)
                for item in listed["items"]:
                    yield {"type": "ADDED", "object": item}
                async for event in self._stream(path, listed["metadata"]["resourceVersion"]):
                    if event["type"] == "ERROR":
                        break
                    yield event
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError):
                # Real time: another process has to come back.
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _stream(self, path: str, version: str) -> AsyncIterator[Json]:
        url = f"{self._server}{path}?watch=1&resourceVersion={version}"
        async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer:
            buffer = b""
            async for chunk in answer.content.iter_any():
                buffer += chunk
                *lines, buffer = buffer.split(b"\n")
                for line in lines:
                    yield json.loads(line)
