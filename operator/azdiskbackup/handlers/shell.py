"""Kopf as the shell around the engine: it keeps the watches alive.

Its change handlers, timers and daemons are not used: they write to the objects, hold workers and die of one failed
patch. What is registered here writes nothing and only enqueues.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

# Private: Kopf lets neither its memory of objects nor its identity nor where its watches begin be chosen in public.
# `tests/unit/handlers` says when they have moved.
from kopf._cogs.clients import fetching
from kopf._core.engines.peering import Identity
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from azdiskbackup.kube.kubeconfig.connection import KubeConnection
from azdiskbackup.kube.watched import WATCHED, WatchedResource

_LOGIN_EVERY = timedelta(minutes=10)


# Takes what is watched, how it changed, and the object.
OnWatchEvent = Callable[[WatchedResource, str, Mapping[str, Any]], None]


def registry(connection: KubeConnection, on_watch_event: OnWatchEvent) -> kopf.OperatorRegistry:
    """Return the handlers.

    Args:
        connection: how the API server is reached.
        on_watch_event: is told of each event.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.startup(registry=handlers)
    async def begin(settings: kopf.OperatorSettings, **_: Any) -> None:
        configure(settings)

    @kopf.on.login(registry=handlers)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=connection.server,
            ca_path=connection.ca_file,
            token=connection.token(),
            insecure=not connection.verify,
            proxy_url=connection.proxy,
            certificate_path=connection.client_certificate,
            private_key_path=connection.client_key,
            # The token is rotated: it must not take a 401 to read the new one.
            expiration=datetime.now(UTC) + _LOGIN_EVERY,
        )

    for resource in WATCHED:
        _watch(handlers, resource, on_watch_event)
    return handlers


def _watch(handlers: kopf.OperatorRegistry, resource: WatchedResource, on_watch_event: OnWatchEvent) -> None:
    @kopf.on.event(resource.group, resource.version, resource.plural, registry=handlers, id=f"watch-{resource.plural}")
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        # Async, so that it runs on the loop: Kopf puts other functions into threads, for which neither cache nor queue
        # are made.
        on_watch_event(resource, event["type"] or "", event["object"])


def watch_since(versions: Mapping[tuple[str, str], str]) -> None:
    """Have the first watch of each resource begin where a list of ours ended.

    Kopf would list everything once more, an event and a task for each object: with thousands of them it would take most
    of a minute until a change is seen. Later lists, after a watch broke off, stay Kopf's own.

    Args:
        versions: by group and plural, at which resource version each was listed.
    """
    left, listed = dict(versions), fetching.fetch_objs

    async def fetch(*, resource: Any, **how: Any) -> AsyncIterator[tuple[Collection[Any], str]]:
        version = left.pop((resource.group, resource.plural), None)
        if version is not None:
            yield (), version
            return
        async for page in listed(resource=resource, **how):
            yield page

    fetching.fetch_objs = fetch


class ForgetfulMemories(ResourceMemories):
    """Remembers no object: Kopf's memory of one is for handlers that we do not have, and larger than our own."""

    async def recall(self, raw_body: kopf.RawBody, **how: Any) -> ResourceMemory:
        """Return an empty memory."""
        return await super().recall(raw_body, **how | {"ephemeral": True})


class _NoStorage(kopf.DiffBaseStorage, kopf.ProgressStorage):
    """Keeps nothing on objects.

    Kopf reads annotations of each object before it calls a handler, and one that it cannot read hides what happens to
    the object: anybody may annotate a ProtectedDisk or a PVC.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return what a change would be compared with."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Return what is kept."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""

    def purge(self, **_: Any) -> None:
        """Remove nothing."""

    def touch(self, **_: Any) -> None:
        """Write nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return the rest of what a change would be compared with."""
        return essence


def configure(settings: kopf.OperatorSettings) -> None:
    """Have Kopf watch, and do nothing else."""
    # We post our own events, on transitions only.
    settings.posting.enabled = False
    # A stray KopfPeering object named "default" would freeze every replica.
    settings.peering.standalone = True
    # The CRDs are there before we start, and every resource is named in full.
    settings.scanning.disabled = True
    # Kopf takes its finalizer off whatever has it, which we may not do to a PVC: no object can have this one.
    settings.persistence.finalizer = "no finalizer"
    settings.persistence.diffbase_storage = settings.persistence.progress_storage = _NoStorage()
    # A task and a queue for each object that was seen in the last seconds would be most of our memory at the start.
    settings.queueing.worker_limit = 100
    settings.queueing.idle_timeout = 0.01
    # Half-dead connections behind cloud load balancers: belt and braces beside Kopf's inactivity time-out.
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    # A page is read as one text, of four bytes each character if one of them needs them.
    settings.watching.chunk_size = 10
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    # About ten minutes of an absent API server, then let the kubelet start us anew.
    pauses = [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, *[21.0] * 28]
    settings.networking.error_backoffs = [
        pause * random.uniform(0.8, 1.2)  # noqa: S311 - spread, not secrecy
        for pause in pauses
    ]
    # Below the pod's grace period.
    settings.process.ultimate_exiting_timeout = 25


async def run(handlers: kopf.OperatorRegistry, stop: asyncio.Event, started: Callable[[], None]) -> None:
    """Run until it is to stop, or until a watch cannot be had any more.

    Args:
        handlers: what to run.
        stop: set when it is to stop.
        started: called once Kopf has put its own signal handlers in the place of everybody else's.
    """
    ours = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=handlers,
        memories=ForgetfulMemories(),
        clusterwide=True,
        standalone=True,
        # Kopf would ask for the name of our user, which a numeric user of an image does not have.
        identity=Identity("azdiskbackup"),
        stop_flag=stop,
    )
    started()
    await kopf.run_tasks(tasks, ignored=ours)
