"""What carries requests to Azure and brings the answers: the seam between the SDKs and the network."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from azure.core.pipeline.transport import AsyncHttpTransport


class Network(AbstractAsyncContextManager[object], Protocol):
    """Makes transports for the SDKs' pipelines, which share what is below; an async context while it is open."""

    def transport(self) -> AsyncHttpTransport[Any, Any]:
        """Return a transport; closing it closes nothing that others use."""
        ...
