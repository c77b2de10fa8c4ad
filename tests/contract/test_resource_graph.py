"""Resource Graph as the simulator plays it: what it refuses, how it pages, counts and hides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.gateways.resource_graph import GRAPH_API, PATH
from azdiskbackup.errors import InvalidRequest, Throttled
from azure_simulator.client import Simulator
from azure_simulator.graph.language import COLUMNS, parse
from contract.azure_world import protected
from harness.objects import SUBSCRIPTION
from harness.stack import CLIENT_ID

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
INSTANCES = "type =~ 'microsoft.dataprotection/backupvaults/backupinstances'"


@pytest.fixture(autouse=True)
def an_index_as_it_should_be(simulator: Simulator) -> Iterator[None]:
    simulator.advance(seconds=6)
    yield
    simulator.knobs(graph_lag=0)
    simulator.deny(CLIENT_ID)


async def ask(connection: AzureConnection, query: str, subscription: str = SUBSCRIPTION, **options: Any) -> Any:
    body = {"subscriptions": [subscription], "query": query, "options": {"resultFormat": "objectArray", **options}}
    return (await connection.send("POST", PATH, GRAPH_API, body)).json()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "NoSuchTable | project id",
        "Resources | where",
        "Resources | where type = 'x'",
        "Resources | nonsense id",
        "Resources | project no_such_column",
        "Resources | summarize by id | where nope(id)",
        "Resources | order by id sideways",
        "Resources | join kind=sideways (Resources | project id) on id",
        "Resources | join kind=inner (Resources | project id, x = name) on x",
        "Resources | join kind=inner (Resources | project id on id",
        "Resources | join kind=inner (NoSuchTable | project id) on id",
        "Resources" + " | join kind=inner (Resources | project id) on id" * 4,
    ],
)
async def test_a_query_that_cannot_be_understood_is_refused(connection: AzureConnection, query: str) -> None:
    with pytest.raises(InvalidRequest):
        await ask(connection, query)


async def test_a_subscription_that_is_not_known_is_refused(connection: AzureConnection) -> None:
    with pytest.raises(InvalidRequest):
        await ask(connection, "Resources | project id", subscription="99999999-0000-4000-8000-000000000009")


@pytest.mark.parametrize(
    ("kind", "pairs"),
    [
        ("inner", {("b", "b", "2")}),
        ("leftouter", {("a", "", None), ("b", "b", "2")}),
        ("fullouter", {("a", "", None), ("b", "b", "2"), ("", "c", "3")}),
    ],
)
def test_rows_side_by_side(kind: str, pairs: set[tuple[str, str, Any]]) -> None:
    left = [dict.fromkeys(COLUMNS) | {"name": name} for name in "ab"]
    right = [dict.fromkeys(COLUMNS) | {"name": name, "properties": {"n": n}} for name, n in (("b", "2"), ("c", "3"))]
    query = parse(
        f"Resources | project name | join kind={kind} (RecoveryServicesResources | project name, n = properties.n) "
        "on name | where name != 'x' | project name, name1, n"
    )
    found = query.run(lambda table: left if table == "resources" else right, NOW)
    assert {(row["name"], row["name1"], row["n"] or None) for row in found} == pairs


async def test_pages_follow_a_token_that_belongs_to_its_query(
    connection: AzureConnection, azure: Azure, simulator: Simulator
) -> None:
    names = [(await protected(azure, simulator)).id.name for _ in range(2)]
    query = f"RecoveryServicesResources | where {INSTANCES} and name in {(*names,)} | project id | order by id asc"
    whole = (await ask(connection, query))["data"]
    assert [row["id"] for row in whole] == sorted(row["id"] for row in whole) and len(whole) == 2
    first = await ask(connection, query, **{"$top": 1})
    assert first["totalRecords"] == len(whole) and first["count"] == 1
    second = await ask(connection, query, **{"$top": 1, "$skipToken": first["$skipToken"]})
    assert [*first["data"], *second["data"]] == whole[:2]
    with pytest.raises(InvalidRequest):
        await ask(connection, query + " ", **{"$skipToken": first["$skipToken"]})


async def test_fifteen_queries_in_five_seconds_and_no_more(connection: AzureConnection, simulator: Simulator) -> None:
    for used in range(1, 16):
        answer = await connection.send(
            "POST", PATH, GRAPH_API, {"subscriptions": [SUBSCRIPTION], "query": "Resources | project id"}
        )
        assert answer.headers["x-ms-user-quota-remaining"] == str(15 - used)
        assert answer.headers["x-ms-user-quota-resets-after"] == "00:00:05"
    with pytest.raises(Throttled) as refused:
        await ask(connection, "Resources | project id")
    assert refused.value.retry_after is not None and refused.value.retry_after.total_seconds() == 5
    simulator.advance(seconds=5)
    await ask(connection, "Resources | project id")


async def test_who_lacks_a_right_gets_no_rows_and_no_error(
    connection: AzureConnection, azure: Azure, simulator: Simulator
) -> None:
    request = await protected(azure, simulator)
    query = f"RecoveryServicesResources | where id =~ '{request.id}' | project id"
    assert len((await ask(connection, query))["data"]) == 1
    simulator.deny(CLIENT_ID, (".*/backupInstances/read", str(request.id.parent)))
    assert (await ask(connection, query))["data"] == []


async def test_the_index_can_be_behind(connection: AzureConnection, azure: Azure, simulator: Simulator) -> None:
    simulator.knobs(graph_lag=600)
    request = await protected(azure, simulator)
    query = f"RecoveryServicesResources | where id =~ '{request.id}' | project id"
    assert (await ask(connection, query))["data"] == []
    for _ in range(6):
        simulator.advance(minutes=2)
        await azure.instances.get(request.id)
    assert len((await ask(connection, query))["data"]) == 1
