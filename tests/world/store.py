"""The objects of an API server in memory: versions, generations, finalizers, and what watches hear of each change."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from world.schema import Schema

Json = dict[str, Any]
Place = tuple[str, str]


ValueT = TypeVar("ValueT")


def copy_of(value: ValueT) -> ValueT:
    """Return a JSON value that shares nothing with another one; far faster than a deep copy."""
    copy: ValueT = msgspec.json.decode(msgspec.json.encode(value))
    return copy


@dataclass(frozen=True)
class ApiError(Exception):
    """An answer that refuses, in the words of the API server."""

    status: int
    reason: str
    message: str


@dataclass(frozen=True)
class Resource:
    """A resource that is served.

    Attributes:
        schema: of a custom resource; None for what the API server brings itself, whose schema is not checked.
        has_status: whether status is a subresource.
    """

    kind: str
    group: str
    version: str
    plural: str
    namespaced: bool
    schema: Schema | None = None
    has_status: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


# Type (ADDED, MODIFIED, DELETED), resource, object.
Watcher = Callable[[str, Resource, Json], None]


class Store:
    """All objects.

    Args:
        now: the time.
        new_uid: makes uids; the same ones in each run of the same seed.
    """

    def __init__(self, now: Callable[[], datetime], new_uid: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._now = now
        self._new_uid = new_uid
        self._objects: dict[Resource, dict[Place, Json]] = {}
        self._version = 100
        self._names = 0
        self.watchers: list[Watcher] = []
        # How often an object was written, by resource and subresource: what a real one has in its audit log.
        self.writes: list[tuple[str, str, Place]] = []

    @property
    def version(self) -> str:
        """Return the version of the newest change."""
        return str(self._version)

    def get(self, resource: Resource, place: Place) -> Json:
        """Return an object."""
        found = self._objects.get(resource, {}).get(place)
        if found is None:
            raise ApiError(404, "NotFound", f'{resource.qualified} "{place[1]}" not found')
        return copy_of(found)

    def list(self, resource: Resource, namespace: str, labels: Mapping[str, str]) -> Iterator[Json]:
        """Yield the objects of a namespace, or all, that have labels."""
        for place, each in sorted(self._objects.get(resource, {}).items()):
            if namespace not in ("", place[0]):
                continue
            held = each["metadata"].get("labels") or {}
            if all(held.get(key) == value for key, value in labels.items()):
                yield copy_of(each)

    def create(self, resource: Resource, namespace: str, raw: Json) -> Json:
        """Store a new object; return it as it is stored."""
        wanted = copy_of(raw)
        metadata = wanted.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            self._names += 1
            metadata["name"] = f"{metadata['generateName']}{self._names:05d}"
        if not metadata.get("name"):
            raise ApiError(422, "Invalid", f"{resource.kind} is invalid: name or generateName is required")
        place = (namespace, str(metadata["name"]))
        if place in self._objects.get(resource, {}):
            raise ApiError(409, "AlreadyExists", f'{resource.qualified} "{place[1]}" already exists')
        self._namespace_takes_more(resource, namespace)
        if resource.has_status and resource.schema is not None:
            wanted.pop("status", None)
        wanted |= {"apiVersion": resource.api_version, "kind": resource.kind}
        for told in ("uid", "resourceVersion", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"):
            metadata.pop(told, None)
        metadata |= {"uid": self._new_uid(), "creationTimestamp": _wire(self._now()), "generation": 1}
        if namespace:
            metadata["namespace"] = namespace
        stored = self._admitted(resource, wanted, None)
        return self._put(resource, place, stored, "ADDED")

    def _namespace_takes_more(self, resource: Resource, namespace: str) -> None:
        if not namespace:
            return
        spaces = next((each for each in self._objects if each.kind == "Namespace"), None)
        found = self._objects[spaces].get(("", namespace)) if spaces is not None else None
        if found is None:
            raise ApiError(404, "NotFound", f'namespaces "{namespace}" not found')
        if "deletionTimestamp" in found["metadata"]:
            message = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise ApiError(403, "Forbidden", f"{resource.qualified} is forbidden: {message}")

    def update(self, resource: Resource, place: Place, wanted: Json, subresource: str = "") -> Json:
        """Replace an object, or its status, if the version that it names is the current one."""
        held = self._objects.get(resource, {}).get(place)
        if held is None:
            raise ApiError(404, "NotFound", f'{resource.qualified} "{place[1]}" not found')
        self._is_current(resource, held, wanted)
        after = self._merged(resource, held, wanted, subresource)
        if "deletionTimestamp" in held["metadata"] and _new_finalizers(held, after):
            raise ApiError(422, "Invalid", f'{resource.kind} "{place[1]}" is invalid: no new finalizers while deleting')
        stored = self._admitted(resource, after, held)
        self.writes.append((resource.plural, subresource, place))
        if _comparable(stored) == _comparable(held):
            # Nothing that is written changes no version, and no watch hears of it.
            return copy_of(held)
        if stored.get("spec") != held.get("spec"):
            stored["metadata"]["generation"] = held["metadata"]["generation"] + 1
        if "deletionTimestamp" in stored["metadata"] and not stored["metadata"].get("finalizers"):
            return self._remove(resource, place, stored)
        return self._put(resource, place, stored, "MODIFIED")

    def _is_current(self, resource: Resource, held: Json, wanted: Json) -> None:
        metadata, known = wanted.get("metadata") or {}, held["metadata"]
        if metadata.get("uid") not in (None, known["uid"]):
            told = f"the UID in the precondition ({metadata['uid']}) does not match the UID in record ({known['uid']})"
            raise ApiError(409, "Conflict", f"Operation cannot be fulfilled on {resource.qualified}: {told}")
        if metadata.get("resourceVersion") not in (None, "", known["resourceVersion"]):
            told = "the object has been modified; please apply your changes to the latest version and try again"
            raise ApiError(
                409, "Conflict", f'Operation cannot be fulfilled on {resource.qualified} "{known["name"]}": {told}'
            )

    def _merged(self, resource: Resource, held: Json, wanted: Json, subresource: str) -> Json:
        """Return what a write may change: status by its subresource, everything else without."""
        after = copy_of(held)
        if subresource == "status":
            after.pop("status", None)
            if "status" in wanted:
                after["status"] = copy_of(wanted["status"])
            return after
        kept = {"apiVersion", "kind", "metadata"} | ({"status"} if resource.has_status else set())
        after = {name: value for name, value in after.items() if name in kept}
        after |= {name: copy_of(value) for name, value in wanted.items() if name not in kept}
        theirs = wanted.get("metadata") or {}
        for name in ("labels", "annotations", "finalizers", "ownerReferences"):
            after["metadata"].pop(name, None)
            if theirs.get(name):
                after["metadata"][name] = copy_of(theirs[name])
        return after

    def delete(self, resource: Resource, place: Place, uid: str | None = None, version: str | None = None) -> Json:
        """Delete an object, or mark it when it has finalizers."""
        held = self._objects.get(resource, {}).get(place)
        if held is None:
            raise ApiError(404, "NotFound", f'{resource.qualified} "{place[1]}" not found')
        self._is_current(resource, held, {"metadata": {"uid": uid, "resourceVersion": version}})
        self.writes.append((resource.plural, "", place))
        after = copy_of(held)
        if not held["metadata"].get("finalizers") and resource.kind != "Namespace":
            return self._remove(resource, place, after)
        if "deletionTimestamp" in held["metadata"]:
            return copy_of(held)
        # A deletion is a new generation.
        after["metadata"] |= {
            "deletionTimestamp": _wire(self._now()),
            "deletionGracePeriodSeconds": 0,
            "generation": held["metadata"]["generation"] + 1,
        }
        return self._put(resource, place, after, "MODIFIED")

    def finish(self, resource: Resource, place: Place) -> None:
        """Remove an object whatever its finalizers say, as the controller of namespaces does with an empty one."""
        self._remove(resource, place, self.get(resource, place))

    def _admitted(self, resource: Resource, wanted: Json, held: Json | None) -> Json:
        if resource.schema is None:
            return without_nulls(wanted)
        stored, errors = resource.schema.admit(wanted, held)
        if errors:
            name = wanted["metadata"]["name"]
            raise ApiError(422, "Invalid", f'{resource.kind}.{resource.group} "{name}" is invalid: {"; ".join(errors)}')
        return stored

    def _put(self, resource: Resource, place: Place, stored: Json, how: str) -> Json:
        self._version += 1
        stored["metadata"]["resourceVersion"] = str(self._version)
        self._objects.setdefault(resource, {})[place] = stored
        if how == "ADDED":
            self.writes.append((resource.plural, "", place))
        self._tell(how, resource, stored)
        return copy_of(stored)

    def _remove(self, resource: Resource, place: Place, last: Json) -> Json:
        del self._objects[resource][place]
        self._version += 1
        # What watches hear has the version of the deletion, and is otherwise as it was last.
        last["metadata"]["resourceVersion"] = str(self._version)
        self._tell("DELETED", resource, last)
        return copy_of(last)

    def _tell(self, how: str, resource: Resource, raw: Json) -> None:
        for watcher in list(self.watchers):
            watcher(how, resource, copy_of(raw))


def without_nulls(raw: Json) -> Json:
    """Return an object as one with a type is stored: a field that is null is not there."""
    found = {name: without_nulls(value) if isinstance(value, dict) else value for name, value in raw.items()}
    return {name: value for name, value in found.items() if value is not None}


def _new_finalizers(held: Json, after: Json) -> bool:
    return bool(set(after["metadata"].get("finalizers") or ()) - set(held["metadata"].get("finalizers") or ()))


def _comparable(raw: Json) -> Json:
    metadata = {key: value for key, value in raw["metadata"].items() if key != "resourceVersion"}
    return {**raw, "metadata": metadata}


def _wire(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
