"""Events: what a person hears of an object. The same thing said again raises the count of the event that said it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import quote

from azdiskbackup import correlation
from azdiskbackup.api.v1alpha1.names import GROUP, VERSION
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.kube.client import KubeClient, NotFoundError

CORRELATION = f"{GROUP}/correlation-id"

# For as long as the API server keeps an event, unless it was told otherwise.
_SAME_FOR = timedelta(hours=1)
_REMEMBERED = 2000

# Whom it is about, its type, its reason, and what it says: the API server lets none of them change.
_Said: TypeAlias = tuple[str, str, str, str]


@dataclass(slots=True)
class _Posted:
    path: str
    count: int
    last: datetime


class Events:
    """Posts events. What was said lately is known to this process alone: after a restart it is said anew."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._lately: OrderedDict[_Said, _Posted] = OrderedDict()

    async def post(self, resource: Resource, *, warning: bool, reason: str, note: str, now: datetime) -> None:
        """Post an event about an object, or count it on the one that said the same within the hour."""
        type_ = "Warning" if warning else "Normal"
        said = (resource.uid, type_, reason, note)
        before = self._lately.pop(said, None)
        if before is None or now - before.last > _SAME_FOR or not await self._counted(before, now):
            before = _Posted(await self._new(resource, type_, reason, note, now), 1, now)
        self._lately[said] = before
        if len(self._lately) > _REMEMBERED:
            self._lately.popitem(last=False)

    async def _counted(self, before: _Posted, now: datetime) -> bool:
        series = {"count": before.count + 1, "lastObservedTime": _micro(now)}
        try:
            await self._kube.merge(before.path, {"series": series})
        except NotFoundError:
            return False
        before.count, before.last = before.count + 1, now
        return True

    async def _new(self, resource: Resource, type_: str, reason: str, note: str, now: datetime) -> str:
        namespace = resource.namespace or "default"
        path = f"/apis/events.k8s.io/v1/namespaces/{quote(namespace)}/events"
        traced = correlation.current()
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "generateName": f"{resource.name[:200].rstrip('.-')}-",
                "namespace": namespace,
                "annotations": {CORRELATION: traced} if traced else None,
            },
            "eventTime": _micro(now),
            "reportingController": GROUP,
            "reportingInstance": "azdiskbackup",
            "type": type_,
            "reason": reason[:128],
            "action": "Reconcile",
            # The API server counts bytes.
            "note": note.encode()[:1024].decode(errors="ignore"),
            "regarding": {
                "apiVersion": resource.raw.get("apiVersion") or f"{GROUP}/{VERSION}",
                "kind": resource.raw["kind"],
                "name": resource.name,
                "namespace": resource.namespace or None,
                "uid": resource.uid,
                "resourceVersion": resource.meta["resourceVersion"],
            },
        }
        return f"{path}/{quote((await self._kube.create(path, body))['metadata']['name'])}"


def _micro(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S.%fZ}"
