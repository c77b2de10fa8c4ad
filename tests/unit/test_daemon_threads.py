"""Threads that end with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

# A request is under way, no answer ever comes, and the person gives up.
_GIVES_UP = """
import asyncio, socket
from azure.core.rest import HttpRequest
from azdiskbackup.azure.transport.threaded_network import ThreadedNetwork
from azdiskbackup.settings import Settings

# Closed, they would be an answer.
kept = []

async def main():
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    async with ThreadedNetwork(Settings(subscription_id="11111111-1111-4111-8111-111111111111")) as network:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        asked = asyncio.ensure_future(network.transport().send(HttpRequest("GET", url)))
        kept.extend([server, await asyncio.get_running_loop().sock_accept(server)])
        asked.cancel()

asyncio.run(main())
"""


def test_who_gives_up_waits_for_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZDISKBACKUP_REQUEST_TIMEOUT_SECONDS", "300")
    subprocess.run([sys.executable, "-c", _GIVES_UP], check=True, timeout=120)
