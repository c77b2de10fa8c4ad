"""A server that lists objects in pages, as the API server does, without its work; and a kubeconfig for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from plugin import world

DISKS, FEW = 2000, 5


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        begin, limit = int(query.get("continue", "0")), int(query.get("limit", "500"))
        *_, plural, name = parts.path.split("/")
        known: dict[str, list[Any]] = self.server.objects  # type: ignore[attr-defined] # set below
        if plural in known:
            one = next((each for each in known[plural] if each["metadata"]["name"] == name), None)
            self._answer(200 if one else 404, one or {"reason": "NotFound", "message": f"{name} not found"})
            return
        found = known.get(name, [])
        more = {"continue": str(begin + limit)} if begin + limit < len(found) else {}
        self._answer(200, {"items": found[begin : begin + limit], "metadata": more})

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def cluster(folder: Path, *, few: bool = False) -> Iterator[str]:
    """Yield the kubeconfig of a cluster with many disks, or a few, whose status is as long as it gets."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.objects = dict(world.Api().objects)  # type: ignore[attr-defined] # what it answers with
    server.objects["protecteddisks"] = [world.good(f"data-{n}", f"shop-{n % 50}") for n in range(FEW if few else DISKS)]  # type: ignore[attr-defined]
    if not few:
        places = [(f"data-{n}-0", f"shop-{n % 50}") for n in range(DISKS)]
        for kind, made in (("persistentvolumeclaims", world.claim), ("persistentvolumes", world.volume)):
            server.objects[kind] = [made(name, namespace) for name, namespace in places]  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kubeconfig(folder, f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()


def kubeconfig(folder: Path, server: str) -> str:
    path = folder / "config"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "ann"}}],
                "clusters": [{"name": "here", "cluster": {"server": server}}],
                "users": [{"name": "ann", "user": {"token": "secret"}}],
            }
        )
    )
    return str(path)
