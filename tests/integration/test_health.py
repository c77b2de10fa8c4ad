"""Whether backups happen: late ones are noticed in time and not before, and never because an index is behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from harness.objects import policy, vault
from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant

# A scheduled backup may start two hours late, and takes some time.
LIMIT = timedelta(hours=2, minutes=30)
SWEEP = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def usual_service(stack: Stack) -> Iterator[None]:
    yield
    stack.azure.knobs(schedule_delay=10, graph_lag=0)
    stack.azure.deny(CLIENT_ID)


def health(shop: Tenant) -> str:
    return str(shop.condition("protecteddisk", "data", "BackupHealthy").get("reason"))


def next_due(shop: Tenant) -> datetime:
    return datetime.fromisoformat(shop.get("protecteddisk", "data")["status"]["nextBackupTime"])


def go_to(stack: Stack, moment: datetime) -> None:
    stack.azure.advance(seconds=(moment - stack.azure.now).total_seconds())


def protected(stack: Stack, shop: Tenant) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    shop.after_the_next_backup()
    shop.until("protecteddisk", "data", "BackupHealthy")


def test_a_backup_that_does_not_come_is_noticed_in_time_and_not_before(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(stack, shop)
    # The next backup has its time already, the one after it never comes.
    stack.azure.knobs(schedule_delay=10**7)
    shop.after_the_next_backup()
    stack.azure.advance(minutes=15)
    due = next_due(shop)
    since = stack.azure.request_count()
    go_to(stack, due + LIMIT)
    assert health(shop) == "BackupSucceeded", "it may still come"
    go_to(stack, due + LIMIT + SWEEP + timedelta(seconds=5))
    assert health(shop) == "BackupOverdue"
    assert stack.azure.counts(since)["recoveryPoints.list"] == 1, "its restore points could have told otherwise"
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"
    shop.says_the_same(minutes=60)


def test_an_index_that_lags_makes_no_backup_overdue(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(stack, shop)
    due = next_due(shop)
    stack.azure.knobs(graph_lag=4 * 3600)
    go_to(stack, due + LIMIT + 2 * SWEEP)
    assert health(shop) != "BackupOverdue", "its restore point tells that it came"
    stack.azure.knobs(graph_lag=0)
    shop.until("protecteddisk", "data", "BackupHealthy", within=timedelta(hours=4))


def test_an_index_that_lags_makes_none_of_many_backups_overdue(stack: Stack, shop: Tenant, gold: str) -> None:
    # More than can be looked at by themselves at once: those who wait for their turn say nothing meanwhile.
    names = ["data", *(f"data-{number}" for number in range(1, 13))]
    for name in names:
        shop.make_claim(f"claim-{name}")
        shop.protect(name, f"claim-{name}")
    for name in names:
        shop.until("protecteddisk", name, "Ready")
    shop.after_the_next_backup()
    stack.azure.advance(minutes=15)
    due = next_due(shop)
    stack.azure.knobs(graph_lag=4 * 3600)
    go_to(stack, due + LIMIT)
    since = stack.azure.request_count()
    while stack.azure.now < due + LIMIT + 2 * SWEEP:
        stack.azure.advance(seconds=20)
        told = {shop.condition("protecteddisk", name, "BackupHealthy").get("reason") for name in names}
        assert told == {"BackupSucceeded"}
    assert stack.azure.counts(since)["recoveryPoints.list"] == len(names)
    stack.azure.knobs(graph_lag=0)
    stack.azure.advance(minutes=15)


def test_what_rested_is_not_overdue_when_it_goes_on(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(stack, shop)
    shop.protect(protection="Suspended")
    shop.until("protecteddisk", "data", "Ready", reason="Suspended")
    assert "activeSince" not in shop.get("protecteddisk", "data")["status"]
    stack.azure.advance(hours=15)
    shop.protect(protection="Active")
    shop.until("protecteddisk", "data", "Ready", reason="Protected")
    stack.azure.advance(minutes=30)
    assert health(shop) == "BackupSucceeded"


def test_without_resource_graph_the_vault_is_listed_and_says_so(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("own"), policy("own", "own"))
    shop.until("diskbackuppolicy", "own", "Ready")
    shop.make_claim()
    shop.protect(policy="own")
    shop.until("protecteddisk", "data", "Ready")
    stack.azure.deny(CLIENT_ID, ("Microsoft.ResourceGraph/.*", ".*"))
    says = shop.until("backupvault", "own", "ResourceGraphUnavailable", reason="VaultIsListed")["message"]
    assert "AuthorizationFailed" in says and "lists are read" in says
    shop.portal("POST", f"{shop.instance()}/suspendBackups")
    shop.passes(
        lambda: ("Warning", "DriftCorrected") in shop.events("protecteddisk", "data"),
        "it is seen and put back",
    )
    shop.until("protecteddisk", "data", "Ready")
    stack.azure.deny(CLIENT_ID)
    shop.passes(lambda: not shop.condition("backupvault", "own", "ResourceGraphUnavailable"), "it is over")
