"""What a person hears: an event at each turn and none at a poll, and one id from it through the log to Azure."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from azdiskbackup.settings import Settings
from world.team import Team
from world.world import CLIENT_ID, World

CORRELATION = "azdiskbackup.io/correlation-id"


async def protected(shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")


@pytest.fixture
def log() -> Iterator[list[MutableMapping[str, Any]]]:
    """All that the operator says, also at levels that nobody listens to."""
    with capture_logs([structlog.contextvars.merge_contextvars]) as found:
        yield found


def status(log: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    """Return the lines that the operator logs unless it is told to log more, as whoever reads JSON sees them."""
    least = level_number(str(Settings.model_fields["log_level"].default))
    lines = [line for line in log if level_number(str(line["log_level"])) >= least]
    found: list[MutableMapping[str, Any]] = json.loads(json.dumps(lines, default=repr))
    return found


def level_number(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


async def test_backups_that_fail_and_recover_are_told_once_each(world: World, shop: Team) -> None:
    await protected(shop)
    await shop.after_the_next_backup()
    await shop.until("ProtectedDisk", "data", "BackupHealthy")
    world.azure.fail_backups("UserErrorDiskSnapshotQuota", "Too many snapshots.", "Delete some snapshots.")
    await shop.after_the_next_backup()
    await shop.until("ProtectedDisk", "data", "BackupHealthy", "False", "BackupFailed")
    world.azure.fail_backups()
    await shop.after_the_next_backup()
    await shop.until("ProtectedDisk", "data", "BackupHealthy")
    await shop.after_the_next_backup()
    await world.advance(minutes=30)
    events = [each for each in shop.full_events("ProtectedDisk", "data") if each["reason"].startswith("Backup")]
    assert [(each["type"], each["reason"]) for each in events] == [
        ("Normal", "BackupSucceeded"),
        ("Warning", "BackupFailed"),
        # The failed one was not made up for in time either.
        ("Warning", "BackupOverdue"),
        ("Normal", "BackupSucceeded"),
    ]
    assert "Too many snapshots" in events[1]["note"], "it says what happened"
    assert all("series" not in each for each in events)


async def test_what_is_said_again_is_counted(world: World, shop: Team) -> None:
    await protected(shop)
    count = 3
    for number in range(1, count + 1):
        shop.portal("POST", f"{shop.instance()}/suspendBackups", {})
        await world.passes(lambda number=number: _corrected(shop) == number, "it is seen and put back")
        await shop.until("ProtectedDisk", "data", "Ready")
    corrected = [each for each in shop.full_events("ProtectedDisk", "data") if each["reason"] == "DriftCorrected"]
    assert len(corrected) == 1 and corrected[0]["series"]["count"] == count
    assert corrected[0]["series"]["lastObservedTime"] > corrected[0]["eventTime"]


def _corrected(shop: Team) -> int:
    found = [each for each in shop.full_events("ProtectedDisk", "data") if each["reason"] == "DriftCorrected"]
    return sum(each.get("series", {}).get("count", 1) for each in found)


async def test_one_id_leads_from_an_event_through_the_log_to_the_request(
    log: list[MutableMapping[str, Any]], world: World, shop: Team
) -> None:
    shop.make_claim()
    since = world.azure.request_count()
    refusal = "Disk.Refused"
    world.azure.plant("backupInstances.put", path=shop.namespace, status=400, code=refusal, message="Not this one.")
    await shop.protect()
    await world.passes(
        lambda: ("Normal", "Protected") in shop.events("ProtectedDisk", "data"), "it is protected in the end"
    )
    events = shop.full_events("ProtectedDisk", "data")
    refused = next(each for each in events if refusal in each["note"])
    correlation = refused["metadata"]["annotations"][CORRELATION]
    assert correlation in refused["note"], "Azure answered with the id that it was given"
    sent = next(each for each in world.azure.requests(since) if each.route == "backupInstances.put")
    assert sent.correlation_id == correlation and sent.client_request_id != correlation
    lines = [line for line in status(log) if line.get("correlation_id") == correlation]
    assert {line["about"] for line in lines} == {f"ProtectedDisk/{shop.namespace}/data"}
    written = [line for line in lines if line["event"] == "written to Azure"]
    assert [line["request_id"] for line in written if line["path"] == sent.path] == [sent.request_id]
    assert [line["reason"] for line in lines if line["event"] == "transition"] == [refused["reason"]]
    others = {each["metadata"]["annotations"][CORRELATION] for each in events} - {correlation}
    assert others, "each pass has an id of its own"


async def test_every_write_to_azure_is_one_line_and_no_read_is(
    log: list[MutableMapping[str, Any]], world: World, shop: Team
) -> None:
    since = world.azure.request_count()
    await protected(shop)
    await shop.after_the_next_backup()
    mine = [each for each in world.azure.requests(since) if each.writes and each.caller == CLIENT_ID]
    wanted = sorted(each.request_id for each in mine if not each.path.endswith("/validateForBackup"))
    lines = [line for line in status(log) if line["event"] == "written to Azure"]
    told = sorted(line["request_id"] for line in lines if line["request_id"] in {each.request_id for each in mine})
    assert wanted and told == wanted
    assert not [line for line in status(log) if line["event"] == "read from Azure"]
