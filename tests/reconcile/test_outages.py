"""Azure is slow, full, broken or forgetful: the operator stays live, says what it sees, and goes on by itself."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from world.team import Team
from world.world import CLIENT_ID, World


def sent(world: World, since: int, route: str) -> list[datetime]:
    return [
        datetime.fromisoformat(each.time[:19])
        for each in world.azure.requests(since)
        if each.route == route and each.caller == CLIENT_ID
    ]


def works(world: World) -> bool:
    """Return whether the operator is there, and sees no reason to be started anew."""
    return world.operator.is_alive and world.operator.engine.unhealthy_reason() is None


async def test_nobody_asks_before_the_time_that_azure_named(world: World, shop: Team) -> None:
    for number in range(4):
        shop.make_claim(f"data-{number}")
    since = world.azure.request_count()
    world.azure.plant("backupVaults.validateForBackup", status=429, headers={"Retry-After": "300"})
    for number in range(4):
        await shop.protect(f"data-{number}", f"data-{number}")
    told = (await shop.until("ProtectedDisk", "data-0", "Validated", "False", "Throttled"))["message"]
    assert "Next attempt at" in told
    for number in range(4):
        await shop.until("ProtectedDisk", f"data-{number}", "Ready")
    times = sent(world, since, "backupVaults.validateForBackup")
    assert times[1] - times[0] >= timedelta(seconds=299), "one asked, all learnt"
    assert len(sent(world, since, "roleAssignments.put")) == 4, "another class went on"


async def test_the_guard_against_floods_opens_after_hours(world: World, shop: Team) -> None:
    shop.make_claim()
    since = world.azure.request_count()
    flood = {"code": "CloudDosTimeboudLimitReached", "message": "Too many requests. Retry after a few hours."}
    world.azure.plant("backupInstances.put", status=400, times=2, **flood)
    await shop.protect()
    told = (await shop.until("ProtectedDisk", "data", "Protected", "False", "QuotaExceeded"))["message"]
    assert "Retry after a few hours" in told and "Next attempt at" in told
    await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(hours=8))
    times = sent(world, since, "backupInstances.put")
    assert len(times) == 3 and times[1] - times[0] >= timedelta(minutes=30)


@pytest.mark.parametrize("status", [503, 500, 0])
async def test_a_burst_of_failures(world: World, shop: Team, status: int) -> None:
    shop.make_claim()
    since = world.azure.request_count()
    world.azure.plant("^(?!tokens)", times=25, status=status)
    await shop.protect()
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded", within=timedelta(hours=5))
    await shop.until("ProtectedDisk", "data", "Ready")
    answered = [each for each in world.azure.requests(since) if each.status < 400 and each.status]
    assert sum(each.route == "backupInstances.put" for each in answered) == 1
    assert sum(each.route == "backupInstances.backup" for each in answered) == 1
    assert works(world)


async def test_an_operation_that_azure_forgets(world: World, shop: Team) -> None:
    shop.make_claim()
    missing = {"code": "OperationNotFound", "message": "The operation was not found."}
    world.azure.plant("operations.status", status=404, times=2, **missing)
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    world.azure.plant("operations.status", status=404, times=20, **missing)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    await shop.protect(protection="Stopped")
    await shop.until("ProtectedDisk", "data", "Ready", "True", "Stopped")


async def test_no_token_can_be_had(world: World, shop: Team) -> None:
    """The token endpoint is down while the operator starts: it says so, and goes on when it answers."""
    shop.make_claim()
    world.azure.plant("tokens.post", status=503, times=500)
    await world.stop_operator()
    await world.start_operator()
    await shop.protect()
    await world.passes(lambda: "Cannot get a token" in shop.says("BackupVault", "demo"), "what is wrong")
    assert "See `kubectl describe" in shop.says("ProtectedDisk", "data")
    await world.advance(minutes=30)
    await world.says_the_same(minutes=30)
    assert works(world)
    world.azure.clear_faults()
    await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(hours=5))


async def test_what_differs_in_each_refusal_of_a_token_is_no_news(world: World, shop: Team) -> None:
    """Entra ID names a trace, a correlation and a time of its own in each."""
    await world.stop_operator()
    for number in range(200):
        at = f"Timestamp: 2026-01-05 10:{number % 60:02}:00Z"
        ids = f"Trace ID: trace-{number} Correlation ID: correlation-{number} {at}"
        words = f"AADSTS70021: No matching federated identity record found. {ids}"
        world.azure.plant("tokens.post", status=401, code="invalid_client", message=words)
    await world.start_operator()
    await world.passes(lambda: "AADSTS70021" in shop.says("BackupVault", "demo"), "what is wrong")
    await world.advance(minutes=40)
    await world.says_the_same(minutes=60)
    assert "Trace ID: trace-" in shop.says("BackupVault", "demo")
    world.azure.clear_faults()
    await shop.until("BackupVault", "demo", "Ready")


async def test_a_row_that_is_missing_once_proves_nothing(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    world.azure.lose_rows(re.escape(shop.instance()))
    await world.advance(minutes=25)
    world.azure.lose_rows()
    assert shop.condition("ProtectedDisk", "data", "Ready")["status"] == "True"
    assert not [each for each in world.azure.requests(since) if each.writes and each.caller == CLIENT_ID]
