"""The network of a command: it runs for a moment, and brings little to install."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from azure.core.pipeline.transport import AsyncHttpTransport, AsyncioRequestsTransport

from azdiskbackup.daemon_threads import DaemonThreads
from azdiskbackup.settings import Settings


class ThreadedNetwork:
    """Connections by `requests`, which trusts whom the Azure CLI trusts, each request in a thread of its own.

    Args:
        settings: what to trust besides, how long to wait.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __aenter__(self) -> Self:
        """Give the loop, for all that runs in threads, such that nobody waits for."""
        asyncio.get_running_loop().set_default_executor(DaemonThreads())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave the connections to the end of the process."""

    def transport(self) -> AsyncHttpTransport[Any, Any]:
        """Return a transport with a session of its own."""
        timeout, trusted = self._settings.request_timeout_seconds, self._settings.ca_file
        transport: AsyncHttpTransport[Any, Any] = AsyncioRequestsTransport(
            connection_timeout=timeout, read_timeout=timeout, connection_verify=str(trusted) if trusted else True
        )
        return transport
