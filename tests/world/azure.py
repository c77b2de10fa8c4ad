"""Azure in memory: the simulator's own HTTP layer behind the real SDKs, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from azure.core.exceptions import IncompleteReadError, ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.pipeline.transport import HttpRequest as OlderRequest
from azure.core.rest import AsyncHttpResponse, HttpRequest

from azure_simulator.client import Simulator, SimulatorError
from azure_simulator.http import tokens
from azure_simulator.http.about_directory import public
from azure_simulator.http.control import PREFIX, control
from azure_simulator.http.messages import Request, Response
from azure_simulator.http.service import Service
from azure_simulator.model.azure import Azure
from world.answer import InMemoryAnswer

BASE = "https://azure.in-memory"
_TOKENS = ("/oauth2/v2.0/token", "/oauth2/token")
# Of a planted fault, instead of a status: see ``azure_simulator.http.planted.PlantedFault``.
_DROPPED, _TORN, _HELD = 0, -1, -2

# How many seconds a request takes on its way, and its answer on its own.
Delay = Callable[[Request], float]


class AzureInMemory(Simulator):
    """The simulator, with all that a test may do to it.

    Args:
        now: the time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.url = BASE
        self._now = now
        self.service = Service(Azure(now()))
        self.service.base = BASE
        self.held_requests: list[str] = []

    # --- what a test does to it ---------------------------------------------------------------------

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        self._advance()
        response = control(self.service, Request(method, f"{PREFIX}{path}", {}, json.dumps(body) if body else ""))
        if response.status != 200:
            raise SimulatorError(json.dumps(response.body))
        return response.body

    def arm(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to Azure as somebody who may do everything: a person in the portal, another tool.

        Raises:
            SimulatorError: it was refused, or no answer came.
        """
        self.seed(callers=[{"clientID": "a-person"}])
        headers = {"authorization": f"Bearer {tokens.token_for('a-person')}"}
        response = self.answer(Request(method, path, headers, "" if body is None else json.dumps(body)))
        if response.status <= 0:
            raise SimulatorError(f"no answer to {method} {path}")
        if response.status >= 400:
            raise SimulatorError(json.dumps(response.body))
        return response.body

    @property
    def now(self) -> datetime:
        return self._now()

    @property
    def held(self) -> list[str]:
        return sorted(self.held_requests)

    # --- what clients do to it ----------------------------------------------------------------------

    def _advance(self) -> None:
        """Let happen what is due by now; nobody could have seen it before."""
        self.service.azure.cloud.timeline.advance(self._now())

    def answer(self, request: Request) -> Response:
        """Answer a request; all that it does at once is done when this returns."""
        self._advance()
        if request.path.endswith(_TOKENS):
            return self.service.token(request)
        known = public(request, BASE, self.service.azure.cloud.tenant)
        return known or self.service.handle(request)


class InMemoryNetwork:
    """Carries the requests of one client to Azure in memory.

    Args:
        azure: answers.
        delay: how many seconds a request takes on its way, and its answer.
    """

    def __init__(self, azure: AzureInMemory, delay: Delay = lambda request: 0.0) -> None:
        self.azure = azure
        self.delay = delay
        # A client that was killed gets no answer, and what it still sends never leaves.
        self.is_cut = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def transport(self) -> AsyncHttpTransport[Any, Any]:
        return InMemoryTransport(self)

    async def exchange(self, request: Request) -> Response:
        """Carry a request there and its answer back."""
        await self._way(request)
        response = self.azure.answer(request)
        if response.status == _HELD:
            self.azure.held_requests.append(request.path)
            try:
                await asyncio.Event().wait()
            finally:
                self.azure.held_requests.remove(request.path)
        await self._way(request)
        return response

    async def _way(self, request: Request) -> None:
        await asyncio.sleep(self.delay(request))
        if self.is_cut:
            await asyncio.Event().wait()


class InMemoryTransport(AsyncHttpTransport[Any, Any]):
    """The last step of an SDK's pipeline."""

    def __init__(self, network: InMemoryNetwork) -> None:
        self._network = network

    async def open(self) -> None:
        return

    async def close(self) -> None:
        return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        return

    async def send(self, request: HttpRequest | OlderRequest, **_: Any) -> AsyncHttpResponse:
        response = await self._network.exchange(_request(request))
        if response.status == _DROPPED:
            raise ServiceResponseError("the connection was closed without an answer")
        if response.status == _TORN:
            raise IncompleteReadError("the connection was closed in the middle of the answer")
        body = response.rows if response.rows is not None else response.body
        content = b"" if body is None else json.dumps(body).encode()
        headers = dict(response.headers)
        if content:
            headers |= {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(content))}
        return InMemoryAnswer(request, response.status, headers, content)

    async def sleep(self, duration: float) -> None:
        await asyncio.sleep(duration)


def _request(sent: HttpRequest | OlderRequest) -> Request:
    content = getattr(sent, "content", None) or sent.data
    if isinstance(content, Mapping):
        content = "&".join(f"{name}={value}" for name, value in content.items())
    text = content.decode() if isinstance(content, bytes) else str(content or "")
    headers = {name.lower(): str(value) for name, value in sent.headers.items()}
    return Request(str(sent.method), str(sent.url).removeprefix(BASE), headers, text)
