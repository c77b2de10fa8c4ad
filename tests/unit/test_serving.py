"""That nothing of a server is left for the collector, which would fail whatever test runs then."""

from __future__ import annotations

import asyncio
import gc
import ssl
import subprocess
import sys
import warnings
from pathlib import Path

from aiohttp import web

from harness.certificates import Authority
from harness.processes import free_ports
from harness.serving import end_server

# Keeps its connection, as an API server does with a kubelet, and never closes it.
_CLIENT = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
held = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost")
held.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
print(held.recv(15), flush=True)
sys.stdin.read()
"""


async def _serve(authority: Authority, port: int) -> web.AppRunner:
    serving = authority.server("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(serving.certificate, serving.key)
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    return runner


def test_a_server_ends_although_a_client_keeps_its_connection(tmp_path: Path) -> None:
    authority, (port,) = Authority(tmp_path, "ours"), free_ports(1)
    words = [sys.executable, "-c", _CLIENT, str(port), str(authority.certificate)]
    loop = asyncio.new_event_loop()
    runner = loop.run_until_complete(_serve(authority, port))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert b"HTTP/1.1 404" in loop.run_until_complete(loop.run_in_executor(None, client.stdout.readline))
        loop.run_until_complete(end_server(runner))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            del runner, loop
            gc.collect()
        client.communicate()
    assert not told
