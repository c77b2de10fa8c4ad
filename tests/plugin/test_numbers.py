"""How fast it begins, and what two thousand disks take."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from plugin import world
from plugin.test_bad_input import kubeconfig

DISKS = 2000


class Pages(BaseHTTPRequestHandler):
    """Lists in pages, as the API server does; a server like that of a big cluster, without its work."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        begin, limit = int(query.get("continue", "0")), int(query.get("limit", "500"))
        found = self.server.objects.get(parts.path.rsplit("/", 1)[1], [])  # type: ignore[attr-defined] # set below
        more = {"continue": str(begin + limit)} if begin + limit < len(found) else {}
        body = json.dumps({"items": found[begin : begin + limit], "metadata": more}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def big_cluster(tmp_path: Path) -> Iterator[str]:
    """Yield the kubeconfig of a cluster with many disks, whose status is as long as it gets."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.objects = dict(world.Api().objects)  # type: ignore[attr-defined] # what it answers with
    server.objects["protecteddisks"] = [world.good(f"data-{n}", f"shop-{n % 50}") for n in range(DISKS)]  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()


# What the kernel counts for a child begins with the memory of the process that it was forked from; so it says itself.
_TELLING = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
from azdiskbackup.plugin.app import main
main()
"""


def measured(*words: str, **environment: str) -> tuple[float, float, str]:
    """Return seconds, peak MB and stdout of a command."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _TELLING, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "AZDISKBACKUP_NOW": world.NOW.isoformat(), **environment},
    )
    seconds = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stderr)
    return seconds, int(peak) / 1024, done.stdout


def test_status_of_two_thousand_disks(big_cluster: str) -> None:
    # The best of three: the first one may have to compile the modules, and others use this machine, too.
    seconds, megabytes, out = min(measured("status", KUBECONFIG=big_cluster) for _ in range(3))
    assert "2000 of 2000 as they should be" in out
    print(f"status of {DISKS} disks: {seconds:.2f} s, {megabytes:.0f} MB")
    assert seconds < 3 and megabytes < 150


def test_help_comes_at_once() -> None:
    measured("--help")
    seconds = min(measured("--help")[0] for _ in range(3))
    print(f"--help: {seconds:.2f} s")
    assert seconds < 0.5
