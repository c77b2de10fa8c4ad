"""Stopped, killed, or left without an answer at any moment: the next life looks, and goes on."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest

from world.team import Team
from world.world import World


def backups(world: World, since: int, uid: str) -> int:
    """Return how many backups were asked for on behalf of an object."""
    sent = world.azure.requests(since)
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
async def test_interrupted_at_any_moment_of_the_way(world: World, shop: Team, moment: str, how: str) -> None:
    shop.make_claim()
    since = world.azure.request_count()
    await shop.protect()
    await shop.back_up()
    uid = shop.get("OnDemandBackup", "now")["metadata"]["uid"]
    await world.passes(lambda: world.azure.counts(since)[moment], f"{moment} was sent")
    await (world.stop_operator() if how == "stopped" else world.kill_operator())
    await world.start_operator()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert backups(world, since, uid) == 1
    sent = [each.route for each in world.azure.requests(since) if f"{shop.namespace}-data-0" in each.path]
    assert sent.count("backupInstances.put") == 1
    assert sent.count("roleAssignments.put") == 1


async def test_lost_answer_to_a_backup_does_not_make_a_second_one(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    world.azure.knobs(job_list_lag=120)
    world.azure.plant("backupInstances.backup", after=True, status=0)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    world.azure.knobs(job_list_lag=0)
    assert backups(world, since, shop.get("OnDemandBackup", "now")["metadata"]["uid"]) == 1


async def test_request_that_never_arrived_is_sent_again_after_a_look(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    world.azure.plant("backupInstances.backup", status=0)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    sent = [each for each in world.azure.requests(since) if each.route == "backupInstances.backup"]
    assert [each.status for each in sent] == [0, 202], "once lost, once carried out"


async def test_backups_of_one_disk_run_one_after_the_other(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    for number in range(3):
        await shop.back_up(f"b{number}")
    assert shop.condition("OnDemandBackup", "b2", "Succeeded")["reason"] == "Queued"
    for number in range(3):
        await shop.until("OnDemandBackup", f"b{number}", "Succeeded")
    # Their order is that of creation, then of names: they may be made in one second.
    runs = [shop.get("OnDemandBackup", f"b{number}")["status"] for number in range(3)]
    assert all(a["completionTime"] <= b["startTime"] for a, b in itertools.pairwise(runs))


async def test_the_eleventh_backup_of_a_day_waits_for_the_next(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    for number in range(10):
        await shop.back_up(f"b{number:02d}")
    for number in range(10):
        await shop.until("OnDemandBackup", f"b{number:02d}", "Succeeded")
    await shop.back_up("b10")
    waiting = await shop.until("OnDemandBackup", "b10", "Succeeded", "Unknown", "DailyLimitReached")
    assert "10 on-demand backups of a disk a day" in waiting["message"]
    starts = [shop.get("OnDemandBackup", "b00")["status"]["startTime"]]
    await shop.until("OnDemandBackup", "b10", "Succeeded", within=timedelta(hours=26))
    starts.append(shop.get("OnDemandBackup", "b10")["status"]["startTime"])
    first, eleventh = map(datetime.fromisoformat, starts)
    assert eleventh - first >= timedelta(hours=24)
