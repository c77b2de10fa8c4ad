"""An API server in memory, as a client sees it: paths, verbs, patches, pages, errors.

It does what the tests of the operator need, and that as the real one does: ``tests/contract/test_api_server.py`` asks
both the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from azdiskbackup.errors import Unavailable
from azdiskbackup.kube.exchange import Answer
from harness import manifests
from world.admission import Admission
from world.binder import VolumeBinder
from world.managers import FieldManagers
from world.schema import Schema
from world.store import ApiError, Json, Place, Resource, Store, copy_of

ROOT = Path(__file__).resolve().parents[2]
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
# Who does not say in whose name it writes.
_UNNAMED = "unknown"

_BUILT_IN = (
    Resource("Namespace", "", "v1", "namespaces", namespaced=False),
    Resource("PersistentVolume", "", "v1", "persistentvolumes", namespaced=False),
    Resource("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", namespaced=True),
    Resource("Event", "events.k8s.io", "v1", "events", namespaced=True, has_status=False),
    Resource("Lease", "coordination.k8s.io", "v1", "leases", namespaced=True, has_status=False),
    Resource("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False),
)
DEFINITIONS: tuple[Json, ...] = tuple(
    manifests.read(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))
)


def _custom() -> tuple[Resource, ...]:
    found = []
    for definition in DEFINITIONS:
        spec = definition["spec"]
        names, namespaced = spec["names"], spec["scope"] == "Namespaced"
        version = spec["versions"][0]["name"]
        schema = Schema(definition)
        found.append(Resource(names["kind"], spec["group"], version, names["plural"], namespaced, schema))
    return tuple(found)


RESOURCES = (*_BUILT_IN, *_custom())
BY_KIND = {each.kind: each for each in RESOURCES}
_BY_PATH = {(each.group, each.version, each.plural): each for each in RESOURCES}


class ApiServer:
    """One API server.

    Args:
        now: the time.
        new_uid: makes uids.
    """

    def __init__(self, now: Callable[[], datetime], new_uid: Callable[[], str]) -> None:
        self.store = Store(now, new_uid)
        self._now = now
        self.admission = Admission()
        self._managers = FieldManagers()
        self.binder = VolumeBinder(self.store, BY_KIND["PersistentVolume"], BY_KIND["PersistentVolumeClaim"])
        for each in DEFINITIONS:
            self.store.create(BY_KIND["CustomResourceDefinition"], "", each)

    def answer(self, method: str, path: str, body: object, content_type: str) -> Answer:
        """Answer a request; all that it does is done when this returns."""
        try:
            status, found = self._carry_out(method, path, body, content_type)
        except ApiError as refusal:
            status, found = refusal.status, _status(refusal)
        headers = {"Content-Type": "application/json", "Date": f"{self._now():%a, %d %b %Y %H:%M:%S GMT}"}
        return Answer(status, json.dumps(found).encode(), headers)

    def _carry_out(self, method: str, path: str, body: object, content_type: str) -> tuple[int, Json]:
        split = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        if split.path == "/version":
            return 200, {"gitVersion": "v1.35.0-in-memory"}
        resource, namespace, name, subresource = _parse(split.path)
        given = body if isinstance(body, dict) else {}
        place, manager = (namespace, name), query.get("fieldManager", _UNNAMED)
        if content_type == APPLY and method == "PATCH":
            return self._apply(resource, place, given, manager)
        before = self._managed(resource, place) if method in ("PUT", "PATCH") and not subresource else None
        status, found = self._write_or_read(
            method, resource, (namespace, name, subresource), given, content_type, query
        )
        if before is not None:
            self._managers.changed(resource, place, before, found, manager)
        elif method == "POST" and resource.schema is not None:
            self._managers.made(resource, (namespace, found["metadata"]["name"]), found, manager)
        return status, found

    def _managed(self, resource: Resource, place: Place) -> Json | None:
        """Return an object whose fields have managers; None where it has none, or there is none."""
        if resource.schema is None:
            return None
        try:
            return self.store.get(resource, place)
        except ApiError:
            return None

    def _apply(self, resource: Resource, place: Place, given: Json, manager: str) -> tuple[int, Json]:
        held = self._managed(resource, place)
        if held is None:
            self.admission.check(resource, place[0], given, self.store.list(resource, place[0], {}))
            status, found = 201, self.store.create(resource, place[0], given)
            self._managers.note_made_by_apply(resource, place)
        else:
            wanted = self._managers.applied(resource, place, held, given, manager)
            status, found = 200, self.store.update(resource, place, wanted)
        self._managers.note_applied(resource, place, given, manager)
        found["metadata"]["managedFields"] = self._managers.managed_fields(resource, place)
        return status, found

    def _write_or_read(
        self,
        method: str,
        resource: Resource,
        where: tuple[str, str, str],
        given: Json,
        content_type: str,
        query: Mapping[str, str],
    ) -> tuple[int, Json]:
        namespace, name, subresource = where
        match method:
            case "GET" if not name:
                return 200, self._list(resource, namespace, query)
            case "GET":
                return 200, self.store.get(resource, (namespace, name))
            case "POST":
                self.admission.check(resource, namespace, given, self.store.list(resource, namespace, {}))
                return 201, self.store.create(resource, namespace, given)
            case "PUT":
                return 200, self._replace(resource, (namespace, name), given, subresource)
            case "PATCH":
                return 200, self._patch(resource, (namespace, name), given, subresource, content_type)
            case "DELETE":
                only = given.get("preconditions") or {}
                return 200, self._delete(resource, (namespace, name), only.get("uid"), only.get("resourceVersion"))
            case _:
                raise ApiError(405, "MethodNotAllowed", f"{method} is not supported")

    def _list(self, resource: Resource, namespace: str, query: Mapping[str, str]) -> Json:
        labels = dict(each.split("=", 1) for each in query.get("labelSelector", "").split(",") if each)
        found = list(self.store.list(resource, namespace, labels))
        for each in filter(None, query.get("fieldSelector", "").split(",")):
            field, _, value = each.partition("=")
            found = [item for item in found if str(item["metadata"].get(field.removeprefix("metadata."))) == value]
        start, limit = int(query.get("continue") or 0), int(query.get("limit") or 0)
        page = found[start : start + limit] if limit else found[start:]
        metadata: Json = {"resourceVersion": self.store.version}
        if start + len(page) < len(found):
            metadata["continue"] = str(start + len(page))
        return {
            "apiVersion": resource.api_version,
            "kind": f"{resource.kind}List",
            "metadata": metadata,
            "items": page,
        }

    def _replace(self, resource: Resource, place: Place, wanted: Json, subresource: str) -> Json:
        if resource.schema is not None and not (wanted.get("metadata") or {}).get("resourceVersion"):
            told = "metadata.resourceVersion: Invalid value: must be specified for an update"
            raise ApiError(422, "Invalid", f'{resource.kind} "{place[1]}" is invalid: {told}')
        return self.store.update(resource, place, wanted, subresource)

    def _patch(self, resource: Resource, place: Place, patch: Json, subresource: str, content_type: str) -> Json:
        if content_type != MERGE:
            raise ApiError(415, "UnsupportedMediaType", f"{content_type} is not served")
        held = self.store.get(resource, place)
        wanted = merged(held, patch)
        # A patch is tested against the version that it names; without one, it is of whichever version there is.
        told = patch.get("metadata") or {}
        for name in ("resourceVersion", "uid"):
            wanted["metadata"][name] = told.get(name) or held["metadata"][name]
        return self.store.update(resource, place, wanted, subresource)

    def _delete(self, resource: Resource, place: Place, uid: str | None, version: str | None) -> Json:
        found = self.store.delete(resource, place, uid, version)
        if resource.kind == "Namespace":
            self._empty(place[1])
        elif place[0]:
            self._finish_if_empty(place[0])
        return found

    # --- the controller of namespaces ---------------------------------------------------------------

    def _empty(self, namespace: str) -> None:
        for resource in RESOURCES:
            if resource.namespaced:
                for each in list(self.store.list(resource, namespace, {})):
                    self.store.delete(resource, (namespace, each["metadata"]["name"]))
        self._finish_if_empty(namespace)

    def _finish_if_empty(self, namespace: str) -> None:
        spaces = BY_KIND["Namespace"]
        try:
            found = self.store.get(spaces, ("", namespace))
        except ApiError:
            return
        if "deletionTimestamp" not in found["metadata"]:
            return
        if not any(any(self.store.list(each, namespace, {})) for each in RESOURCES if each.namespaced):
            self.store.finish(spaces, ("", namespace))

    def settle(self) -> None:
        """Do what controllers do by now: bind volumes, and remove the namespaces that are to go and are empty."""
        self.binder.settle()
        for each in list(self.store.list(BY_KIND["Namespace"], "", {})):
            self._finish_if_empty(each["metadata"]["name"])


def merged(held: Json, patch: Mapping[str, Any]) -> Json:
    """Return an object after a JSON merge patch (RFC 7386)."""
    found = copy_of(held)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping):
            below = found.get(name)
            found[name] = merged(below if isinstance(below, dict) else {}, value)
        else:
            found[name] = copy_of(value)
    return found


def _parse(path: str) -> tuple[Resource, str, str, str]:
    """Return resource, namespace, name and subresource of a path."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource = _BY_PATH.get((group, version, rest[0]))
    if resource is None:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    return resource, namespace, rest[1] if len(rest) > 1 else "", rest[2] if len(rest) > 2 else ""


def _status(refusal: ApiError) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": refusal.reason,
        "message": refusal.message,
        "code": refusal.status,
    }


class InMemoryExchange:
    """Carries requests to an API server in memory.

    Args:
        server: answers.
        before: is called before each request, and may fail or wait: an API server that is away, or slow.
    """

    def __init__(self, server: ApiServer, before: Callable[[str, str], Any] | None = None) -> None:
        self._server = server
        self._before = before

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    async def send(self, method: str, path: str, body: object, content_type: str, seconds: float) -> Answer:
        if self._before is not None:
            try:
                await self._before(method, path)
            except ConnectionError as error:
                raise Unavailable("ConnectionError", str(error)) from error
        # As it goes over a wire: nobody shares what the server keeps.
        sent = json.loads(json.dumps(body)) if body is not None else None
        answer = self._server.answer(method, path, sent, content_type)
        self._server.settle()
        return answer
