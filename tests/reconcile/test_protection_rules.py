"""DiskProtectionRules: what they select is protected without an object that anybody wrote."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.core.objects.markers import FOLLOW_PVC, PROTECT
from azdiskbackup.core.protected_disk.desired import OWNER_TAGS
from harness import objects
from reconcile.rule_world import (
    CLAIM,
    DISK,
    NAME,
    RULE,
    enforce,
    made,
    make,
    numbers,
    protected,
    skipped,
    status,
)
from world.team import Team
from world.world import World


async def test_what_a_rule_selects_is_protected(world: World, shop: Team) -> None:
    make(shop, "data-0", "data-1")
    await enforce(shop)
    await protected(shop, "data-0", "data-1")
    await world.advance(minutes=5)
    found = shop.get(DISK, "data-0")
    assert found["metadata"]["labels"] == {"azdiskbackup.io/rule": NAME}
    assert "ownerReferences" not in found["metadata"]
    assert found["spec"]["deletionPolicy"] == "Retain" and found["spec"]["policyRef"] == {"name": "gold"}
    assert numbers(shop) == (2, 2, 0) and skipped(shop) == {} and status(shop)["disks"] == 2
    assert shop.says(RULE, NAME) == "2 of 2 PVCs are protected."

    make(shop, "data-2")
    await protected(shop, "data-2")
    await world.advance(minutes=5)
    assert numbers(shop) == (3, 3, 0)


async def test_a_dry_run_makes_nothing_and_tells_what_it_would_do(world: World, shop: Team) -> None:
    make(shop, "data-0", "data-1")
    make(shop, "scratch", **{PROTECT: "false"})
    await enforce(shop, mode="DryRun")
    assert made(shop) == [] and numbers(shop) == (3, 0, 2) and skipped(shop) == {"OptedOut": 1}
    ready = shop.condition(RULE, NAME, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "DryRun")
    assert shop.condition(RULE, NAME, "ClaimsProtected")["status"] == "False"
    assert "2 would be" in shop.says(RULE, NAME)

    await enforce(shop)
    await protected(shop, "data-0", "data-1")
    assert sorted(made(shop)) == ["data-0", "data-1"]
    await enforce(shop, mode="DryRun", whenUnselected="Stop", namespaceSelector={"matchLabels": {"no": "one"}})
    await world.advance(hours=1)
    assert shop.get(DISK, "data-0")["spec"]["protection"] == "Active"


async def test_a_dry_run_takes_nothing_from_a_rule_that_works(world: World, shop: Team) -> None:
    make(shop, "data-0")
    await enforce(shop, "first", priority=100, mode="DryRun")
    await enforce(shop, "second")
    await protected(shop, "data-0")
    assert shop.get(DISK, "data-0")["metadata"]["labels"] == {"azdiskbackup.io/rule": "second"}
    await world.advance(minutes=5)
    assert numbers(shop, "first") == (1, 1, 0) and numbers(shop, "second") == (1, 1, 0)
    await enforce(shop, "third", mode="DryRun")
    assert numbers(shop, "third") == (0, 0, 0), "the second one is older"


async def test_the_rule_with_the_highest_priority_decides(world: World, shop: Team) -> None:
    await shop.apply(objects.policy("silver"))
    await shop.until("DiskBackupPolicy", "silver", "Ready")
    make(shop, "data-0", tier="db")
    make(shop, "data-1")
    await enforce(shop, "all")
    await enforce(shop, "special", policy="silver", priority=1, claimSelector={"matchLabels": {"tier": "db"}})
    await protected(shop, "data-0", "data-1")
    await world.advance(minutes=5)
    assert shop.get(DISK, "data-0")["spec"]["policyRef"] == {"name": "silver"}
    assert shop.get(DISK, "data-1")["spec"]["policyRef"] == {"name": "gold"}
    assert numbers(shop, "all") == (1, 1, 0) and numbers(shop, "special") == (1, 1, 0)

    await shop.delete(RULE, "special")
    await world.advance(minutes=5)
    await protected(shop, "data-0")
    assert shop.get(DISK, "data-0")["metadata"]["labels"] == {"azdiskbackup.io/rule": "all"}
    assert shop.get(DISK, "data-0")["spec"]["policyRef"] == {"name": "gold"}


async def test_so_many_an_hour_also_with_another_leader(world: World, shop: Team) -> None:
    make(shop, *(f"data-{number}" for number in range(5)))
    await enforce(shop, maxNewPerHour=2)
    assert len(made(shop)) == 2 and numbers(shop)[2] == 5 - numbers(shop)[1]
    throttled = shop.condition(RULE, NAME, "Throttled")
    assert (throttled["status"], throttled["reason"]) == ("True", "HourlyLimitReached")
    assert status(shop)["newThisHour"] == 2 and "3 PVCs are left" in throttled["message"]

    await world.kill_operator()
    await world.start_operator()
    await world.advance(minutes=10)
    assert len(made(shop)) == 2
    await world.advance(minutes=50)
    assert len(made(shop)) == 4
    await world.advance(hours=1)
    assert len(made(shop)) == 5
    await protected(shop, "data-0", "data-1", "data-2", "data-3", "data-4")
    await world.advance(minutes=5)
    assert shop.condition(RULE, NAME, "Throttled") == {} and numbers(shop) == (5, 5, 0)


async def test_an_hour_that_status_does_not_tell_is_read_from_what_was_made(world: World, shop: Team) -> None:
    make(shop, *(f"data-{number}" for number in range(3)))
    await enforce(shop, maxNewPerHour=2)
    await world.kill_operator()
    await shop.patch(RULE, NAME, {"status": {"newThisHour": None, "hourStartTime": None}}, "status")
    await world.start_operator()
    await world.advance(minutes=30)
    assert len(made(shop)) == 2


# --- what is not selected any more --------------------------------------------------------------------


async def test_what_is_not_selected_any_more_is_kept(world: World, shop: Team) -> None:
    make(shop, "data-0", tier="db")
    await enforce(shop, claimSelector={"matchLabels": {"tier": "db"}})
    await protected(shop, "data-0")
    await shop.patch(CLAIM, "data-0", {"metadata": {"labels": {"tier": "web"}}})
    await world.advance(hours=2)
    assert shop.get(DISK, "data-0")["spec"]["protection"] == "Active"
    assert numbers(shop) == (0, 0, 0) and status(shop)["kept"] == 1
    await shop.delete(RULE, NAME)
    await world.advance(hours=2)
    assert shop.exists(DISK, "data-0")


async def test_or_stopped_and_resumed(world: World, shop: Team) -> None:
    make(shop, "data-0", tier="db")
    await enforce(shop, claimSelector={"matchLabels": {"tier": "db"}}, whenUnselected="Stop")
    await protected(shop, "data-0")
    await shop.patch(CLAIM, "data-0", {"metadata": {"labels": {"tier": "web"}}})
    await shop.until(DISK, "data-0", "Ready", reason="Stopped")
    assert shop.get(DISK, "data-0")["spec"]["protection"] == "Stopped"
    await world.advance(minutes=5)
    assert status(shop)["withdrawnThisHour"] == 1 and status(shop)["kept"] == 1
    await shop.patch(CLAIM, "data-0", {"metadata": {"labels": {"tier": "db"}}})
    await shop.until(DISK, "data-0", "Ready", reason="Protected")
    assert "azdiskbackup.io/stopped-by-rule" not in shop.get(DISK, "data-0")["metadata"]["labels"]


async def test_what_a_person_stopped_stays_stopped(world: World, shop: Team) -> None:
    make(shop, "data-0")
    await enforce(shop)
    await protected(shop, "data-0")
    await shop.patch(DISK, "data-0", {"spec": {"protection": "Stopped"}})
    await shop.until(DISK, "data-0", "Ready", reason="Stopped")
    await world.advance(hours=1)
    assert shop.get(DISK, "data-0")["spec"]["protection"] == "Stopped" and skipped(shop) == {"Stopped": 1}


async def test_backups_outlive_a_pvc(world: World, shop: Team) -> None:
    make(shop, "data-0", "data-1")
    await enforce(shop, gracePeriodHours=6)
    await protected(shop, "data-0", "data-1")
    instance = shop.instance("data-0")
    await shop.delete(CLAIM, "data-0")
    await world.advance(hours=5)
    assert shop.exists(DISK, "data-0") and status(shop)["kept"] == 1
    await world.kill_operator()
    await world.start_operator()
    await shop.gone(DISK, "data-0", within=timedelta(hours=2))
    assert shop.portal("GET", instance)["properties"]["currentProtectionState"] == "ProtectionStopped"
    await world.advance(minutes=5)
    assert numbers(shop) == (1, 1, 0)


async def test_the_grace_period_begins_when_the_pvc_goes_whatever_was_wrong_before(world: World, shop: Team) -> None:
    handle = shop.make_claim("data-0")
    vault, policy = (
        shop.get(kind, name)["status"] for kind, name in (("BackupVault", "demo"), ("DiskBackupPolicy", "gold"))
    )
    tags = dict(zip(OWNER_TAGS, ("another-cluster", "far", "away"), strict=True))
    await shop.protect_by_hand(f"{shop.namespace}-theirs", handle, vault["vaultID"], policy["policyID"], tags)
    await enforce(shop, gracePeriodHours=2)
    await shop.until(DISK, "data-0", "DiskResolved", "False", "OwnedElsewhere")
    await world.advance(hours=3)
    await shop.delete(CLAIM, "data-0")
    await world.advance(hours=1, minutes=50)
    assert shop.exists(DISK, "data-0")
    await shop.gone(DISK, "data-0", within=timedelta(minutes=15))


@pytest.mark.parametrize("how", [{"whenClaimDeleted": "Keep"}, {"mode": "DryRun"}])
async def test_where_the_rule_says_so_its_object_stays(world: World, shop: Team, how: Any) -> None:
    make(shop, "data-0")
    await enforce(shop, gracePeriodHours=1)
    await protected(shop, "data-0")
    await enforce(shop, gracePeriodHours=1, **how)
    await shop.delete(CLAIM, "data-0")
    await world.advance(hours=12)
    assert shop.exists(DISK, "data-0")


async def test_who_asked_for_the_backups_to_be_deleted_does_it_without_the_rule(world: World, shop: Team) -> None:
    """A rule never deletes an object with which restore points would go."""
    await shop.apply(objects.vault(access={"namespaces": {}, "deletionNamespaces": {}}))
    make(shop, "data-0")
    await enforce(shop, gracePeriodHours=1)
    await protected(shop, "data-0")
    await shop.patch(DISK, "data-0", {"spec": {"deletionPolicy": "Delete"}})
    await shop.delete(CLAIM, "data-0")
    await world.advance(hours=8)
    assert shop.exists(DISK, "data-0")


async def test_a_pvc_that_is_made_again_is_followed(world: World, shop: Team) -> None:
    make(shop, "data-0")
    await enforce(shop)
    await protected(shop, "data-0")
    first = shop.get(DISK, "data-0")["status"]["disk"]["id"]
    await shop.delete(CLAIM, "data-0")
    disk = {"subscription": objects.SUBSCRIPTION, "group": "disks-rg", "name": "next", "location": "westeurope"}
    world.azure.seed(disks=[disk])
    shop.bind("data-0", "next", objects.disk_id("next"))
    uid = shop.get(CLAIM, "data-0")["metadata"]["uid"]
    await world.passes(
        lambda: (shop.get(DISK, "data-0")["status"].get("disk") or {}).get("name") == "next", "the next disk"
    )
    await protected(shop, "data-0")
    found = shop.get(DISK, "data-0")
    assert found["metadata"]["annotations"] == {FOLLOW_PVC: uid}
    assert [each["id"] for each in found["status"]["earlierDisks"]] == [first]
