"""The life of the process: look whether it can work, stand by until it leads, lead, and end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry

from azdiskbackup.app.termination import end_at_once
from azdiskbackup.app.wiring import Engine
from azdiskbackup.azure.client import preflight
from azdiskbackup.azure.transport.fence import Fence
from azdiskbackup.errors import CannotStart, Exit, OperatorError
from azdiskbackup.handlers import shell
from azdiskbackup.kube import crds as definitions
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.https_exchange import HttpsExchange
from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.kube.kubeconfig.reading import connection
from azdiskbackup.kube.lease.lease import Lease
from azdiskbackup.kube.retry import patiently
from azdiskbackup.observability.endpoints import probe_answer, scrape_answer, serving
from azdiskbackup.observability.lag import Lag
from azdiskbackup.observability.operator_metrics import OperatorMetrics, StateCollector
from azdiskbackup.settings import Settings

# What is in work may take so long at the end; the Lease is released after it, and another replica waits for that.
DRAIN_SECONDS = 1.2
_KOPF_ENDS_WITHIN_SECONDS = 0.5
# Its uid is the id of this cluster.
_KUBE_SYSTEM = "/api/v1/namespaces/kube-system"

T = TypeVar("T")

_log = structlog.get_logger("azdiskbackup")


class Process:
    """One replica.

    Args:
        settings: all of them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ending = asyncio.Event()
        # Kopf cancels every task that began after it: it must not end before all that is ours has.
        self._kopf_ends = asyncio.Event()
        self._not_ready: str | None = "it has not looked yet whether it can work"
        self._engine: Engine | None = None
        self._lease: Lease | None = None
        self._registry = CollectorRegistry()
        self._meters = OperatorMetrics(self._registry)
        self._registry.register(
            StateCollector(
                leads=lambda: self._engine is not None and self._leads(),
                state=lambda: self._engine.state() if self._engine is not None else None,
            )
        )
        self._fence = Fence(leads=self._leads)

    async def run(self) -> None:
        """Live until SIGTERM or SIGINT.

        Raises:
            CannotStart: something outside is not as it must be.
            OperatorError: the service account is of no use.
        """
        self._heed_signals()
        settings = self._settings
        kube_connection = connection(settings.kubeconfig)
        probed = {
            "/healthz": probe_answer(lambda: self._engine.unhealthy_reason() if self._engine else None),
            "/readyz": probe_answer(self._why_not_ready),
        }
        scraped = {"/metrics": scrape_answer(self._registry)}
        async with (
            serving(settings.bind_address, settings.probe_port, probed),
            serving(settings.bind_address, settings.metrics_port, scraped),
            KubeClient(HttpsExchange(kube_connection)) as kube,
            KubeClient(HttpsExchange(kube_connection)) as kube_for_lease,
        ):
            life = asyncio.create_task(self._live(kube_connection, kube, kube_for_lease), name="life")
            ending = asyncio.create_task(self._ending.wait(), name="ending")
            await asyncio.wait([life, ending], return_when=asyncio.FIRST_COMPLETED)
            await self._end(life)
            ending.cancel()
            if not life.cancelled():
                life.result()

    def _leads(self) -> bool:
        return self._lease is None or self._lease.held

    def _heed_signals(self) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, self._ending.set)

    def _why_not_ready(self) -> str | None:
        return self._not_ready or (self._lease.trouble if self._lease is not None else None)

    async def _live(self, kube_connection: KubeConnection, kube: KubeClient, kube_for_lease: KubeClient) -> None:
        await _asked(lambda: definitions.check(kube))
        kube_system = await _asked(lambda: kube.get(_KUBE_SYSTEM))
        _log.info("checked", azure=await preflight.check(self._settings))
        if self._settings.leader_election:
            await self._stand_by(kube_connection, kube_for_lease)
        self._not_ready = None
        await self._lead(kube_connection, kube, str(kube_system["metadata"]["uid"]))

    async def _stand_by(self, kube_connection: KubeConnection, kube: KubeClient) -> None:
        settings = self._settings
        lease = Lease(
            kube,
            settings.lease_namespace or kube_connection.namespace,
            settings.lease_name,
            settings.pod_name or socket.gethostname(),
            timedelta(seconds=settings.request_timeout_seconds),
            self._lost,
        )
        _log.info("on standby")
        # Known before it is had: who is asked to end in that very moment has to release it.
        self._lease = lease
        self._not_ready = None
        unsettled = await lease.acquire()
        if unsettled:
            _log.info("waiting for requests of the previous leader", seconds=round(unsettled.total_seconds()))
            self._fence.close(unsettled, lambda key: self._engine.wake(key) if self._engine else None)
        _log.info("elected as leader", holder=settings.pod_name)

    def _lost(self, why: str) -> None:
        # At once, and from whatever thread: from now on another replica may work.
        message = f"The Lease was lost: {why}. Another replica takes over, or this one after its restart."
        end_at_once(Exit.LEASE_LOST, message, self._settings.termination_log)

    async def _lead(self, kube_connection: KubeConnection, kube: KubeClient, cluster: str) -> None:
        lag = Lag()
        engine = Engine(self._settings, kube, self._fence, cluster, self._meters, lag=lambda: lag.most)
        async with engine.connection, _running(lag.measure()):
            await _asked(engine.load)
            if not engine.has_objects:
                # A first start: whoever led before wrote to Azure for an object that is still there.
                self._fence.open()
                if self._lease is not None:
                    self._lease.settle()
            await engine.start()
            self._engine = engine
            self._registry.register(engine.fleet)
            shell.watch_since(kube.listed_at)
            handlers = shell.registry(kube_connection, engine.on_watch_event)
            await shell.run(handlers, self._kopf_ends, started=self._heed_signals)

    async def _end(self, life: asyncio.Task[None]) -> None:
        """End in the order in which another replica can go on soonest."""
        if self._engine is not None:
            await self._engine.stop(DRAIN_SECONDS)
        else:
            # Before it is released: it must not be taken right after.
            life.cancel()
            await asyncio.wait([life])
        if self._lease is not None:
            await self._lease.release(self._fence.unsettled)
        # Kopf would wait five seconds more for a watch of its own that was just opening.
        self._kopf_ends.set()
        await asyncio.wait([life], timeout=_KOPF_ENDS_WITHIN_SECONDS)
        life.cancel()
        await asyncio.wait([life])


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have something run beside, and end with the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _asked(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask the API server something that has to be known before work can begin.

    Raises:
        CannotStart: it refuses.
    """
    try:
        return await patiently(ask)
    except OperatorError as error:
        raise CannotStart(
            Exit.KUBERNETES,
            f"The API server denies the service account a permission: {error.user_message}",
        ) from error
