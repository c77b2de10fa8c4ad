"""Azure is slow, full, broken or forgetful: the operator stays live, says what it sees, and goes on by itself."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant


def sent(stack: Stack, since: int, route: str) -> list[datetime]:
    return [
        datetime.fromisoformat(each.time[:19])
        for each in stack.azure.requests(since)
        if each.route == route and each.caller == CLIENT_ID
    ]


def test_nobody_asks_before_the_time_that_azure_named(stack: Stack, shop: Tenant, gold: str) -> None:
    for number in range(4):
        shop.make_claim(f"data-{number}")
    since = len(stack.azure.requests())
    stack.azure.plant("backupVaults.validateForBackup", status=429, headers={"Retry-After": "300"})
    for number in range(4):
        shop.protect(f"data-{number}", f"data-{number}")
    told = shop.until("protecteddisk", "data-0", "Validated", "False", "Throttled")["message"]
    assert "Next try at" in told
    for number in range(4):
        shop.until("protecteddisk", f"data-{number}", "Ready")
    times = sent(stack, since, "backupVaults.validateForBackup")
    assert times[1] - times[0] >= timedelta(seconds=299), "one asked, all learnt"
    assert len(sent(stack, since, "roleAssignments.put")) == 4, "another class went on"


def test_the_guard_against_floods_opens_after_hours(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    since = len(stack.azure.requests())
    flood = {"code": "CloudDosTimeboudLimitReached", "message": "Too many requests. Retry after a few hours."}
    stack.azure.plant("backupInstances.put", status=400, times=2, **flood)
    shop.protect()
    told = shop.until("protecteddisk", "data", "Protected", "False", "QuotaExceeded")["message"]
    assert "Retry after a few hours" in told and "Next try at" in told
    shop.until("protecteddisk", "data", "Ready", within=timedelta(hours=8))
    times = sent(stack, since, "backupInstances.put")
    assert len(times) == 3 and times[1] - times[0] >= timedelta(minutes=30)


@pytest.mark.parametrize("status", [503, 500, 0])
def test_a_burst_of_failures(stack: Stack, shop: Tenant, gold: str, status: int) -> None:
    shop.make_claim()
    since = len(stack.azure.requests())
    stack.azure.plant("^(?!tokens)", times=25, status=status)
    shop.protect()
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded", within=timedelta(hours=5))
    shop.until("protecteddisk", "data", "Ready")
    answered = [each for each in stack.azure.requests(since) if each.status < 400 and each.status]
    assert sum(each.route == "backupInstances.put" for each in answered) == 1
    assert sum(each.route == "backupInstances.backup" for each in answered) == 1
    assert stack.operator_runs


def test_an_operation_that_azure_forgets(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    missing = {"code": "OperationNotFound", "message": "The operation was not found."}
    stack.azure.plant("operations.status", status=404, times=2, **missing)
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    stack.azure.plant("operations.status", status=404, times=20, **missing)
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")
    shop.protect(protection="Stopped")
    shop.until("protecteddisk", "data", "Ready", "True", "Stopped")


def test_no_token_can_be_had(stack: Stack, shop: Tenant, gold: str) -> None:
    """The token endpoint is down while the operator starts: it says so, and goes on when it answers."""
    shop.make_claim()
    stack.azure.plant("tokens.post", status=503, times=500)
    assert stack.stop_operator() == 0
    stack.start_operator()
    shop.protect()
    shop.passes(lambda: "No token could be had" in shop.says("backupvault", "demo"), "what is wrong")
    assert "see `kubectl describe" in shop.says("protecteddisk", "data")
    stack.azure.advance(minutes=30)
    shop.says_the_same(minutes=30)
    assert stack.operator_runs
    stack.azure.clear_faults()
    shop.until("protecteddisk", "data", "Ready", within=timedelta(hours=5))


def test_a_row_that_is_missing_once_proves_nothing(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    stack.azure.lose_rows(re.escape(shop.instance()))
    stack.azure.advance(minutes=25)
    stack.azure.lose_rows()
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"
    assert not [each for each in stack.azure.requests(since) if each.writes and each.caller == CLIENT_ID]
