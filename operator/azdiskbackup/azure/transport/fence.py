"""No write leaves for Azure unless we lead, nor while one of whoever led before may still be on its way.

A Lease alone does not keep two writers apart: what the last leader sent in its last moment may be carried out after it
lost the Lease. So the next one looks at once, and writes once the longest request of the last one has come to its end.
A container that was restarted in its pod does not wait for its own earlier life, whose connections broke with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import Any

from azure.core.exceptions import ServiceResponseTimeoutError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy

from azdiskbackup.azure.transport.limits import key_of, target_of
from azdiskbackup.azure.transport.request_scope import current_requester
from azdiskbackup.errors import LeaderHandover, OperatorError, RateLimited, Unavailable

_QUERIES = "microsoft.resourcegraph/resources"


class Fence:
    """Lets writes through. Real time: what it waits for is on a wire.

    Args:
        leads: whether we lead at this moment.
        monotonic: real time in seconds.
    """

    def __init__(
        self, leads: Callable[[], bool] = lambda: True, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._leads = leads
        self._monotonic = monotonic
        self._opens = 0.0
        self._wake: Callable[[Hashable], None] = lambda key: None
        self._waiting: set[Hashable] = set()
        self._unanswered_until = 0.0

    def close(self, span: timedelta, wake: Callable[[Hashable], None]) -> None:
        """Hold writes back for a time from now; then wake those who wanted to write."""
        self._opens = self._monotonic() + span.total_seconds()
        self._wake = wake
        asyncio.get_running_loop().call_later(span.total_seconds(), self._open)

    @property
    def holds_back(self) -> bool:
        """Return whether anybody waits until it opens."""
        return bool(self._waiting)

    def open(self) -> None:
        """Let writes through at once: there was nothing to wait for."""
        self._opens = 0.0

    def _open(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for key in waiting:
            self._wake(key)

    def check(self) -> None:
        """Raise when no write may be sent now."""
        if not self._leads():
            raise Unavailable("LeaseLost", "The Lease may have expired, so another replica may be the leader")
        left = self._opens - self._monotonic()
        if left > 0:
            who = current_requester()
            if who is not None and who.waits:
                self._waiting.add(who.key)
            raise LeaderHandover(f"for {left:.0f} s more a write of the last leader may arrive")

    def unanswered(self, span: timedelta) -> None:
        """Take note of a write that may arrive although nobody waits for its answer."""
        self._unanswered_until = max(self._unanswered_until, self._monotonic() + span.total_seconds())

    @property
    def unsettled(self) -> timedelta:
        """Return for how long a write of ours may still arrive."""
        return timedelta(seconds=max(0.0, self._unanswered_until - self._monotonic()))


class FencePolicy(AsyncHTTPPolicy[Any, Any]):
    """The fence in the pipeline.

    Args:
        fence: lets writes through.
        longest: how long a request may be on its way.
    """

    def __init__(self, fence: Fence, longest: timedelta) -> None:
        super().__init__()
        self._fence = fence
        self._longest = longest

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send a request, a write only when it may be sent."""
        _, kind, how = key_of(*target_of(request))
        if how == "read" or kind == _QUERIES:
            return await self._sent(request)
        self._fence.check()
        try:
            return await self._sent(request)
        except (RateLimited, OperatorError):
            # Ours, from before it was sent.
            raise
        except BaseException:
            self._fence.unanswered(self._longest)
            raise

    async def _sent(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        # As a whole: the time-outs of the transport begin anew with each address of a host and each part of an answer.
        try:
            async with asyncio.timeout(self._longest.total_seconds()):
                return await self.next.send(request)
        except TimeoutError as error:
            seconds = self._longest.total_seconds()
            raise ServiceResponseTimeoutError(f"no answer within {seconds:.0f} s", error=error) from error
