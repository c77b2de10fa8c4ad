"""The API server over HTTPS, for the operator: all requests in its one event loop."""

from __future__ import annotations

from typing import Self

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, Configuration

from azdiskbackup.errors import InvalidRequest, Unavailable
from azdiskbackup.kube.exchange import Answer
from azdiskbackup.kube.kubeconfig.connection import KubeConnection

# Each has a buffer of a quarter of a megabyte.
_CONNECTIONS = 8


class HttpsExchange:
    """The real API server.

    Args:
        connection: how it is reached.

    Raises:
        InvalidRequest: on entering, when a certificate or key cannot be used.
    """

    def __init__(self, connection: KubeConnection) -> None:
        self._connection = connection

    async def __aenter__(self) -> Self:
        """Open the session."""
        connection = self._connection
        configuration = Configuration(
            host=connection.server,
            ssl_ca_cert=connection.ca_file,
            cert_file=connection.client_certificate,
            key_file=connection.client_key,
        )
        configuration.verify_ssl = connection.verify
        configuration.tls_server_name = connection.server_name
        configuration.proxy = connection.proxy
        configuration.connection_pool_maxsize = _CONNECTIONS
        try:
            self._api = ApiClient(configuration)
        except (OSError, ValueError) as error:
            # Among them those of TLS: a certificate that is none, a key that is another one's.
            raise InvalidRequest("BadCertificate", f"a certificate or key cannot be used: {error}") from error
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the session."""
        await self._api.close()  # type: ignore[no-untyped-call] # the client has no hints here

    async def send(self, method: str, path: str, body: object, content_type: str, seconds: float) -> Answer:
        """Send a request; return its answer."""
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            token = self._connection.token()
            if token:
                headers["Authorization"] = f"Bearer {token}"
            response = await self._api.call_api(
                method,
                f"{self._connection.server}{path}",
                headers,
                body,
                _request_timeout=seconds,
            )
            content: bytes = await response.read()  # type: ignore[no-untyped-call] # the client has no hints here
        except ApiException as error:
            if error.status is None:
                raise Unavailable("NoAnswer", str(error.reason)) from error
            return Answer(error.status, str(error.body or error.reason).encode(), error.headers or {})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(type(error).__name__, str(error) or "no answer") from error
        return Answer(response.status, content, response.headers)
