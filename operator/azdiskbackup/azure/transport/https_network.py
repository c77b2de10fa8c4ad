"""The network of the operator: few connections, which stay open."""

from __future__ import annotations

import ssl
from typing import Any, Self

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport

from azdiskbackup.settings import Settings

# Each has a buffer of a quarter of a megabyte.
_CONNECTIONS = 16


class HttpsNetwork:
    """One session for everything that is asked of the real Azure.

    Args:
        settings: what to trust, how long to wait.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __aenter__(self) -> Self:
        """Open the session."""
        context = ssl.create_default_context()
        if self._settings.ca_file:
            context.load_verify_locations(cafile=str(self._settings.ca_file))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=_CONNECTIONS),
            trust_env=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            # The SDK's transport decompresses by itself.
            auto_decompress=False,
        )
        # aiohttp sends a PUT or DELETE again when a kept connection breaks; whether the first one arrived nobody knows.
        self._session._retry_connection = False
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session."""
        await self._session.close()

    def transport(self) -> AsyncHttpTransport[Any, Any]:
        """Return a transport on the session."""
        timeout = self._settings.request_timeout_seconds
        transport: AsyncHttpTransport[Any, Any] = AioHttpTransport(
            session=self._session,
            session_owner=False,
            connection_timeout=timeout,
            read_timeout=timeout,
        )
        return transport
