"""How an object is let go whose deletion Azure holds up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from azdiskbackup.core.objects.abandon import is_abandoned, with_way_out
from azdiskbackup.core.objects.markers import ABANDON, FINALIZER
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.verdicts import Plan, Rules, evaluate, wait

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LEAVING = {"deletionTimestamp": "2026-01-05T09:00:00Z", "finalizers": [FINALIZER], "annotations": {ABANDON: "u"}}


def resource(**metadata: Any) -> Resource:
    return Resource({"kind": "ProtectedDisk", "metadata": {"name": "data", "uid": "u", **metadata}})


@pytest.mark.parametrize(
    ("metadata", "abandoned"),
    [
        (LEAVING, True),
        ({**LEAVING, "annotations": {ABANDON: "true"}}, False),
        ({**LEAVING, "annotations": None}, False),
        ({**LEAVING, "finalizers": []}, False),
        ({"finalizers": [FINALIZER], "annotations": {ABANDON: "u"}}, False),
    ],
)
def test_only_the_uid_lets_an_object_go_and_only_one_that_is_deleted(metadata: Any, abandoned: bool) -> None:
    assert is_abandoned(resource(**metadata)) is abandoned


@pytest.mark.parametrize(("namespace", "place"), [("shop", " -n shop"), ("", "")])
def test_what_waits_says_how_it_can_go_and_what_is_on_its_way_does_not(namespace: str, place: str) -> None:
    def after(reason: str) -> str:
        rules: Rules = ((reasons.SYNCED, lambda desired, observed, now: wait(reason, "It waits.")),)
        plan = evaluate(rules, None, None, NOW)
        assert isinstance(plan, Plan)
        told = with_way_out(plan, resource(namespace=namespace))
        assert told.findings[0].message == told.verdict.message
        return told.verdict.message

    assert after(reasons.DELETING) == "It waits."
    assert after(reasons.IN_USE).endswith(f"kubectl annotate protecteddisk data{place} {ABANDON}=u")
