"""The first watch of each resource begins where our own list ended, and later ones where Kopf's lists do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import kopf
import pytest
from kopf._cogs.clients import fetching, watching
from kopf._cogs.structs.references import Resource

from azdiskbackup.handlers.shell import configure, watch_since

_DISKS = Resource("azdiskbackup.io", "v1alpha1", "protecteddisks", namespaced=True)
_CLAIMS = Resource("", "v1", "persistentvolumeclaims", namespaced=True)


@pytest.fixture
def since(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """At which versions watches began."""
    begun: list[Any] = []

    async def listed(**_: Any) -> AsyncIterator[tuple[list[Any], str]]:
        yield [{"metadata": {"name": "listed"}}], "100"

    async def watch(*, since: str, **_: Any) -> AsyncIterator[Any]:
        begun.append(since)
        yield {"type": "ERROR", "object": {"code": 410}}

    monkeypatch.setattr(fetching, "fetch_objs", listed)
    monkeypatch.setattr(watching, "watch_objs", watch)
    return begun


async def watched(resource: Resource) -> list[Any]:
    """Return what one life of a watch tells."""
    settings = kopf.OperatorSettings()
    configure(settings)
    stream = watching.continuous_watch(
        settings=settings, resource=resource, namespace=None, operator_pause_waiter=asyncio.Future()
    )
    return [each["object"]["metadata"]["name"] async for each in stream if isinstance(each, dict)]


async def test_a_watch_begins_where_our_list_ended(since: list[Any]) -> None:
    watch_since({("azdiskbackup.io", "protecteddisks"): "42"})
    assert await watched(_DISKS) == [], "what was listed is known"
    assert since == ["42"]


async def test_after_it_broke_off_and_for_what_was_not_listed_kopf_lists(since: list[Any]) -> None:
    watch_since({("azdiskbackup.io", "protecteddisks"): "42"})
    assert await watched(_CLAIMS) == ["listed"]
    await watched(_DISKS)
    assert await watched(_DISKS) == ["listed"]
    assert since == ["100", "42", "100"]
