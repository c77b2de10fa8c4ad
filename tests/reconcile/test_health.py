"""Whether backups happen: late ones are noticed in time and not before, and never because an index is behind."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from harness.objects import policy, vault
from world.team import Team
from world.world import CLIENT_ID, World

# A scheduled backup may start two hours late, and takes some time.
LIMIT = timedelta(hours=2, minutes=30)
SWEEP = timedelta(minutes=10)


def health(shop: Team) -> str:
    return str(shop.condition("ProtectedDisk", "data", "BackupHealthy").get("reason"))


def next_due(shop: Team) -> datetime:
    return datetime.fromisoformat(shop.get("ProtectedDisk", "data")["status"]["nextBackupTime"])


async def go_to(world: World, moment: datetime) -> None:
    await world.advance(seconds=(moment - world.azure.now).total_seconds())


async def protected(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    await shop.until("ProtectedDisk", "data", "BackupHealthy")


async def no_more_backups(world: World, shop: Team) -> datetime:
    """Protect a disk of which no backup comes any more; return when the first of them is due."""
    await protected(world, shop)
    # The next backup has its time already, the one after it never comes.
    world.azure.knobs(schedule_delay=10**7)
    await shop.after_the_next_backup()
    await world.advance(minutes=15)
    return next_due(shop)


async def test_a_backup_that_does_not_come_is_noticed_in_time_and_not_before(world: World, shop: Team) -> None:
    due = await no_more_backups(world, shop)
    since = world.azure.request_count()
    await go_to(world, due + LIMIT)
    assert health(shop) == "BackupSucceeded", "it may still come"
    await go_to(world, due + LIMIT + SWEEP + timedelta(seconds=5))
    assert health(shop) == "BackupOverdue"
    assert world.azure.counts(since)["recoveryPoints.list"] == 1, "its restore points could have told otherwise"
    assert shop.condition("ProtectedDisk", "data", "Ready")["status"] == "True"
    await world.says_the_same(minutes=60)


@pytest.mark.parametrize("by_offset", [0, 1], ids=["by its time zone", "by its offset"])
async def test_a_schedule_of_another_zone_means_the_same_however_azure_reads_it(
    world: World, shop: Team, by_offset: int
) -> None:
    world.azure.knobs(schedule_by_offset=by_offset)
    daily = {"frequency": "Daily", "startTime": "13:00", "timeZone": "Europe/Berlin"}
    await shop.apply(policy("berlin", "demo", schedule=daily))
    await shop.until("DiskBackupPolicy", "berlin", "Ready")
    shop.make_claim()
    await shop.protect(policy="berlin")
    await shop.until("ProtectedDisk", "data", "Ready")
    due = next_due(shop)
    await go_to(world, due + timedelta(hours=1))
    started = datetime.fromisoformat(shop.get("ProtectedDisk", "data")["status"]["lastBackup"]["startTime"])
    assert due <= started < due + timedelta(minutes=1)
    assert health(shop) == "BackupSucceeded"


async def test_an_index_that_lags_makes_no_backup_overdue(world: World, shop: Team) -> None:
    await protected(world, shop)
    due = next_due(shop)
    world.azure.knobs(graph_lag=4 * 3600)
    await go_to(world, due + LIMIT + 2 * SWEEP)
    assert health(shop) != "BackupOverdue", "its restore point tells that it came"
    world.azure.knobs(graph_lag=0)
    await shop.until("ProtectedDisk", "data", "BackupHealthy", within=timedelta(hours=4))


async def test_an_index_that_lags_makes_none_of_many_backups_overdue(world: World, shop: Team) -> None:
    # More than can be looked at by themselves at once: those who wait for their turn say nothing meanwhile.
    names = ["data", *(f"data-{number}" for number in range(1, 13))]
    for name in names:
        shop.make_claim(f"claim-{name}")
        await shop.protect(name, f"claim-{name}")
    for name in names:
        await shop.until("ProtectedDisk", name, "Ready")
    await shop.after_the_next_backup()
    await world.advance(minutes=15)
    due = next_due(shop)
    world.azure.knobs(graph_lag=4 * 3600)
    await go_to(world, due + LIMIT)
    since = world.azure.request_count()
    while world.azure.now < due + LIMIT + 2 * SWEEP:
        await world.advance(seconds=20)
        told = {shop.condition("ProtectedDisk", name, "BackupHealthy").get("reason") for name in names}
        assert told == {"BackupSucceeded"}
    assert world.azure.counts(since)["recoveryPoints.list"] == len(names)
    world.azure.knobs(graph_lag=0)
    await world.advance(minutes=15)


async def test_an_instance_that_is_gone_is_missed_with_its_backups_although_shown(world: World, shop: Team) -> None:
    await protected(world, shop)
    # For the failed ones, which are due still, Azure was asked before.
    world.azure.fail_backups("UserErrorDiskNotThere", "It failed.", "Try again.")
    await shop.after_the_next_backup()
    await world.advance(hours=3)
    assert health(shop) == "BackupOverdue"
    due = next_due(shop)
    # The list by which an index is checked comes from it as well.
    world.azure.turn("replica", name="behind", route=r"backupInstances\.list|resourceGraph", every=1, behind=True)
    shop.portal("DELETE", shop.instance())
    since = world.azure.request_count()
    await go_to(world, due + LIMIT)
    assert not world.azure.counts(since)["deletedBackupInstances.get"], "nothing tells of it yet"
    await world.advance(minutes=15)
    assert world.azure.counts(since)["deletedBackupInstances.undelete"] == 1


async def test_an_instance_of_which_no_backup_shows_is_read_again_while_none_does(world: World, shop: Team) -> None:
    due = await no_more_backups(world, shop)
    await go_to(world, due + LIMIT)
    since = world.azure.request_count()
    await world.advance(minutes=30)
    assert world.azure.counts(since)["backupInstances.get"] == 1
    await world.advance(hours=8)
    assert world.azure.counts(since)["backupInstances.get"] == 2, "not for each of the two that did not come either"
    assert health(shop) == "BackupOverdue"


async def test_what_rested_is_not_overdue_when_it_goes_on(world: World, shop: Team) -> None:
    await protected(world, shop)
    await shop.protect(protection="Suspended")
    await shop.until("ProtectedDisk", "data", "Ready", reason="Suspended")
    assert "activeSince" not in shop.get("ProtectedDisk", "data")["status"]
    await world.advance(hours=15)
    await shop.protect(protection="Active")
    await shop.until("ProtectedDisk", "data", "Ready", reason="Protected")
    await world.advance(minutes=30)
    assert health(shop) == "BackupSucceeded"


async def test_without_resource_graph_the_vault_is_listed_and_says_so(world: World, shop: Team) -> None:
    await shop.apply(vault("own"), policy("own", "own"))
    await shop.until("DiskBackupPolicy", "own", "Ready")
    shop.make_claim()
    await shop.protect(policy="own")
    await shop.until("ProtectedDisk", "data", "Ready")
    world.azure.deny(CLIENT_ID, ("Microsoft.ResourceGraph/.*", ".*"))
    says = (await shop.until("BackupVault", "own", "ResourceGraphUnavailable", reason="UsingVaultList"))["message"]
    assert "AuthorizationFailed" in says and "lists the vault" in says
    shop.portal("POST", f"{shop.instance()}/suspendBackups")
    await world.passes(
        lambda: ("Warning", "DriftCorrected") in shop.events("ProtectedDisk", "data"),
        "it is seen and put back",
    )
    await shop.until("ProtectedDisk", "data", "Ready")
    world.azure.deny(CLIENT_ID)
    await world.passes(lambda: not shop.condition("BackupVault", "own", "ResourceGraphUnavailable"), "it is over")


async def test_the_first_restore_point_of_a_new_disk_is_told_by_its_job(world: World, shop: Team) -> None:
    """Azure's index showed that there was none; whoever did not see that reads the list, once."""
    shop.make_claim()
    await shop.protect()
    await world.advance(minutes=15)
    since = world.azure.request_count()
    await shop.after_the_next_backup()
    await world.advance(minutes=10)
    points = shop.get("ProtectedDisk", "data")["status"]["restorePoints"]
    assert points["count"] == 1 and points["recent"][0]["computed"]
    assert "recoveryPoints.list" not in world.calls(since)


async def test_an_operator_that_is_new_reads_the_restore_points_of_a_disk_without_any(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await world.kill_operator()
    await world.advance(hours=5)
    await world.start_operator()
    await world.passes(
        lambda: shop.get("ProtectedDisk", "data")["status"].get("restorePoints", {}).get("count"), "it is counted"
    )
    assert world.calls(since).count("recoveryPoints.list") == 1
