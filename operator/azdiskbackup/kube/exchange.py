"""What carries a request to the API server and brings its answer: the seam between the client and the network."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API server, whatever its status."""

    status: int
    content: bytes
    headers: Mapping[str, str]


class Exchange(AbstractAsyncContextManager[Any], Protocol):
    """Exchanges requests for answers; an async context while it is open."""

    async def send(self, method: str, path: str, body: object, content_type: str, seconds: float) -> Answer:
        """Send a request; return its answer.

        Args:
            method: HTTP method.
            path: path and query.
            body: JSON value; None for no body.
            content_type: of the body; tells the kind of patch.
            seconds: how long to wait for the answer.

        Raises:
            Unavailable: no answer came; whether the request arrived is not known.
        """
        ...
