"""The newest known object of each key, filled by watches, lists and our own writes; found by index, not by scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is reconciled: a kind, a namespace (empty for cluster-scoped kinds) and a name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


def key_of(kind: str, raw: Raw) -> Key:
    """Return the key of a raw object."""
    metadata = raw["metadata"]
    return Key(kind, str(metadata.get("namespace") or ""), str(metadata["name"]))


Listener = Callable[[Key, Raw | None, Raw | None], None]


@dataclass(frozen=True, slots=True)
class Index:
    """A way to find objects of a kind: by each of the values that ``values`` gives for an object."""

    kind: str
    values: Callable[[Raw], Iterable[str]]


class Cache:
    """Objects by key. Listeners hear of each change with the object before and after it, None where there is none.

    Args:
        indices: how objects are found other than by their keys.
    """

    def __init__(self, indices: Iterable[Index] = ()) -> None:
        self._kinds: dict[str, dict[Key, Raw]] = {}
        self._listeners: list[Listener] = []
        # Sets that keep the order in which objects came.
        self._found: dict[Index, dict[str, dict[Key, None]]] = {index: {} for index in indices}

    def listen(self, listener: Listener) -> None:
        """Call a function at each change from now on."""
        self._listeners.append(listener)

    def get(self, key: Key) -> Raw | None:
        """Return an object, None if it does not exist."""
        return self._kinds.get(key.kind, {}).get(key)

    def find(self, index: Index, value: str) -> list[Key]:
        """Return the keys of the objects that have a value in an index."""
        return list(self._found[index].get(value, ()))

    def read(self, index: Index, value: str) -> list[Raw]:
        """Return the objects that have a value in an index."""
        objects = self._kinds.get(index.kind, {})
        return [objects[key] for key in self._found[index].get(value, ())]

    def knows(self, index: Index, value: str) -> bool:
        """Return whether any object has a value in an index."""
        return value in self._found[index]

    def put(self, kind: str, raw: Raw) -> None:
        """Take an object that was seen; one that is known already changes nothing, an older one neither."""
        key = key_of(kind, raw)
        objects = self._kinds.setdefault(kind, {})
        before = objects.get(key)
        if before is not None and not _is_newer(raw, before):
            return
        objects[key] = raw
        self._sort(key, before, raw)
        self._tell(key, before, raw)

    def remove(self, key: Key, uid: str | None = None) -> None:
        """Forget an object that is gone; with a uid only that very one, not its successor of the same name."""
        before = self._kinds.get(key.kind, {}).get(key)
        if before is None or (uid is not None and before["metadata"].get("uid") != uid):
            return
        del self._kinds[key.kind][key]
        self._sort(key, before, None)
        self._tell(key, before, None)

    def replace(self, kind: str, listed: Iterable[Raw], known_before: frozenset[Key]) -> None:
        """Take a whole list; what was known before it began and is not in it has vanished."""
        seen = set()
        for raw in listed:
            seen.add(key_of(kind, raw))
            self.put(kind, raw)
        for key in known_before - seen:
            self.remove(key)

    def keys(self, kind: str) -> frozenset[Key]:
        """Return the keys of a kind."""
        return frozenset(self._kinds.get(kind, {}))

    def _sort(self, key: Key, before: Raw | None, after: Raw | None) -> None:
        for index, found in self._found.items():
            if index.kind != key.kind:
                continue
            old = set(index.values(before)) if before is not None else set()
            new = set(index.values(after)) if after is not None else set()
            for value in old - new:
                del found[value][key]
                if not found[value]:
                    del found[value]
            for value in new - old:
                found.setdefault(value, {})[key] = None

    def _tell(self, key: Key, before: Raw | None, after: Raw | None) -> None:
        for listener in self._listeners:
            listener(key, before, after)


def _is_newer(raw: Raw, known: Raw) -> bool:
    new, old = raw["metadata"], known["metadata"]
    # Also between an object and its successor of the same name: a late event of the old one must not replace the new.
    # Opaque by contract, but comparable since Kubernetes 1.35 says so (KEP-5504) and in practice always.
    return int(new["resourceVersion"]) > int(old["resourceVersion"])
