"""Stopped, killed, or left without an answer at any moment: the next life looks, and goes on."""

import itertools
from datetime import datetime, timedelta

import pytest

from harness.stack import Stack
from harness.tenant import Tenant


def backups(stack: Stack, since: int, uid: str) -> int:
    """Return how many backups were asked for on behalf of an object."""
    sent = stack.azure.requests(since)
    return sum(each.route == "backupInstances.backup" and each.client_request_id == uid for each in sent)


@pytest.mark.parametrize(
    "moment",
    [
        "roleAssignments.put",
        "backupVaults.validateForBackup",
        "operations.status",
        "backupInstances.put",
        "backupInstances.get",
        "backupInstances.backup",
        "backupJobs.get",
    ],
)
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_interrupted_at_any_moment_of_the_way(stack: Stack, shop: Tenant, gold: str, moment: str, how: str) -> None:
    shop.make_claim()
    since = len(stack.azure.requests())
    shop.protect()
    shop.back_up()
    uid = shop.get("ondemandbackup", "now")["metadata"]["uid"]
    shop.passes(lambda: stack.azure.counts(since)[moment], f"{moment} was sent")
    if how == "stopped":
        assert stack.stop_operator() == 0
    else:
        stack.kill_operator()
    stack.start_operator()
    shop.until("ondemandbackup", "now", "Succeeded")
    shop.until("protecteddisk", "data", "Ready")
    assert backups(stack, since, uid) == 1
    sent = [each.route for each in stack.azure.requests(since) if f"{shop.namespace}-data-0" in each.path]
    assert sent.count("backupInstances.put") == 1
    assert sent.count("roleAssignments.put") == 1


def test_lost_answer_to_a_backup_does_not_make_a_second_one(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    stack.azure.knobs(job_list_lag=120)
    stack.azure.plant("backupInstances.backup", after=True, status=0)
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")
    stack.azure.knobs(job_list_lag=0)
    assert backups(stack, since, shop.get("ondemandbackup", "now")["metadata"]["uid"]) == 1


def test_request_that_never_arrived_is_sent_again_after_a_look(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    stack.azure.plant("backupInstances.backup", status=0)
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")
    sent = [each for each in stack.azure.requests(since) if each.route == "backupInstances.backup"]
    assert [each.status for each in sent] == [0, 202], "once lost, once carried out"


def test_azure_killed_keeps_its_state(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    assert stack.stop_operator() == 0
    now = stack.azure.now
    stack.kill_simulator()
    stack.start_simulator()
    stack.start_operator()
    assert stack.azure.now >= now
    stack.azure.advance(minutes=30)
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"


def test_backups_of_one_disk_run_one_after_the_other(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    for number in range(3):
        shop.back_up(f"b{number}")
    assert shop.condition("ondemandbackup", "b2", "Succeeded")["reason"] == "Queued"
    for number in range(3):
        shop.until("ondemandbackup", f"b{number}", "Succeeded")
    # Their order is that of creation, then of names: they may be made in one second.
    runs = [shop.get("ondemandbackup", f"b{number}")["status"] for number in range(3)]
    assert all(a["completionTime"] <= b["startTime"] for a, b in itertools.pairwise(runs))


def test_the_eleventh_backup_of_a_day_waits_for_the_next(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    for number in range(10):
        shop.back_up(f"b{number:02d}")
    for number in range(10):
        shop.until("ondemandbackup", f"b{number:02d}", "Succeeded")
    shop.back_up("b10")
    waiting = shop.until("ondemandbackup", "b10", "Succeeded", "Unknown", "DailyLimitReached")
    assert "10 on-demand backups of a disk a day" in waiting["message"]
    starts = [shop.get("ondemandbackup", "b00")["status"]["startTime"]]
    shop.passes(
        lambda: shop.condition("ondemandbackup", "b10", "Succeeded").get("status") == "True",
        "the eleventh ran",
        within=timedelta(hours=26),
    )
    starts.append(shop.get("ondemandbackup", "b10")["status"]["startTime"])
    first, eleventh = map(datetime.fromisoformat, starts)
    assert eleventh - first >= timedelta(hours=24)
