"""Two API servers, the one in memory and the real one with its controllers, as one client sees either."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.errors import OperatorError
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.exchange import Exchange
from azdiskbackup.kube.https_exchange import HttpsExchange
from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.kube.kubeconfig.reading import connection
from azdiskbackup.kube.threaded_exchange import ThreadedExchange
from azdiskbackup.kube.watched import OURS
from controlplane import pool
from controlplane.plane import ControlPlane
from harness import objects
from world.api_server import ApiServer, InMemoryExchange
from world.store import Resource as ServedResource

GROUP = "/apis/azdiskbackup.io/v1alpha1"
DISKS = next(each for each in OURS if each.kind == "ProtectedDisk")

Json = dict[str, Any]
Heard = list[tuple[str, str, int, bool]]


class Api:
    """One of the two, and a namespace of the test's own."""

    def __init__(
        self,
        exchange: Exchange,
        watch: Callable[[str], contextlib.AbstractAsyncContextManager[Heard]],
        server: ApiServer | None = None,
    ) -> None:
        self.exchange = exchange
        self.kube = KubeClient(exchange)
        self.namespace = f"n-{uuid.uuid4().hex[:8]}"
        self.disks = f"{GROUP}/namespaces/{self.namespace}/protecteddisks"
        self.watch = watch
        # The one in memory; None for the real one.
        self.server = server

    async def make(self, name: str = "data", **spec: Any) -> Resource:
        found = await self.kube.create(self.disks, objects.disk(name, self.namespace, **spec))
        return Resource(found)

    async def get(self, name: str = "data") -> Resource:
        return Resource(await self.kube.get(f"{self.disks}/{name}"))

    async def refusal(self, answer: Awaitable[object]) -> tuple[type[OperatorError], str]:
        """Return class and code of the error of a request."""
        with pytest.raises(OperatorError) as caught:
            await answer
        return type(caught.value), caught.value.code


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with pool.lent() as found:
        define_kinds(found)
        yield found


def define_kinds(plane: ControlPlane) -> None:
    """Bring our definitions into a cluster, and wait until they are served."""
    for path in sorted((Path(__file__).resolve().parents[2] / "crds").glob("*.yaml")):
        plane.kubectl("apply", "-f", str(path))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=300s")


_EXCHANGES = {"kube-apiserver": HttpsExchange, "kube-apiserver, from a command": ThreadedExchange}


@pytest.fixture(params=["in memory", *_EXCHANGES])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    if request.param == "in memory":
        async for found in api_in_memory():
            yield found
        return
    plane: ControlPlane = request.getfixturevalue("plane")
    way = connection(plane.kubeconfig)
    async for found in _with_namespace(Api(_EXCHANGES[request.param](way), lambda namespace: _heard(way, namespace))):
        yield found


async def api_in_memory() -> AsyncIterator[Api]:
    """Yield the one in memory."""
    uids = itertools.count(1)
    server = ApiServer(lambda: datetime.now(UTC), lambda: str(uuid.UUID(int=next(uids))))
    exchange = InMemoryExchange(server)
    async for found in _with_namespace(Api(exchange, lambda namespace: _heard_in_memory(server, namespace), server)):
        yield found


async def _with_namespace(found: Api) -> AsyncIterator[Api]:
    async with found.kube:
        await found.kube.create("/api/v1/namespaces", objects.namespace(found.namespace))
        yield found


# --- watches ------------------------------------------------------------------------------------------


def _entry(how: str, raw: Json) -> tuple[str, str, int, bool]:
    metadata = raw["metadata"]
    return how, metadata["name"], metadata["generation"], "deletionTimestamp" in metadata


@contextlib.asynccontextmanager
async def _heard_in_memory(server: ApiServer, namespace: str) -> AsyncIterator[Heard]:
    heard: Heard = []

    def watcher(how: str, resource: ServedResource, raw: Json) -> None:
        if resource.kind == "ProtectedDisk" and raw["metadata"]["namespace"] == namespace:
            heard.append(_entry(how, raw))

    server.store.watchers.append(watcher)
    yield heard
    server.store.watchers.remove(watcher)


@contextlib.asynccontextmanager
async def _heard(way: KubeConnection, namespace: str) -> AsyncIterator[Heard]:
    """Watch the real one; on leaving, wait until an object has been heard of that was made after everything else."""
    heard: Heard = []
    context = ssl.create_default_context(cafile=str(way.ca_file))
    if way.client_certificate is not None:
        context.load_cert_chain(way.client_certificate, way.client_key)
    headers = {"Authorization": f"Bearer {way.token()}"} if way.token() else {}
    path = f"{GROUP}/namespaces/{namespace}/protecteddisks"

    async def get_operation(stream: aiohttp.ClientResponse) -> None:
        async for line in stream.content:
            event = json.loads(line)
            if event["object"]["metadata"]["name"] == "the-end":
                return
            heard.append(_entry(event["type"], event["object"]))

    async with contextlib.AsyncExitStack() as opened:
        session = await opened.enter_async_context(aiohttp.ClientSession())
        kube = await opened.enter_async_context(KubeClient(HttpsExchange(way)))
        while True:
            stream = await session.get(f"{way.server}{path}?watch=1", ssl=context, headers=headers)
            opened.callback(stream.close)
            if stream.status != 429:
                # A definition that is new has no watches for a moment.
                break
        assert stream.status == 200, await stream.text()
        task = asyncio.create_task(get_operation(stream))
        yield heard
        await kube.create(path, objects.disk("the-end", namespace))
        await task
