"""The jobs of an instance tell the same history through Resource Graph and through the list of its vault."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.azure.gateways import decode, resource_graph
from azdiskbackup.core.objects.azure import JobHistory, job_history
from azure_simulator.graph.language import COLUMNS, parse

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
INSTANCE = "/subscriptions/s/resourcegroups/g/providers/microsoft.dataprotection/backupvaults/v/backupinstances/i"
ENDED = ("Completed", "CompletedWithWarnings", "Succeeded", "Failed", "Cancelled")
STATES = (*ENDED, "InProgress", "Started", "Cancelling", "SomethingNew")


def job(name: str, status: str, ended: bool, operation: str = "Backup", hours: float = 1, manual: bool = True) -> Any:
    start = NOW - timedelta(hours=hours)
    properties = {
        "backupInstanceId": INSTANCE,
        "dataSourceType": "Microsoft.Compute/disks",
        "operationCategory": operation,
        "status": status,
        "isUserTriggered": manual,
        "activityID": f"activity-of-{name}",
        "startTime": start.isoformat(),
        "endTime": (start + timedelta(minutes=4)).isoformat() if ended else None,
        "duration": "00:04:00",
    }
    body = {"name": name, "type": "microsoft.dataprotection/backupvaults/backupjobs", "properties": properties}
    return dict.fromkeys(COLUMNS) | body


def through_the_graph(rows: list[Any]) -> JobHistory:
    found = parse(resource_graph._BACKUPS).run(lambda table: rows, NOW)
    assert all(row["key"] == INSTANCE for row in found)
    return resource_graph._history(found[0]["jobs"]) if found else JobHistory()


def through_the_list(rows: list[Any]) -> JobHistory:
    return job_history([decode.job(row, of=INSTANCE) for row in rows], NOW)


@pytest.mark.parametrize(("status", "ended"), list(itertools.product(STATES, (True, False))))
def test_each_state_counts_as_the_same(status: str, ended: bool) -> None:
    rows = [job("one", status, ended)]
    assert through_the_graph(rows) == through_the_list(rows)
    history = through_the_list(rows)
    assert history.completed + history.failed + history.running == 1


def test_what_is_no_backup_is_not_counted() -> None:
    backup = job("backup", "Completed", True, hours=3)
    others = [job(f"restore-{i}", "Completed", True, "Restore", hours=i / 10) for i in range(1, 21)]
    rows = [*others, job("failed", "Failed", True, "Restore"), job("running", "InProgress", False, "Restore"), backup]
    graph = through_the_graph(rows)
    assert graph == through_the_list(rows) == through_the_list([backup])
    assert list(graph.on_demand) == ["backup"] and [each.id for each in graph.recent] == ["backup"]


def test_only_what_a_person_starts_within_a_day_counts_for_the_day() -> None:
    rows = [job("scheduled", "Completed", True, manual=False), job("old", "Completed", True, hours=25)]
    assert through_the_graph(rows) == through_the_list(rows)
    assert not through_the_graph(rows).on_demand and through_the_graph(rows).completed == 2
