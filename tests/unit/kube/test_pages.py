"""How lists are read: however large somebody makes objects, a few of them are in memory at a time."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import kopf
import pytest

from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.errors import Unavailable
from azdiskbackup.handlers.shell import configure
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.exchange import Answer, Exchange
from azdiskbackup.kube.watched import OURS
from harness.objects import disk

DISKS = next(each for each in OURS if each.kind == "ProtectedDisk")
# What etcd takes.
LARGEST = 1_500_000


class Server:
    """Lists disks of some size."""

    def __init__(self, count: int, size: int, broken: int = -1) -> None:
        self.limits: list[int] = []
        self.pages: list[int] = []
        self._items = []
        for number in range(count):
            raw = disk(f"d-{number}")
            raw["metadata"] |= {"resourceVersion": str(number + 1), "annotations": {"x": "\U0001f600" + "y" * size}}
            self._items.append(json.dumps(raw, ensure_ascii=False) if number != broken else "[7]")

    async def send(self, method: str, path: str, body: object, content_type: str, seconds: float) -> Answer:
        query = parse_qs(urlsplit(path).query)
        start, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        self.limits.append(limit)
        some = self._items[start : start + limit]
        more = str(start + limit) if start + limit < len(self._items) else ""
        content = f'{{"metadata": {{"continue": "{more}"}}, "items": [{",".join(some)}]}}'.encode()
        self.pages.append(len(content))
        return Answer(200, content, {})


def client(server: Server) -> KubeClient:
    return KubeClient(cast(Exchange, server))


async def test_pages_become_as_large_as_their_objects_let_them() -> None:
    small, large = Server(300, 100), Server(30, LARGEST)
    assert len([each async for each in client(small).list_all(DISKS)]) == 300
    assert small.limits[0] == 10 and set(small.limits[1:]) == {50}
    assert len([each async for each in client(large).list_all(DISKS)]) == 30
    assert set(large.limits[1:]) == {1} and max(large.pages) <= 11 * LARGEST


async def test_objects_of_a_page_are_read_one_at_a_time() -> None:
    listed = client(Server(3, 10, broken=1)).list_all(DISKS)
    assert (await anext(listed))["metadata"]["name"] == "d-0", "before anybody reads the next one"
    with pytest.raises(Unavailable, match="NotJSON"):
        await anext(listed)


async def test_what_is_large_and_nobody_reads_is_not_kept() -> None:
    (found,) = [each async for each in client(Server(1, LARGEST)).list_all(DISKS)]
    assert set(found["metadata"]) == {"name", "namespace", "resourceVersion"} and found["spec"] == disk("d-0")["spec"]
    cache = Cache()
    cache.put("ProtectedDisk", found)
    assert len(cache._kinds["ProtectedDisk"][Key("ProtectedDisk", "shop", "d-0")].content) < 1000


async def test_nor_of_the_answer_to_a_write() -> None:
    raw: dict[str, Any] = disk()
    raw["metadata"] |= {"uid": "u", "resourceVersion": "7", "managedFields": [{}], "annotations": {"x": "y"}}

    class Echo:
        async def send(self, *request: object) -> Answer:
            return Answer(200, json.dumps(raw).encode(), {})

    after = await KubeClient(cast(Exchange, Echo())).merge("/x", {})
    assert set(after["metadata"]) == {"name", "namespace", "uid", "resourceVersion"} and after["kind"] == raw["kind"]


def test_kopf_reads_few_objects_at_a_time() -> None:
    settings = kopf.OperatorSettings()
    configure(settings)
    assert settings.watching.chunk_size is not None and settings.watching.chunk_size <= 10
