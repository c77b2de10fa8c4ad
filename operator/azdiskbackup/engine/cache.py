"""The newest known object of each key, filled by watches, lists and our own writes."""

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


class Cache:
    """Objects by key. Listeners hear of each change with the object before and after it, None where there is none."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[Key, Raw]] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call a function at each change from now on."""
        self._listeners.append(listener)

    def get(self, key: Key) -> Raw | None:
        """Return an object, None if it does not exist."""
        return self._kinds.get(key.kind, {}).get(key)

    def all(self, kind: str) -> Iterable[Raw]:
        """Return all objects of a kind."""
        return list(self._kinds.get(kind, {}).values())

    def put(self, kind: str, raw: Raw) -> None:
        """Take an object that was seen; one that is known already changes nothing, an older one neither."""
        key = key_of(kind, raw)
        objects = self._kinds.setdefault(kind, {})
        before = objects.get(key)
        if before is not None and not _is_newer(raw, before):
            return
        objects[key] = raw
        self._tell(key, before, raw)

    def remove(self, key: Key, uid: str | None = None) -> None:
        """Forget an object that is gone; with a uid only that very one, not its successor of the same name."""
        before = self._kinds.get(key.kind, {}).get(key)
        if before is None or (uid is not None and before["metadata"].get("uid") != uid):
            return
        del self._kinds[key.kind][key]
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

    def _tell(self, key: Key, before: Raw | None, after: Raw | None) -> None:
        for listener in self._listeners:
            listener(key, before, after)


def _is_newer(raw: Raw, known: Raw) -> bool:
    new, old = raw["metadata"], known["metadata"]
    # Also between an object and its successor of the same name: a late event of the old one must not replace the new.
    # Opaque by contract, but comparable since Kubernetes 1.35 says so (KEP-5504) and in practice always.
    return int(new["resourceVersion"]) > int(old["resourceVersion"])
