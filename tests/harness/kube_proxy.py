"""A proxy between the operator and its API server, which can refuse, break off, or answer something else."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from harness.certificates import Authority
from harness.processes import free_ports
from harness.serving import end_server

_PASSED_ON = ("Authorization", "Content-Type", "Accept", "User-Agent")


@dataclass
class Fault:
    """What the operator gets instead of an answer: by method, path with query, and how often."""

    method: str
    path: str
    status: int
    reason: str
    times: int


@dataclass
class KubeProxy:
    """The proxy, in a thread of its own; ``faults`` and ``away`` may be changed at any time.

    Attributes:
        away: whether every connection is broken off.
        refused: how many requests came while it was away.
        struck: how many requests got a fault.
    """

    folder: Path
    server: str
    authority: Authority
    away: bool = False
    refused: int = 0
    struck: int = 0
    faults: list[Fault] = field(default_factory=list)
    _open: dict[int, web.Request] = field(default_factory=dict)

    def start(self) -> int:
        """Start; return the port, which serves with a certificate of the cluster's own authority."""
        self.folder.mkdir(parents=True, exist_ok=True)
        serving = self.authority.server("proxy")
        self._upstream = ssl.create_default_context(cafile=str(self.authority.certificate))
        port = free_ports(1)[0]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(serving.certificate, serving.key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(port, context), self._loop).result(10)
        return port

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def watches(self) -> int:
        """Return how many watches are open."""
        return len(self._open)

    def cut_watches(self) -> int:
        """Break off every watch; return how many there were.

        Wait for ``watches`` to be as many afterwards: each is opened again after a pause of real time, for which
        neither virtual time nor the next cut would wait.
        """
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def plant(self, method: str, path: str, status: int, reason: str, times: int = 1) -> None:
        self.faults.append(Fault(method, path, status, reason, times))

    # --- in the thread ------------------------------------------------------------------------------

    async def _serve(self, port: int, context: ssl.SSLContext) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._upstream, limit=0), timeout=aiohttp.ClientTimeout(total=None)
        )
        app = web.Application(client_max_size=16 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=context).start()

    async def _end(self) -> None:
        await self._cut()
        await end_server(self._runner)
        await self._session.close()

    async def _cut(self) -> int:
        watches = list(self._open.values())
        for each in watches:
            if each.transport is not None:
                each.transport.abort()
        return len(watches)

    def _strikes(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == request.method and re.search(fault.path, request.path_qs):
                fault.times -= 1
                self.struck += 1
                return fault
        return None

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.away:
            self.refused += 1
            if request.transport is not None:
                request.transport.abort()
            raise asyncio.CancelledError
        fault = self._strikes(request)
        if fault is not None:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "planted by a test"}
            told: dict[str, Any] = {**status, "reason": fault.reason, "code": fault.status}
            if "watch=" in request.path_qs:
                # So the API server says that a resource version is too old: in the stream, which it has begun by then.
                return web.json_response({"type": "ERROR", "object": told})
            return web.json_response(told, status=fault.status)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        url = f"{self.server}{request.path_qs}"
        async with self._session.request(request.method, url, data=body or None, headers=headers) as answer:
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            await response.prepare(request)
            self._open[id(request)] = request
            try:
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            finally:
                self._open.pop(id(request), None)
            return response
