"""What a person hears: an event at each turn and none at a poll, and one id from it through the log to Azure."""

from __future__ import annotations

import json
from typing import Any

from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant

CORRELATION = "azdiskbackup.io/correlation-id"


def protected(shop: Tenant) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")


def said(stack: Stack) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.operator_said().splitlines() if line.startswith("{")]


def test_backups_that_fail_and_recover_are_told_once_each(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    shop.after_the_next_backup()
    shop.until("protecteddisk", "data", "BackupHealthy")
    stack.azure.fail_backups("UserErrorDiskSnapshotQuota", "Too many snapshots.", "Delete some snapshots.")
    shop.after_the_next_backup()
    shop.until("protecteddisk", "data", "BackupHealthy", "False", "BackupFailed")
    stack.azure.fail_backups()
    shop.after_the_next_backup()
    shop.until("protecteddisk", "data", "BackupHealthy")
    shop.after_the_next_backup()
    stack.azure.advance(minutes=30)
    events = [each for each in shop.full_events("protecteddisk", "data") if each["reason"].startswith("Backup")]
    assert [(each["type"], each["reason"]) for each in events] == [
        ("Normal", "BackupSucceeded"),
        ("Warning", "BackupFailed"),
        # The failed one was not made up for in time either.
        ("Warning", "BackupOverdue"),
        ("Normal", "BackupSucceeded"),
    ]
    assert "Too many snapshots" in events[1]["note"], "it says what happened"
    assert all("series" not in each for each in events)


def test_what_is_said_again_is_counted(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    count = 3
    for number in range(1, count + 1):
        shop.portal("POST", f"{shop.instance()}/suspendBackups", {})
        shop.passes(lambda number=number: _corrected(shop) == number, "it is seen and put back")
        shop.until("protecteddisk", "data", "Ready")
    corrected = [each for each in shop.full_events("protecteddisk", "data") if each["reason"] == "DriftCorrected"]
    assert len(corrected) == 1 and corrected[0]["series"]["count"] == count
    assert corrected[0]["series"]["lastObservedTime"] > corrected[0]["eventTime"]


def _corrected(shop: Tenant) -> int:
    found = [each for each in shop.full_events("protecteddisk", "data") if each["reason"] == "DriftCorrected"]
    return sum(each.get("series", {}).get("count", 1) for each in found)


def test_one_id_leads_from_an_event_through_the_log_to_the_request(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    since = stack.azure.request_count()
    refusal = "Disk.Refused"
    stack.azure.plant("backupInstances.put", path=shop.namespace, status=400, code=refusal, message="Not this one.")
    shop.protect()
    shop.passes(lambda: ("Normal", "Protected") in shop.events("protecteddisk", "data"), "it is protected in the end")
    events = shop.full_events("protecteddisk", "data")
    refused = next(each for each in events if refusal in each["note"])
    correlation = refused["metadata"]["annotations"][CORRELATION]
    assert correlation in refused["note"], "Azure answered with the id that it was given"
    sent = next(each for each in stack.azure.requests(since) if each.route == "backupInstances.put")
    assert sent.correlation_id == correlation and sent.client_request_id != correlation
    lines = [line for line in said(stack) if line.get("correlation_id") == correlation]
    assert {line["about"] for line in lines} == {f"ProtectedDisk/{shop.namespace}/data"}
    written = [line for line in lines if line["event"] == "written to Azure"]
    assert [line["request_id"] for line in written if line["path"] == sent.path] == [sent.request_id]
    assert [line["reason"] for line in lines if line["event"] == "transition"] == [refused["reason"]]
    others = {each["metadata"]["annotations"][CORRELATION] for each in events} - {correlation}
    assert others, "each pass has an id of its own"


def test_every_write_to_azure_is_one_line_and_no_read_is(stack: Stack, shop: Tenant, gold: str) -> None:
    since = stack.azure.request_count()
    protected(shop)
    shop.after_the_next_backup()
    mine = [each for each in stack.azure.requests(since) if each.writes and each.caller == CLIENT_ID]
    wanted = sorted(each.request_id for each in mine if not each.path.endswith("/validateForBackup"))
    lines = [line for line in said(stack) if line["event"] == "written to Azure"]
    told = sorted(line["request_id"] for line in lines if line["request_id"] in {each.request_id for each in mine})
    assert wanted and told == wanted
    assert not [line for line in said(stack) if line["event"] == "asked Azure"]
