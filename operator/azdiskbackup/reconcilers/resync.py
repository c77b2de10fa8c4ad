"""Our own list of everything, at the start and now and then: no watch tells what vanished, or that it is deaf."""

from __future__ import annotations

from datetime import datetime, timedelta

from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.engine.clock import Clock
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.resources import WATCHED

RESYNC = Key("Resync", "", "all")


class Resync:
    """Lists all that is watched; what changed unseen, or vanished, reaches the listeners of the cache then."""

    def __init__(self, kube: KubeClient, cache: Cache, clock: Clock, every: timedelta) -> None:
        self._kube = kube
        self._cache = cache
        self._clock = clock
        self._every = every

    async def load(self) -> None:
        """Take a full list of everything into the cache."""
        for resource in WATCHED:
            await self._cache.replace(resource.kind, self._kube.list_all(resource))

    async def reconcile(self, key: Key) -> datetime | None:
        """List again, and come back after a while.

        Objects that did not change are left alone: each said itself when it has to be looked at again, and a look
        before costs a call to Azure.
        """
        await self.load()
        return self._clock.now() + self._every
