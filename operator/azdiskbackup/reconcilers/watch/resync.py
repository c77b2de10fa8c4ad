"""Our own list of everything, at the start and now and then: no watch tells what vanished, or that it is deaf."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.engine.clock import Clock
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.watched import WATCHED

RESYNC = Key("Resync", "", "all")
_BLIND_AFTER = 2


class Resync:
    """Lists all that is watched; what changed unseen, or vanished, reaches the listeners of the cache then."""

    def __init__(self, kube: KubeClient, cache: Cache, clock: Clock, every: timedelta) -> None:
        self._kube = kube
        self._cache = cache
        self._clock = clock
        self._every = every
        # How many lists in a row told what the watch of a kind had not, which meanwhile told nothing at all.
        self._unseen: Counter[str] = Counter()
        self._heard: set[str] = set()

    def on_watch_event(self, kind: str) -> None:
        """Take note that the watch of a kind told something."""
        self._heard.add(kind)

    @property
    def silent_watch(self) -> str | None:
        """Return a kind whose watch is open and tells nothing of what happens, None if there is none."""
        return next((kind for kind, rounds in self._unseen.items() if rounds >= _BLIND_AFTER), None)

    async def load(self) -> None:
        """Take a full list of everything into the cache."""
        for resource in WATCHED:
            await self._cache.replace(resource.kind, self._kube.list_all(resource))

    async def reconcile(self, key: Key) -> datetime | None:
        """List again, and come back after a while.

        Objects that did not change are left alone: each said itself when it has to be looked at again, and a look
        before costs a call to Azure.
        """
        for resource in WATCHED:
            news = await self._cache.replace(resource.kind, self._kube.list_all(resource))
            # One change may be on its way at this very moment; that nothing else came either is what tells.
            if news and resource.kind not in self._heard:
                self._unseen[resource.kind] += 1
            else:
                del self._unseen[resource.kind]
        self._heard.clear()
        return self._clock.now() + self._every
