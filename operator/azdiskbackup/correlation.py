"""One id for all that one pass does: in its log lines, on its events, and in every request that it sends to Azure.

Each pass is a task of its own, and with it a context of its own: what is bound here ends with the pass.
"""

from __future__ import annotations

import uuid

import structlog


def begin(what: str) -> None:
    """Give this task an id, and say in each of its log lines what it is about."""
    structlog.contextvars.bind_contextvars(about=what, correlation_id=str(uuid.uuid4()))


def current() -> str | None:
    """Return the id of the pass that runs; None outside of passes."""
    return structlog.contextvars.get_contextvars().get("correlation_id")
