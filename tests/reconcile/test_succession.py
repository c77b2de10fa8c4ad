"""A policy is edited: Azure gets a successor, the disks move to it in their turn, the predecessor goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from harness.objects import policy, vault
from world.team import Team
from world.world import World

NINE_DAYS = {"default": {"days": 9}}


def policies(shop: Team, vault_name: str, stem: str) -> list[str]:
    """Return the policies of a stem that Azure has."""
    vault_id = shop.get("BackupVault", vault_name)["status"]["vaultID"]
    found = shop.portal("GET", f"{vault_id}/backupPolicies")["value"]
    return [each["name"] for each in found if each["name"].startswith(f"{stem}-")]


def in_use(shop: Team, name: str) -> str:
    return str(shop.get("DiskBackupPolicy", name)["status"]["policyID"]).rsplit("/", 1)[1]


def moved(shop: Team, names: list[str], to: str) -> bool:
    return all(shop.get("ProtectedDisk", name)["status"].get("policyID", "").endswith(f"/{to}") for name in names)


async def several(shop: Team, policy_name: str, count: int, **spec: str) -> list[str]:
    names = [f"data-{number}" for number in range(count)]
    for name in names:
        shop.make_claim(name)
        await shop.protect(name, name, policy_name, **spec)
    for name in names:
        await shop.until("ProtectedDisk", name, "Ready")
    return names


async def test_an_edit_moves_the_disks_in_their_turn_and_removes_what_it_replaced(world: World, shop: Team) -> None:
    await shop.apply(vault("moves"), policy("moves", "moves"))
    await shop.until("DiskBackupPolicy", "moves", "Ready")
    names = await several(shop, "moves", 4)
    old = in_use(shop, "moves")
    since = world.azure.request_count()
    await shop.apply(policy("moves", "moves", retention=NINE_DAYS))
    await world.passes(lambda: in_use(shop, "moves") != old, "the successor")
    new = in_use(shop, "moves")
    shown = shop.get("DiskBackupPolicy", "moves")["status"]
    assert shown["succession"] == {"from": old, "total": 4, "moved": shown["succession"]["moved"]}
    assert shown["predecessors"] == [old]
    await world.passes(lambda: moved(shop, names, new), "all have moved")
    await world.passes(lambda: policies(shop, "moves", "moves") == [new], "the predecessor is gone")
    for name in names:
        await shop.until("ProtectedDisk", name, "Ready")
    assert "succession" not in shop.get("DiskBackupPolicy", "moves")["status"]
    assert "predecessors" not in shop.get("DiskBackupPolicy", "moves")["status"]
    sent = world.writes(since)
    assert sent == ["backupPolicies.put", *["backupInstances.put"] * 4, "backupPolicies.delete"]
    times = [
        datetime.fromisoformat(each.time[:26])
        for each in world.azure.requests(since)
        if each.route == "backupInstances.put"
    ]
    assert all(b - a >= timedelta(seconds=1.9) for a, b in pairwise(times)), "one after the other"
    assert ("Warning", "DriftCorrected") not in shop.events("ProtectedDisk", names[0])
    since = world.azure.request_count()
    await world.advance(minutes=25)
    assert not world.writes(since)


async def test_an_edit_back_finds_the_old_policy(world: World, shop: Team) -> None:
    await shop.apply(policy("back", "demo"))
    await shop.until("DiskBackupPolicy", "back", "Ready")
    names = await several(shop, "back", 2)
    old = in_use(shop, "back")
    await shop.apply(policy("back", "demo", retention=NINE_DAYS))
    await world.passes(lambda: in_use(shop, "back") != old, "the successor")
    new = in_use(shop, "back")
    since = world.azure.request_count()
    await shop.apply(policy("back", "demo"))
    await world.passes(lambda: in_use(shop, "back") == old and moved(shop, names, old), "all are back")
    await world.passes(lambda: policies(shop, "demo", "back") == [old], "what was to be is gone")
    assert "backupPolicies.put" not in world.writes(since) and new != old
    for name in names:
        await shop.until("ProtectedDisk", name, "Ready")


async def test_two_edits_in_a_row_leave_one_policy(world: World, shop: Team) -> None:
    await shop.apply(policy("twice", "demo"))
    await shop.until("DiskBackupPolicy", "twice", "Ready")
    names = await several(shop, "twice", 2)
    old = in_use(shop, "twice")
    await shop.apply(policy("twice", "demo", retention=NINE_DAYS))
    await world.passes(lambda: in_use(shop, "twice") != old, "the successor")
    middle = in_use(shop, "twice")
    await shop.apply(policy("twice", "demo", schedule={"frequency": "Daily"}))
    await world.passes(lambda: in_use(shop, "twice") not in (old, middle), "its successor")
    last = in_use(shop, "twice")
    await world.passes(lambda: moved(shop, names, last), "all have moved")
    await world.passes(lambda: policies(shop, "demo", "twice") == [last], "both predecessors are gone")


async def test_an_edit_that_is_refused_changes_nothing(world: World, shop: Team) -> None:
    await shop.apply(policy("refused", "demo"))
    await shop.until("DiskBackupPolicy", "refused", "Ready")
    names = await several(shop, "refused", 1)
    old = in_use(shop, "refused")
    since = world.azure.request_count()
    await shop.apply(policy("refused", "demo", retention={"default": {"days": 90}}))
    await shop.until("DiskBackupPolicy", "refused", "Accepted", "False", "TooManyRestorePoints")
    await world.advance(minutes=30)
    assert not world.writes(since) and in_use(shop, "refused") == old
    assert shop.condition("ProtectedDisk", names[0], "Ready")["status"] == "True"
    await shop.apply(policy("refused", "demo"))
    await shop.until("DiskBackupPolicy", "refused", "Ready")


async def test_one_disk_is_sent_to_another_policy(world: World, shop: Team) -> None:
    await shop.apply(policy("silver", "demo", schedule={"frequency": "Daily"}))
    await shop.until("DiskBackupPolicy", "silver", "Ready")
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    since = world.azure.request_count()
    await shop.protect(policy="silver")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert world.writes(since) == ["backupInstances.put"]
    status = shop.get("ProtectedDisk", "data")["status"]
    assert (status["policy"], status["policyID"].split("/")[-1]) == ("silver", in_use(shop, "silver"))
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")


async def test_a_predecessor_stays_while_something_deleted_softly_refers_to_it(world: World, shop: Team) -> None:
    await shop.apply(vault("softly", access={"deletionNamespaces": {}}), policy("softly", "softly"))
    await shop.until("DiskBackupPolicy", "softly", "Ready")
    names = await several(shop, "softly", 2, deletionPolicy="Delete")
    old = in_use(shop, "softly")
    await shop.delete("ProtectedDisk", names[0])
    await shop.gone("ProtectedDisk", names[0])
    since = world.azure.request_count()
    await shop.apply(policy("softly", "softly", retention=NINE_DAYS))
    told = f"{old} stays: soft-deleted backup instances refer to it until 2026-"
    await world.passes(lambda: told in shop.condition("DiskBackupPolicy", "softly", "Synced").get("message", ""), told)
    assert shop.condition("DiskBackupPolicy", "softly", "Ready")["status"] == "True"
    assert "backupPolicies.delete" not in world.writes(since)
    await world.stop_operator()
    await world.advance(days=14)
    await world.start_operator()
    await world.passes(lambda: len(policies(shop, "softly", "softly")) == 1, "purged at last")
    assert world.writes(since).count("backupPolicies.delete") == 1
