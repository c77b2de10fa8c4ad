"""The API server over HTTPS, for a command: it runs for a moment, and a person waits for what it imports.

What the operator uses takes three times as long to import as a command takes for all that it does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import warnings
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import unquote

import urllib3

from azdiskbackup.daemon_threads import DaemonThreads
from azdiskbackup.errors import InvalidRequest, Unavailable
from azdiskbackup.kube.exchange import Answer
from azdiskbackup.kube.kubeconfig.connection import KubeConnection

_CONNECTIONS = 8


class ThreadedExchange:
    """The real API server, each request in a thread of its own.

    Args:
        connection: how it is reached.

    Raises:
        InvalidRequest: on entering, when a certificate or key cannot be used.
    """

    def __init__(self, connection: KubeConnection) -> None:
        self._connection = connection
        self._threads = DaemonThreads()

    async def __aenter__(self) -> Self:
        """Make the pool of connections; none is opened yet."""
        connection = self._connection
        options: dict[str, Any] = {"maxsize": _CONNECTIONS, "block": True}
        if connection.server.startswith("https:"):
            options["ssl_context"] = _tls(connection)
        if connection.server_name:
            options["server_hostname"] = connection.server_name
        self._pool = _through(connection.proxy, options) if connection.proxy else urllib3.PoolManager(**options)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the connections that nobody uses; those of requests that were given up end with the process."""
        self._pool.clear()

    async def send(self, method: str, path: str, body: object, content_type: str, seconds: float) -> Answer:
        """Send a request; return its answer."""
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "Content-Type": content_type}
        try:
            token = self._connection.token()
        except OSError as error:
            raise Unavailable(type(error).__name__, str(error)) from error
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            loop = asyncio.get_running_loop()
            asked = loop.run_in_executor(self._threads, self._ask, method, path, body, headers, seconds)
            return await asyncio.wait_for(asked, seconds)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(type(error).__name__, _words(error)) from error

    def _ask(self, method: str, path: str, body: object, headers: dict[str, str], seconds: float) -> Answer:
        response = self._pool.request(
            method,
            f"{self._connection.server}{path}",
            headers=headers,
            body=None if body is None else json.dumps(body).encode(),
            timeout=urllib3.Timeout(connect=seconds, read=seconds),
            retries=False,
            redirect=False,
        )
        return Answer(response.status, response.data, response.headers)


def _through(proxy: str, options: Mapping[str, Any]) -> urllib3.ProxyManager:
    """Return a pool of connections through a proxy, which gets the login that its URL may have."""
    login = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


def _tls(connection: KubeConnection) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=connection.ca_file)
        if connection.client_certificate:
            context.load_cert_chain(connection.client_certificate, connection.client_key)
    except (OSError, ValueError) as error:
        # Among them those of TLS: a certificate that is none, a key that is another one's.
        raise InvalidRequest("BadCertificate", f"a certificate or key cannot be used: {error}") from error
    if not connection.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        # Who wrote the kubeconfig knows; kubectl does not warn either.
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
    return context


def _words(error: Exception) -> str:
    """Return what happened, without the library's names for its own objects."""
    cause = error.__cause__ or error.__context__
    return str(cause if isinstance(cause, OSError) and str(cause) else error) or "no answer"
