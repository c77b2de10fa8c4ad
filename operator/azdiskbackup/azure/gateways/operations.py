"""Submitting a long-running operation without awaiting its end, and looking how far it got."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from azure.core.polling import AsyncLROPoller, AsyncNoPolling
from azure.core.rest import AsyncHttpResponse

from azdiskbackup.azure.client.connection import json_object
from azdiskbackup.azure.client.error_table import of_operation, translated
from azdiskbackup.azure.gateways.gateway import Gateway
from azdiskbackup.core.objects.operation import Failed, OperationState, Pending, Succeeded


class _FirstAnswer(AsyncNoPolling[Any]):
    """A polling method that does not poll: the result is the first answer itself."""

    def resource(self) -> AsyncHttpResponse:
        """Return the first answer."""
        assert self._initial_response is not None, "the poller was initialised"
        response: AsyncHttpResponse = self._initial_response.http_response
        return response


def no_polling() -> Any:
    """Return the polling method for a call that is only submitted; it keeps state, so a new one a call."""
    return _FirstAnswer()  # type: ignore[no-untyped-call] # azure-core's constructor has no hints


async def submit(call: Awaitable[AsyncLROPoller[Any]]) -> str | None:
    """Send one write; return the URL by which its operation can be followed, None if it is over already."""
    with translated():
        poller = await call
        return operation_url(await poller.result())


def operation_url(response: AsyncHttpResponse) -> str | None:
    """Return the URL of the operation that an answer started; None if it is over already."""
    return response.headers.get("Azure-AsyncOperation") or response.headers.get("Location")


class Operations(Gateway):
    """Long-running operations."""

    async def check(self, url: str) -> OperationState:
        """Return how far an operation got."""
        response = await self._connection.get_operation(url)
        body = json_object(response)
        status = str(body.get("status", "")).lower()
        if status in ("failed", "canceled", "cancelled"):
            return Failed(of_operation(body.get("error"), response.headers))
        if status == "succeeded":
            told = body.get("properties")
            job = told.get("jobId") if isinstance(told, Mapping) else None
            return Succeeded(str(job).rsplit("/", 1)[-1] if job else None)
        if not status and response.status_code != 202:
            # Followed by Location, whose last answer is the result, or nothing.
            return Succeeded(None)
        return Pending()
