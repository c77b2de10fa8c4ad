"""Objects that go because their whole kind goes: they are let go, and Azure is not asked.

Who deletes a CustomResourceDefinition (an uninstallation that does not keep them, a person) has said nothing about
backups, and all objects of the kind are deleted with it.
"""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1 import KINDS
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.engine.workers import Reconcile
from azdiskbackup.kube import crds as definitions
from azdiskbackup.kube.client import KubeClient, NotFoundError
from azdiskbackup.reconcilers.common.status_writer import StatusWriter

_KINDS = {kind.name: kind for kind in KINDS}


class CrdDeletionGuard:
    """Looks at an object's kind before the object is reconciled that is about to be deleted."""

    def __init__(self, kube: KubeClient, cache: Cache, status_writer: StatusWriter) -> None:
        self._kube = kube
        self._cache = cache
        self._status_writer = status_writer
        # The uids of those that were deleted by themselves, which stays true of them: asked once.
        self._by_themselves: dict[Key, str] = {}

    def wrap(self, reconcile: Reconcile) -> Reconcile:
        """Return a reconciler that looks first."""

        async def look_first(key: Key) -> datetime | None:
            raw = self._cache.get(key)
            if raw is None:
                self._by_themselves.pop(key, None)
            elif await self._goes_with_its_kind(key, Resource(raw)):
                await self._status_writer.release(Resource(raw))
                return None
            return await reconcile(key)

        return look_first

    async def _goes_with_its_kind(self, key: Key, resource: Resource) -> bool:
        if not resource.deleting or self._by_themselves.get(key) == resource.uid:
            return False
        try:
            found = await self._kube.get(definitions.path_of(_KINDS[key.kind]))
        except NotFoundError:
            return True
        # The definition was marked first: an object that was deleted before it says what becomes of its backups.
        if found["metadata"].get("deletionTimestamp"):
            return True
        self._by_themselves[key] = resource.uid
        return False
