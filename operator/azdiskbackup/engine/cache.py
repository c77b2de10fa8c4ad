"""The newest known object of each key, filled by watches, lists and our own writes; found by index, not by scans."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, TypeAlias

import msgspec
import structlog

from azdiskbackup.compression import Packing, unpack

Raw = Mapping[str, Any]

# Of an object that lacks what it would be found by.
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)

_log = structlog.get_logger("azdiskbackup.engine")


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
    return Key(kind, intern(str(metadata.get("namespace") or "")), str(metadata["name"]))


Listener = Callable[[Key, Raw | None, Raw | None], None]


@dataclass(frozen=True, slots=True)
class Index:
    """A way to find objects of a kind: by each of the values that ``values`` gives for an object."""

    kind: str
    values: Callable[[Raw], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Queue:
    """An order of the objects of a kind that are about one thing, in which each has to know only its neighbours.

    Attributes:
        place: what an object is about, and its place among those; None for one that does not queue.
    """

    kind: str
    place: Callable[[Raw], tuple[str, str] | None]


@dataclass(frozen=True, slots=True)
class _Packed:
    """An object as it is kept: many thousand trees of small Python objects would be most of our memory.

    Attributes:
        key: the one that all who keep a key of this object are given.
        content: its text, packed by a model.
    """

    key: Key
    version: int
    content: bytes
    model: bytes

    def unpack(self) -> Raw:
        raw: Raw = msgspec.json.decode(unpack(self.content, self.model))
        return raw


# By the hash of a value, since the values are long: two that share one would only be found together. Most have one
# object; more are in a dict, for a set forgets the order in which they came.
_Found: TypeAlias = dict[int, Key | dict[Key, None]]
_Lines: TypeAlias = dict[int, list[tuple[str, Key]]]


class Cache:
    """Objects by key. Listeners hear of each change with the object before and after it, None where there is none.

    Args:
        indices: how objects are found other than by their keys.
        queues: in what order objects are about one thing.
    """

    def __init__(self, indices: Iterable[Index] = (), queues: Iterable[Queue] = ()) -> None:
        self._kinds: dict[str, dict[Key, _Packed]] = {}
        self._packings: dict[str, Packing] = {}
        self._listeners: list[Listener] = []
        self._found: dict[Index, _Found] = {index: {} for index in indices}
        self._lines: dict[Queue, _Lines] = {queue: {} for queue in queues}

    def listen(self, listener: Listener, known: Iterable[str] = ()) -> None:
        """Call a function at each change from now on, and first with the objects of some kinds as they are known."""
        for kind in known:
            for key in self.keys(kind):
                _tell(listener, key, None, self.get(key))
        self._listeners.append(listener)

    def get(self, key: Key) -> Raw | None:
        """Return an object, None if it does not exist."""
        packed = self._kinds.get(key.kind, {}).get(key)
        return packed.unpack() if packed is not None else None

    def has(self, key: Key) -> bool:
        """Return whether an object exists."""
        return key in self._kinds.get(key.kind, {})

    def find(self, index: Index, value: str) -> list[Key]:
        """Return the keys of the objects that have a value in an index."""
        found = self._found[index].get(hash(value), ())
        return [found] if isinstance(found, Key) else list(found)

    def count(self, index: Index, value: str) -> int:
        """Return how many objects have a value in an index."""
        found = self._found[index].get(hash(value), ())
        return 1 if isinstance(found, Key) else len(found)

    def read(self, index: Index, value: str) -> Iterator[Raw]:
        """Yield the objects that have a value in an index; nothing may be awaited meanwhile."""
        objects = self._kinds.get(index.kind, {})
        for key in self.find(index, value):
            yield objects[key].unpack()

    def knows(self, index: Index, value: str) -> bool:
        """Return whether any object has a value in an index."""
        return hash(value) in self._found[index]

    def ahead(self, queue: Queue, raw: Raw) -> Key | None:
        """Return who is right before the place of an object, whether it stands there or not."""
        line, mine = self._line(queue, raw)
        position = bisect_left(line, mine)
        return line[position - 1][1] if position else None

    def behind(self, queue: Queue, raw: Raw) -> Key | None:
        """Return who is right behind the place of an object, whether it stands there or not."""
        line, mine = self._line(queue, raw)
        position = bisect_left(line, mine)
        if line[position : position + 1] == [mine]:
            position += 1
        return line[position][1] if position < len(line) else None

    def read_back(self, queue: Queue, about: str) -> Iterator[Raw]:
        """Yield the objects of a queue, the last one first; nothing may be awaited meanwhile."""
        objects = self._kinds.get(queue.kind, {})
        for _, key in reversed(self._lines[queue].get(hash(about), [])):
            yield objects[key].unpack()

    def _line(self, queue: Queue, raw: Raw) -> tuple[list[tuple[str, Key]], tuple[str, Key]]:
        place = place_in(queue, raw)
        about, order = place if place is not None else ("", "")
        return self._lines[queue].get(hash(about), []), (order, key_of(queue.kind, raw))

    def put(self, kind: str, raw: Raw) -> bool:
        """Take an object that was seen; return whether it was news: one that is known is none, an older one neither."""
        key = key_of(kind, raw)
        objects = self._kinds.setdefault(kind, {})
        known = objects.get(key)
        # Opaque by contract, but comparable since Kubernetes 1.35 says so (KEP-5504) and in practice always.
        version = int(raw["metadata"]["resourceVersion"])
        # Also between an object and its successor of the same name: a late event of the old one must not replace it.
        if known is not None and version <= known.version:
            return False
        before = None
        if known is not None:
            key, before = known.key, known.unpack()
        # Never as one text of Python's, in which one character can make four bytes of each.
        packing = self._packings.setdefault(kind, Packing())
        objects[key] = _Packed(key, version, *packing.pack(msgspec.json.encode(raw)))
        self._changed(key, before, raw)
        return True

    def remove(self, key: Key, uid: str | None = None) -> None:
        """Forget an object that is gone; with a uid only that very one, not its successor of the same name."""
        known = self._kinds.get(key.kind, {}).get(key)
        before = known.unpack() if known is not None else None
        if before is None or uid not in (None, before["metadata"].get("uid")):
            return
        del self._kinds[key.kind][key]
        self._changed(key, before, None)

    async def replace(self, kind: str, listed: AsyncIterable[Raw]) -> int:
        """Take a whole list as it comes; what was known before it began and is not in it has vanished.

        Returns:
            How much in it was news.
        """
        before, seen, news = dict(self._kinds.get(kind, {})), set(), 0
        async for raw in listed:
            seen.add(key_of(kind, raw))
            news += self.put(kind, raw)
        for key in before.keys() - seen:
            # One that was made again meanwhile is another one.
            if self._kinds[kind].get(key) is before[key]:
                self.remove(key)
                news += 1
        return news

    def keys(self, kind: str) -> frozenset[Key]:
        """Return the keys of a kind."""
        return frozenset(self._kinds.get(kind, {}))

    def _changed(self, key: Key, before: Raw | None, after: Raw | None) -> None:
        for index, found in self._found.items():
            if index.kind == key.kind:
                _sort(found, key, _values(index, before), _values(index, after))
        for queue, lines in self._lines.items():
            if queue.kind == key.kind:
                _line_up(lines, key, place_in(queue, before), place_in(queue, after))
        for listener in self._listeners:
            _tell(listener, key, before, after)


def _tell(listener: Listener, key: Key, before: Raw | None, after: Raw | None) -> None:
    try:
        listener(key, before, after)
    except Exception:
        # What one cannot read must not keep the others from hearing of it.
        _log.exception("a change was not understood", about=str(key))


def _values(index: Index, raw: Raw | None) -> set[int]:
    try:
        return {hash(value) for value in index.values(raw)} if raw is not None else set()
    except UNREADABLE:
        return set()


def place_in(queue: Queue, raw: Raw | None) -> tuple[str, str] | None:
    """Return the place of an object in a queue; None where it does not queue, or cannot be read."""
    try:
        return queue.place(raw) if raw is not None else None
    except UNREADABLE:
        return None


def _line_up(lines: _Lines, key: Key, old: tuple[str, str] | None, new: tuple[str, str] | None) -> None:
    if old == new:
        return
    if old is not None:
        line = lines[hash(old[0])]
        del line[bisect_left(line, (old[1], key))]
        if not line:
            del lines[hash(old[0])]
    if new is not None:
        insort(lines.setdefault(hash(new[0]), []), (intern(new[1]), key))


def _sort(found: _Found, key: Key, old: set[int], new: set[int]) -> None:
    for value in old - new:
        known = found[value]
        if isinstance(known, Key) or len(known) == 1:
            del found[value]
        else:
            del known[key]
    for value in new - old:
        known = found.setdefault(value, key)
        if isinstance(known, dict):
            known[key] = None
        elif known != key:
            found[value] = {known: None, key: None}
