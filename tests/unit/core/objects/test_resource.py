"""Objects as they are read, and what selects them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultStatus
from azdiskbackup.api.v1alpha1.label_selector import LabelRequirement, LabelSelector
from azdiskbackup.core.objects.markers import REQUESTED_AT
from azdiskbackup.core.objects.resource import Resource, parse_status, selects

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("operator", "values", "hit", "miss"),
    [
        ("In", ["a", "b"], {"x": "a"}, {"x": "c"}),
        ("NotIn", ["a"], {}, {"x": "a"}),
        ("Exists", None, {"x": ""}, {}),
        ("DoesNotExist", None, {}, {"x": "a"}),
    ],
)
def test_label_requirements(operator: Any, values: list[str] | None, hit: dict[str, str], miss: dict[str, str]) -> None:
    selector = LabelSelector(match_expressions=[LabelRequirement(key="x", operator=operator, values=values)])
    assert selects(selector, hit) and not selects(selector, miss)


def test_no_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not selects(None, {"a": "b"}) and selects(LabelSelector(), {})
    exact = LabelSelector(match_labels={"team": "shop"})
    assert selects(exact, {"team": "shop", "x": "y"}) and not selects(exact, {"team": "other"})


def test_a_status_that_cannot_be_read_counts_as_none() -> None:
    raw = {"metadata": {"name": "x"}, "status": {"protectedDisks": "many"}}
    assert parse_status(BackupVaultStatus, Resource(raw)) == BackupVaultStatus()


def test_what_a_person_asks_for_is_read_from_annotations() -> None:
    assert Resource({"metadata": {"annotations": {REQUESTED_AT: "today"}}}).requested_at == "today"
    assert Resource({"metadata": {"annotations": {"other": "x"}}}).requested_at is None
    assert Resource({"metadata": {"annotations": None}}).requested_at is None


def test_condition_is_true() -> None:
    raw = {"metadata": {"name": "x"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert Resource(raw).is_true("Ready") and not Resource(raw).is_true("Stalled")


def test_resources_without_anything_are_read_all_the_same() -> None:
    resource = Resource({"metadata": {"name": "x", "uid": "u", "creationTimestamp": "2026-01-05T09:00:00Z"}})
    assert (resource.namespace, resource.generation, resource.deleting, resource.has_finalizer) == ("", 0, False, False)
    assert resource.condition("Ready") == {} and resource.created == NOW and resource.labels == {}
