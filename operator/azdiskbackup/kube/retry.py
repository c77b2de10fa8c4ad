"""Waiting for an API server that is away: no restart brings it back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from azdiskbackup.errors import Conflict, Retryable

T = TypeVar("T")
_RETRY_SECONDS = 1.0

_log = structlog.get_logger("azdiskbackup")


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask the API server something, again and again while it is away.

    Raises:
        OperatorError: it answers, and refuses.
    """
    told = ""
    while True:
        try:
            return await ask()
        except Conflict:
            # An answer: what was read is not so any more.
            raise
        except Retryable as error:
            if error.code != told:
                told = error.code
                _log.warning("the API server does not respond", error=error.user_message)
            await asyncio.sleep(_RETRY_SECONDS)
