"""Our own list of everything, at the start and now and then: no watch tells what vanished, or that it is deaf."""

from __future__ import annotations

from datetime import datetime, timedelta

from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.engine.clock import Clock
from azdiskbackup.engine.queue import WorkQueue
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.resources import WATCHED
from azdiskbackup.reconcilers.dependents import OURS

RESYNC = Key("Resync", "", "all")


class Resync:
    """Lists all that is watched, and has every object of ours looked at."""

    def __init__(self, kube: KubeClient, cache: Cache, queue: WorkQueue[Key], clock: Clock, every: timedelta) -> None:
        self._kube = kube
        self._cache = cache
        self._queue = queue
        self._clock = clock
        self._every = every

    async def load(self) -> None:
        """Take a full list of everything into the cache."""
        for resource in WATCHED:
            known = self._cache.keys(resource.kind)
            listed = [each async for each in self._kube.list_all(resource)]
            self._cache.replace(resource.kind, listed, known)

    async def reconcile(self, key: Key) -> datetime | None:
        """List again, have everything looked at, and come back after a while."""
        await self.load()
        for kind in OURS:
            for known in self._cache.keys(kind):
                self._queue.add(known)
        return self._clock.now() + self._every
