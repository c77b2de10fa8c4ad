"""What is read may be old, or missing though it is there; what was started may never end."""

from __future__ import annotations

import pytest

from contract.portal import INSTANCE, SNAPSHOTS, VAULT, VAULTS, Portal, vault_body
from harness.objects import SUBSCRIPTION

QUERY = "RecoveryServicesResources | where type =~ 'microsoft.dataprotection/backupvaults/backupinstances' | project id"
GRAPH = "/providers/Microsoft.ResourceGraph/resources"


@pytest.fixture
def portal() -> Portal:
    return Portal()


def rows(portal: Portal) -> int:
    response = portal.ask("POST", GRAPH, {"subscriptions": [SUBSCRIPTION], "query": QUERY}, version="2021-03-01")
    return len((response.body or {})["data"])


def test_one_resource_is_missing_every_other_time(portal: Portal) -> None:
    portal.make_vault()
    portal.plant("backupVaults.get", status=404, code="ResourceNotFound", path="/vault$", times=3, every=2)
    assert [portal.ask("GET", VAULT).status for _ in range(8)] == [200, 404, 200, 404, 200, 404, 200, 200]


def test_a_replica_that_is_behind_knows_nothing_new_and_still_has_what_is_gone(portal: Portal) -> None:
    portal.turn("replica", name="west", path=VAULTS, every=2)
    portal.make_vault()
    assert [portal.ask("GET", VAULT).status for _ in range(4)] == [404, 200, 404, 200]
    portal.turn("replica", name="west", path=VAULTS, every=2)
    assert portal.ask("DELETE", VAULT).status == 202
    portal.passes(seconds=10)
    assert [portal.ask("GET", VAULT).status for _ in range(4)] == [404, 200, 404, 200]
    portal.turn("replica", name="west", behind=False)
    assert portal.ask("GET", VAULT).status == 404


def test_lists_and_the_index_can_be_stale_while_single_reads_are_not(portal: Portal) -> None:
    portal.protect()
    portal.turn("replica", name="lists", route=r"\.list$")
    portal.turn("replica", name="index", route="resourceGraph")
    portal.ask("DELETE", INSTANCE)
    portal.passes(minutes=1)
    assert portal.ask("GET", INSTANCE).status == 404
    assert len(portal.body(f"{VAULT}/backupInstances")["value"]) == rows(portal) == 1
    portal.turn("replica", name="lists", behind=False)
    portal.turn("replica", name="index", behind=False)
    assert len(portal.body(f"{VAULT}/backupInstances")["value"]) == rows(portal) == 0


def test_an_operation_that_never_ends(portal: Portal) -> None:
    portal.protect()
    portal.plant("backupInstances.stopProtection", endless=True)
    accepted = portal.ask("POST", f"{INSTANCE}/stopProtection")
    url = accepted.headers["Azure-AsyncOperation"].removeprefix(portal.url)
    portal.passes(days=3)
    assert portal.body(url)["status"] == "Inprogress" and portal.state() == "ProtectionConfigured"


@pytest.mark.parametrize(("case", "name"), [("kept", "costCenter"), ("lower", "costcenter"), ("upper", "COSTCENTER")])
def test_letter_case_of_tags(portal: Portal, case: str, name: str) -> None:
    portal.turn("tag-case", case=case)
    made = portal.ask("PUT", VAULT, vault_body(tags={"costCenter": "Seven"})).body or {}
    assert made["tags"] == {name: "Seven"}
    assert portal.ask("PATCH", SNAPSHOTS, {"tags": {"costCenter": "Seven"}}).body["tags"] == {name: "Seven"}  # type: ignore[index]
