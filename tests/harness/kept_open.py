"""A connection that is kept open: a TLS handshake for each request costs both ends more than the request."""

from __future__ import annotations

import http.client
import ssl
import threading
import weakref


class KeptOpen:
    """Sends requests to one server, each thread over a connection of its own.

    Args:
        host, port: of the server.
        context: by which its certificate is checked, and with which the client shows its own.
        timeout: how many seconds an answer may take.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext, timeout: float) -> None:
        self._host, self._port, self._context, self._timeout = host, port, context, timeout
        self._of_thread = threading.local()
        # Those of threads that have ended, too; they end with this object.
        self._opened: list[http.client.HTTPSConnection] = []
        weakref.finalize(self, _close, self._opened)

    def request(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a request; return status and body.

        The server closes a connection that was idle for a while; then the request is sent once more.

        Raises:
            OSError: the server cannot be reached.
            http.client.HTTPException: it does not speak HTTP, or ended in the middle of its answer.
        """
        while True:
            connection = self._connection()
            was_open = connection.sock is not None
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.read()
            except (http.client.HTTPException, OSError) as error:
                # It opens anew with the next request.
                connection.close()
                if not was_open or isinstance(error, TimeoutError):
                    raise

    def _connection(self) -> http.client.HTTPSConnection:
        found: http.client.HTTPSConnection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            found = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=self._timeout)
            self._of_thread.connection = found
            self._opened.append(found)
        return found


def _close(connections: list[http.client.HTTPSConnection]) -> None:
    for each in connections:
        each.close()
