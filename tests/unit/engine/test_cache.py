from collections.abc import AsyncIterator
from typing import Any

import pytest

from azdiskbackup.engine.cache import Cache, Index, Key, Queue, Raw


def raw(name: str, version: int, uid: str = "u1", namespace: str = "ns") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}}


def heard(cache: Cache) -> list[tuple[Key, bool, bool]]:
    news: list[tuple[Key, bool, bool]] = []
    cache.listen(lambda key, before, after: news.append((key, before is not None, after is not None)))
    return news


A = Key("Thing", "ns", "a")


def test_new_changed_and_removed_objects_are_told() -> None:
    cache = Cache()
    news = heard(cache)
    cache.put("Thing", raw("a", 1))
    cache.put("Thing", raw("a", 2))
    cache.remove(A)
    assert news == [(A, False, True), (A, True, True), (A, True, False)]


def test_the_same_and_an_older_version_change_nothing() -> None:
    cache = Cache()
    cache.put("Thing", raw("a", 5))
    news = heard(cache)
    cache.put("Thing", raw("a", 5))
    cache.put("Thing", raw("a", 4))
    assert news == [] and cache.get(A) == raw("a", 5)


def test_a_late_event_of_a_predecessor_does_not_replace_the_successor() -> None:
    cache = Cache()
    cache.put("Thing", raw("a", 3, uid="old"))
    cache.put("Thing", raw("a", 5, uid="new"))
    cache.put("Thing", raw("a", 4, uid="old"))
    assert cache.get(A) == raw("a", 5, uid="new")


def test_the_late_deletion_of_a_predecessor_does_not_remove_the_successor() -> None:
    cache = Cache()
    cache.put("Thing", raw("a", 7, uid="new"))
    cache.remove(A, uid="old")
    assert cache.get(A) is not None


async def test_a_list_makes_what_is_not_in_it_vanish() -> None:
    cache = Cache()

    async def listed() -> AsyncIterator[dict[str, Any]]:
        yield raw("b", 2)
        # Comes through the watch while the list is under way, so it is not in the list.
        cache.put("Thing", raw("c", 9))

    cache.put("Thing", raw("a", 1))
    cache.put("Thing", raw("b", 2))
    await cache.replace("Thing", listed())
    assert {key.name for key in cache.keys("Thing")} == {"b", "c"}


async def test_what_was_made_again_while_a_list_is_read_stays() -> None:
    cache = Cache()

    async def listed() -> AsyncIterator[dict[str, Any]]:
        yield raw("b", 2)
        cache.put("Thing", raw("a", 9, uid="new"))

    cache.put("Thing", raw("a", 1))
    await cache.replace("Thing", listed())
    assert cache.get(A) == raw("a", 9, uid="new")


def test_keys_read_as_a_person_writes_them() -> None:
    assert str(A) == "Thing/ns/a" and str(Key("Vault", "", "v")) == "Vault/v"


def colours(thing: Raw) -> list[str]:
    return list(thing.get("colours", ()))


BY_COLOUR = Index("Thing", colours)


def test_an_index_follows_every_change() -> None:
    cache = Cache([BY_COLOUR])
    cache.put("Thing", raw("a", 1) | {"colours": ["red", "blue"]})
    cache.put("Thing", raw("b", 2) | {"colours": ["red"]})
    cache.put("Other", raw("c", 3) | {"colours": ["red"]})
    b = Key("Thing", "ns", "b")
    assert cache.has(b) and not cache.has(Key("Thing", "ns", "c"))
    assert cache.find(BY_COLOUR, "red") == [A, b] and cache.find(BY_COLOUR, "blue") == [A]
    cache.put("Thing", raw("a", 4) | {"colours": ["green"]})
    assert cache.find(BY_COLOUR, "red") == [b] and not cache.knows(BY_COLOUR, "blue")
    assert [each["metadata"]["name"] for each in cache.read(BY_COLOUR, "green")] == ["a"]
    cache.put("Thing", raw("d", 5) | {"colours": ["red"]})
    cache.put("Thing", raw("e", 6) | {"colours": ["red"]})
    cache.remove(b)
    assert [key.name for key in cache.find(BY_COLOUR, "red")] == ["d", "e"], "in the order in which they came"
    cache.remove(Key("Thing", "ns", "d"))
    cache.remove(Key("Thing", "ns", "e"))
    assert not cache.knows(BY_COLOUR, "red")
    cache.remove(A)
    assert not cache.knows(BY_COLOUR, "green") and list(cache.read(BY_COLOUR, "green")) == []


def turn(thing: Raw) -> tuple[str, str] | None:
    return thing.get("turn")


TURNS = Queue("Thing", turn)


def test_a_queue_tells_neighbours_without_reading_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(queues=[TURNS])
    things = {}
    for number, name in enumerate("dbca"):
        things[name] = raw(name, number + 1) | {"turn": ("here", "1")}
        cache.put("Thing", things[name])
    cache.put("Thing", raw("z", 9) | {"turn": ("there", "0")})
    cache.put("Thing", raw("y", 10))
    monkeypatch.setattr(cache, "get", None)
    a, b, c, d = (Key("Thing", "ns", name) for name in "abcd")
    assert cache.ahead(TURNS, things["a"]) is None and cache.behind(TURNS, things["d"]) is None
    assert cache.ahead(TURNS, things["c"]) == b and cache.behind(TURNS, things["c"]) == d
    early, new = raw("d", 11) | {"turn": ("here", "0")}, raw("bb", 99) | {"turn": ("here", "1")}
    assert cache.ahead(TURNS, new) == b and cache.behind(TURNS, new) == c, "of a place where nobody stands, too"
    cache.put("Thing", early)
    assert cache.ahead(TURNS, things["a"]) == d and cache.behind(TURNS, things["c"]) is None
    assert [each["metadata"]["name"] for each in cache.read_back(TURNS, "here")] == ["c", "b", "a", "d"]
    cache.remove(b)
    assert cache.ahead(TURNS, things["c"]) == a
    for key in (a, c, d):
        cache.remove(key)
    assert not list(cache.read_back(TURNS, "here")) and cache.ahead(TURNS, things["a"]) is None
    assert cache.ahead(TURNS, raw("y", 10)) is None, "one that does not queue"


def test_an_index_counts() -> None:
    cache = Cache([BY_COLOUR])
    for number, name in enumerate("abc"):
        assert cache.count(BY_COLOUR, "red") == number
        cache.put("Thing", raw(name, number + 1) | {"colours": ["red"]})
