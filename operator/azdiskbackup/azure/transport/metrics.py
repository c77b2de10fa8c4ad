"""Counts what is sent to Azure and how it was answered; innermost, so that a request that was held back is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy

from azdiskbackup.azure.transport.limits import key_of, target_of

# Takes the operation, the status of the answer (0 without one), and seconds.
Asked = Callable[[str, int, float], None]


def operation_of(method: str, path: str) -> str:
    """Return what a request does, without what it is about: the words of our own code and no more."""
    return f"{method} {key_of(method, path)[1]}"


class MeterPolicy(AsyncHTTPPolicy[Any, Any]):
    """Counts each request.

    Args:
        asked: is told of each.
    """

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send a request and count it."""
        operation = operation_of(*target_of(request))
        started = time.monotonic()
        status = 0
        try:
            response: PipelineResponse[Any, Any] = await self.next.send(request)
            status = int(response.http_response.status_code)
        finally:
            self._asked(operation, status, time.monotonic() - started)
        return response
