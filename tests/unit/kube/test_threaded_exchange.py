"""What stands between a command and the API server."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.kube.threaded_exchange import ThreadedExchange


class _Proxy(BaseHTTPRequestHandler):
    """Answers by itself, and only who logs in."""

    def do_GET(self) -> None:
        expected = base64.b64encode(b"ann:p@ss").decode()
        self.send_response(200 if self.headers.get("Proxy-Authorization") == f"Basic {expected}" else 407)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def proxy() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("login", "status"), [("ann:p%40ss@", 200), ("", 407)])
async def test_a_proxy_gets_the_login_of_its_url(proxy: str, login: str, status: int) -> None:
    way = KubeConnection("http://api.invalid", "shop", None, proxy=f"http://{login}{proxy}")
    async with ThreadedExchange(way) as exchange:
        answer = await exchange.send("GET", "/version", None, "application/json", 30)
    assert answer.status == status
