"""One replica of the operator in this process: its engine with all that belongs to it, and the watches that feed it."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from azdiskbackup.app.wiring import Engine
from azdiskbackup.azure.transport.fence import Fence
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.watched import WATCHED
from azdiskbackup.observability.operator_metrics import OperatorMetrics
from azdiskbackup.settings import Settings
from world.api_server import ApiServer, InMemoryExchange
from world.azure import InMemoryNetwork
from world.clock import LoopClock
from world.store import Json, Resource

T = TypeVar("T")

_OWNER: contextvars.ContextVar[Replica | None] = contextvars.ContextVar("replica", default=None)
_BY_KIND = {each.kind: each for each in WATCHED}
_DRAIN_SECONDS = 1.2
NOTHING = timedelta()


def remember_owners(loop: asyncio.AbstractEventLoop) -> None:
    """Have each task of a loop belong to the replica that began it, so that a kill ends all of them."""

    def factory(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **named: Any) -> asyncio.Task[T]:
        task = asyncio.Task(work, loop=loop, **named)
        owner = _OWNER.get()
        if owner is not None:
            owner.tasks.add(task)
            task.add_done_callback(owner.tasks.discard)
        return task

    loop.set_task_factory(factory)  # type: ignore[arg-type] # of a generic function


class Replica:
    """The operator.

    Args:
        settings: of the operator.
        server: the API server.
        network: to Azure.
        clock: the clock of the world.
        cluster: the id of the cluster.
        jitter: uniformly random from 0 to 1.
        watch_delay: how many seconds an event of a kind takes to the operator.
    """

    def __init__(
        self,
        settings: Settings,
        server: ApiServer,
        network: InMemoryNetwork,
        clock: LoopClock,
        cluster: str,
        jitter: Callable[[], float],
        watch_delay: Callable[[str], float],
    ) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self._server = server
        self._network = network
        self._watch_delay = watch_delay
        self._last: dict[str, float] = {}
        self._on_the_way: dict[str, deque[tuple[str, Json]]] = {}
        self.is_alive = False
        self.leads = True
        self.hears = True
        # What is asked of the API server waits here while it is away.
        self.server_is_away = False
        self.kube = KubeClient(InMemoryExchange(server, self._before))
        self.fence = Fence(leads=lambda: self.leads, monotonic=clock.monotonic)
        self.registry = CollectorRegistry()
        self.engine = Engine(
            settings,
            self.kube,
            self.fence,
            cluster,
            OperatorMetrics(self.registry),
            clock=clock,
            network=network,
            jitter=jitter,
        )

    async def _before(self, method: str, path: str) -> None:
        if not self.is_alive:
            await asyncio.Event().wait()
        if self.server_is_away:
            raise ConnectionError("the API server is away")
        await asyncio.sleep(0)

    async def start(self, unsettled: timedelta = NOTHING) -> None:
        """Begin to work.

        Args:
            unsettled: for how long a write of whoever led before may still arrive.
        """
        self.is_alive = True
        if unsettled:
            self.fence.close(unsettled, self.engine.wake)
        token = _OWNER.set(self)
        try:
            await self.engine.connection.__aenter__()
            await self.engine.load()
            self._server.store.watchers.append(self._on_event)
            await self.engine.start()
        finally:
            _OWNER.reset(token)

    async def stop(self) -> None:
        """End as the kubelet asks for it."""
        await self.engine.stop(_DRAIN_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """End as a crash would: nothing that is on its way comes back, and nothing else leaves."""
        self.is_alive, self._network.is_cut = False, True
        if self._on_event in self._server.store.watchers:
            self._server.store.watchers.remove(self._on_event)
        # Again and again: a task may be cleaning up just now, and go on after that.
        while left := [task for task in self.tasks if task is not asyncio.current_task()]:
            for task in left:
                task.cancel()
            ended, _ = await asyncio.wait(left, timeout=1)
            await asyncio.gather(*ended, return_exceptions=True)
        await self.engine.connection.credential.close()

    def _on_event(self, how: str, resource: Resource, raw: Json) -> None:
        watched = _BY_KIND.get(resource.kind)
        if watched is None or not self.hears:
            return

        # Of one kind in their order, which timers of the same moment do not keep; of several in any.
        loop = asyncio.get_running_loop()
        at = max(self._last.get(resource.kind, 0.0), loop.time() + self._watch_delay(resource.kind))
        self._last[resource.kind] = at
        on_the_way = self._on_the_way.setdefault(resource.kind, deque())
        on_the_way.append((how, raw))

        def arrive() -> None:
            first = on_the_way.popleft()
            if self.is_alive:
                self.engine.on_watch_event(watched, *first)

        loop.call_at(at, arrive)

    async def list_again(self) -> None:
        """Hear again, from a list: what happened meanwhile is in it, and what vanished is not."""
        self.hears = True
        for each in WATCHED:
            await self.engine.cache.replace(each.kind, self.kube.list_all(each))
