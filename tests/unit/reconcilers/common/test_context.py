"""What passes leave for the next ones."""

from __future__ import annotations

from typing import Any

from azdiskbackup.core.objects.markers import REQUESTED_AT
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.engine.cache import Key
from azdiskbackup.reconcilers.common.context import StateStore
from azdiskbackup.reconcilers.common.reconciler import KindState

KEY = Key("ProtectedDisk", "shop", "data")


def resource(uid: str = "1", requested_at: str | None = None) -> Resource:
    metadata: dict[str, Any] = {"uid": uid}
    if requested_at is not None:
        metadata["annotations"] = {REQUESTED_AT: requested_at}
    return Resource({"metadata": metadata})


def test_another_object_of_the_same_name_starts_anew() -> None:
    states = StateStore(KindState)
    first = states.of(KEY, resource())
    assert states.of(KEY, resource()) is first
    other = states.of(KEY, resource("2", "today"))
    assert other is not first and not other.is_requested
    assert states.forget(KEY) == "2" and states.forget(KEY) is None


def test_an_object_starts_anew_with_each_request_to_look_at_it() -> None:
    states = StateStore(KindState)
    before = states.of(KEY, resource())
    asked = states.of(KEY, resource(requested_at="today"))
    assert asked is not before and asked.is_requested
    assert states.of(KEY, resource(requested_at="today")) is asked, "once for each"
    assert states.of(KEY, resource()) is asked, "to take it away is no request"
    assert states.of(KEY, resource(requested_at="tomorrow")) is not asked
    assert list(states.all()) == [states.of(KEY, resource(requested_at="tomorrow"))]
