"""The life of the process: look whether it can work, stand by until it leads, lead, and end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import structlog

from azdiskbackup.azure import preflight
from azdiskbackup.azure.fence import Fence
from azdiskbackup.errors import CannotStart, Exit, OperatorError, Retryable
from azdiskbackup.handlers import shell
from azdiskbackup.kube import definitions
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.connection import KubeConnection, connection
from azdiskbackup.kube.lease import Lease
from azdiskbackup.observability import metrics, probes
from azdiskbackup.observability.metrics import Waiting
from azdiskbackup.observability.serving import serving
from azdiskbackup.settings import Settings
from azdiskbackup.wiring import Engine

# What is in work may take so long at the end; the Lease is released after it, and another replica waits for that.
DRAIN_SECONDS = 1.2
_KOPF_ENDS_WITHIN_SECONDS = 0.5
_API_SERVER_RETRY_SECONDS = 1.0
_KUBE_SYSTEM = "/api/v1/namespaces/kube-system"

_log = structlog.get_logger("azdiskbackup")


class Process:
    """One replica.

    Args:
        settings: all of them.
        say_why: takes the sentence that tells why the process ends.
    """

    def __init__(self, settings: Settings, say_why: Callable[[str], None]) -> None:
        self._settings = settings
        self._say_why = say_why
        self._ending = asyncio.Event()
        # Kopf cancels every task that began after it: it must not end before all that is ours has.
        self._kopf_ends = asyncio.Event()
        self._not_ready: str | None = "it has not looked yet whether it can work"
        self._engine: Engine | None = None
        self._lease: Lease | None = None
        self._fence = Fence(leads=lambda: self._lease is None or self._lease.held)

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
            "/healthz": probes.answering(lambda: self._engine.why_not() if self._engine else None),
            "/readyz": probes.answering(lambda: self._not_ready),
        }
        scraped = {"/metrics": metrics.answering(self._waiting)}
        async with (
            serving(settings.bind_address, settings.probe_port, probed),
            serving(settings.bind_address, settings.metrics_port, scraped),
            KubeClient(kube_connection) as kube,
        ):
            life = asyncio.create_task(self._live(kube_connection, kube), name="life")
            ending = asyncio.create_task(self._ending.wait(), name="ending")
            await asyncio.wait([life, ending], return_when=asyncio.FIRST_COMPLETED)
            await self._end(life)
            ending.cancel()
            if not life.cancelled():
                life.result()

    def _heed_signals(self) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, self._ending.set)

    def _waiting(self) -> Iterator[Waiting]:
        if self._engine is not None:
            yield from self._engine.waiting()

    async def _live(self, kube_connection: KubeConnection, kube: KubeClient) -> None:
        await _until_the_api_server_answers(kube)
        _log.info("checked", azure=await preflight.check(self._settings))
        self._not_ready = None
        if self._settings.leader_election:
            await self._stand_by(kube_connection, kube)
        await self._lead(kube_connection, kube)

    async def _stand_by(self, kube_connection: KubeConnection, kube: KubeClient) -> None:
        settings = self._settings
        longest = timedelta(seconds=settings.request_timeout_seconds)
        lease = Lease(
            kube,
            settings.lease_namespace or kube_connection.namespace,
            settings.lease_name,
            settings.pod_name or socket.gethostname(),
            longest,
            self._lost,
        )
        _log.info("standing by")
        # Known before it is had: who is asked to end in that very moment has to release it.
        self._lease = lease
        taken = await lease.acquire()
        if taken.requests_until is not None:
            # The clocks of two nodes may differ, but by no more than this.
            span = min(taken.requests_until - datetime.now(UTC), 2 * longest)
            if span > timedelta(0):
                _log.info("the last leader may still be heard", seconds=round(span.total_seconds()))
                self._fence.close(span, lambda key: self._engine.wake(key) if self._engine else None)
        _log.info("leading", holder=settings.pod_name)

    def _lost(self, why: str) -> None:
        # At once, and from whatever thread: from now on another replica may work.
        sentence = f"The Lease was lost: {why}. Another replica leads, or this one after its restart."
        self._say_why(sentence)
        # Not through the logger: whoever is stuck may hold its lock.
        line = {"event": sentence, "level": "error", "exit_code": int(Exit.LEASE_LOST), "logger": "azdiskbackup"}
        print(json.dumps(line | {"timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}), flush=True)
        os._exit(Exit.LEASE_LOST)

    async def _lead(self, kube_connection: KubeConnection, kube: KubeClient) -> None:
        cluster = str((await kube.get(_KUBE_SYSTEM))["metadata"]["uid"])
        engine = Engine(self._settings, kube, self._fence, cluster)

        async def start() -> None:
            await engine.start()
            self._engine = engine

        async with engine.connection:
            handlers = shell.registry(kube_connection, engine.cache, start=start, heard=engine.heard)
            await shell.run(handlers, self._kopf_ends, begun=self._heed_signals)

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


async def _until_the_api_server_answers(kube: KubeClient) -> None:
    """Look at the definitions of our kinds; while the API server is away, wait: no restart brings it back."""
    told = ""
    while True:
        try:
            await definitions.check(kube)
            return
        except Retryable as error:
            if error.code != told:
                told = error.code
                _log.warning("the API server does not answer", error=error.sentence)
            await asyncio.sleep(_API_SERVER_RETRY_SECONDS)
        except OperatorError as error:
            raise CannotStart(
                Exit.KUBERNETES, f"The API server refuses the service account what it needs: {error.sentence}"
            ) from error
