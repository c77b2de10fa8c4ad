"""The HTTPS server: sockets around the service, the journal and the clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from azure_simulator.http.about_directory import public
from azure_simulator.http.clock import Clock, Follower, NotSettledError
from azure_simulator.http.control import PREFIX, control
from azure_simulator.http.journal import Journal
from azure_simulator.http.messages import Request, Response
from azure_simulator.http.service import Service
from azure_simulator.model.azure import Azure
from azure_simulator.model.disk_folders import DiskFolders

_LONG_POLL_SECONDS = 20.0


class Server:
    """One simulator."""

    def __init__(self, start: datetime, rate: float, state: Path | None, data: Path | None = None) -> None:
        self._journal = Journal(state)
        self._service = Service(Azure(start))
        self._service.azure.cloud.folders = DiskFolders(data)
        now = self._replay(start)
        self._clock = Clock(now, rate, self._move)

    def seed(self, seed: dict[str, Any]) -> None:
        """Make what a person would have made before; what a journal brought is not made again."""
        body = json.dumps(seed)
        control(self._service, Request("POST", f"{PREFIX}seed", {}, body))

    def turn(self, knobs: dict[str, str]) -> None:
        """Turn knobs before anything happens."""
        self._service.azure.cloud.knobs.set(knobs)

    def _replay(self, start: datetime) -> datetime:
        now = start
        for when, request in self._journal.replay():
            self._service.azure.cloud.timeline.advance(when)
            now = max(now, when)
            if request is not None:
                self._dispatch(request)
        return now

    def _move(self, to: datetime) -> None:
        self._service.azure.cloud.timeline.advance(to)
        self._journal.write(to, None)

    def _dispatch(self, request: Request) -> Response:
        if request.path.startswith(PREFIX):
            return control(self._service, request)
        if request.path.endswith(("/oauth2/v2.0/token", "/oauth2/token")):
            return self._service.token(request)
        known = public(request, self._service.base, self._service.azure.cloud.tenant)
        return known or self._service.handle(request)

    async def run(self, port: int, context: ssl.SSLContext) -> None:
        """Serve until cancelled."""
        self._service.base = f"https://localhost:{port}"
        app = web.Application(client_max_size=4 * 1024**2)
        app.router.add_get("/__control/clock", self._read_clock)
        app.router.add_post("/__control/clock/{action}", self._move_clock)
        app.router.add_get("/__control/clock/follow/{name}", self._follow)
        app.router.add_route("*", "/{path:.*}", self._any)
        # A handler ends when its client goes away: this is how a killed follower is noticed.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            self._journal.close()

    async def _any(self, incoming: web.Request) -> web.StreamResponse:
        request = Request(
            incoming.method,
            incoming.rel_url.raw_path_qs,
            {name.lower(): value for name, value in incoming.headers.items()},
            await incoming.text(),
        )
        now = self._clock.now()
        self._service.azure.cloud.timeline.advance(now)
        response = self._dispatch(request)
        if request.mutates:
            self._journal.write(now, request)
        if response.status <= 0:
            return await self._break(incoming, response)
        if response.rows is not None:
            return web.json_response(response.rows, status=response.status, headers=response.headers)
        if response.body is None:
            return web.Response(status=response.status, headers=response.headers)
        return web.json_response(response.body, status=response.status, headers=response.headers)

    async def _break(self, incoming: web.Request, response: Response) -> web.StreamResponse:
        """Break off without an answer, or in the middle of it, or keep the client waiting until it goes away."""
        if response.status == -2:
            await self._clock.hold(incoming.path)
        if response.status == -1:
            body = json.dumps(response.body or {}).encode()
            torn = web.StreamResponse(headers={"Content-Type": "application/json"})
            torn.content_length = len(body) + 100
            await torn.prepare(incoming)
            await torn.write(body[: len(body) // 2])
        if incoming.transport is not None:
            incoming.transport.abort()
        raise asyncio.CancelledError

    # --- the clock --------------------------------------------------------------------------------

    def _reading(self) -> dict[str, Any]:
        return {
            "now": self._clock.now().isoformat(),
            "rate": self._clock.rate,
            "version": self._clock.version,
            "held": sorted(self._clock.held),
            "followers": len(self._clock.followers),
        }

    async def _read_clock(self, incoming: web.Request) -> web.Response:
        return web.json_response(self._reading())

    async def _move_clock(self, incoming: web.Request) -> web.Response:
        body = await incoming.json()
        timeline = self._service.azure.cloud.timeline
        try:
            match incoming.match_info["action"]:
                case "rate":
                    await self._clock.set_rate(float(body["rate"]))
                case "settle":
                    await self._clock.settle()
                case "advance":
                    to = self._clock.now() + timedelta(seconds=float(body["seconds"]))
                    await self._clock.advance(to, lambda: timeline.next_due)
                case "step":
                    most = self._clock.now() + timedelta(seconds=float(body["most"]))
                    await self._clock.step(lambda: timeline.next_due, most)
                case action:
                    return web.json_response({"error": f"no action {action}"}, status=404)
        except NotSettledError as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response(self._reading())

    async def _follow(self, incoming: web.Request) -> web.StreamResponse:
        """A web socket: the clock tells its readings, the follower tells whether it is idle and what is due."""
        socket = web.WebSocketResponse()
        await socket.prepare(incoming)
        name = incoming.match_info["name"]
        await self._clock.report(name, Follower())
        teller = asyncio.create_task(self._tell(socket))
        try:
            async for message in socket:
                said = message.json()
                due = datetime.fromisoformat(said["due"]) if said["due"] else None
                await self._clock.report(name, Follower(said["idle"], said["version"], due))
        finally:
            teller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await teller
            await self._clock.leave(name)
        return socket

    async def _tell(self, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            version = self._clock.version
            with contextlib.suppress(ConnectionError):
                await socket.send_json(self._reading())
            await self._clock.wait_for_change(version, _LONG_POLL_SECONDS)
