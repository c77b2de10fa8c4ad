"""Errors of Azure: told for what they are, with what a person has to do, and retried no more often than makes sense."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest

from world.team import Team
from world.world import World

VALIDATE = "backupVaults.validateForBackup"


async def is_stalled(shop: Team, reason: str, *words: str) -> str:
    """Wait until the disk is stalled for a reason; return what it says."""
    message = str((await shop.until("ProtectedDisk", "data", "Stalled", "True", reason))["message"])
    assert all(word in message for word in words), message
    return message


def tries(world: World, since: int, route: str) -> list[datetime]:
    return [datetime.fromisoformat(each.time[:19]) for each in world.azure.requests(since) if each.route == route]


def thins_out(when: list[datetime]) -> bool:
    """Return whether tries come twice as late each time, up to an hour less what spreads them."""
    late = [b - a for a, b in itertools.pairwise(when)][-5:]
    return len(late) == 5 and all(gap >= timedelta(minutes=29) for gap in late)


@pytest.mark.parametrize(
    ("status", "code", "message", "reason", "remedy"),
    [
        (409, "ScopeLocked", "The scope is locked by 'keep'.", "ResourceLocked", "az lock list"),
        (403, "RequestDisallowedByPolicy", "Denied by 'tags'.", "DeniedByAzurePolicy", "Azure Policy"),
        (409, "ReadOnlyDisabledSubscription", "It is disabled.", "SubscriptionDisabled", "Enable the subscription"),
    ],
)
@pytest.mark.parametrize("route", [VALIDATE, "backupInstances.put"])
async def test_what_a_person_forbids_is_that_persons_affair(
    world: World, shop: Team, route: str, status: int, code: str, message: str, reason: str, remedy: str
) -> None:
    world.azure.plant(route, status=status, code=code, message=message, times=1000)
    shop.make_claim()
    since = world.azure.request_count()
    await shop.protect()
    await is_stalled(shop, reason, code, message, remedy)
    await world.advance(hours=12)
    assert thins_out(tries(world, since, route))
    world.azure.clear_faults()
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_an_error_of_azure_itself_is_nobodys_affair(world: World, shop: Team) -> None:
    error = {"code": "CloudServiceRetryableError", "message": "Later.", "is_user_error": False, "times": 3}
    world.azure.plant(VALIDATE, at_end=True, **error)
    shop.make_claim()
    await shop.protect()
    said = await shop.until("ProtectedDisk", "data", "Ready", "False", "Unavailable")
    assert "CloudServiceRetryableError: Later." in said["message"]
    assert not shop.condition("ProtectedDisk", "data", "Stalled")
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_a_409_that_is_not_known_is_told_in_azures_words(world: World, shop: Team) -> None:
    world.azure.plant("backupInstances.put", status=409, code="SomethingInUse", message="It is in use.", times=2)
    shop.make_claim()
    await shop.protect()
    said = await shop.until("ProtectedDisk", "data", "Ready", "False", "Waiting")
    assert "SomethingInUse: It is in use." in said["message"]
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_an_identity_that_does_not_exist_is_a_persons_affair(world: World, shop: Team) -> None:
    world.azure.plant("roleAssignments.put", status=400, code="PrincipalNotFound", message="Not found.", times=1000)
    shop.make_claim()
    since = world.azure.request_count()
    started = world.azure.now
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready", "False", "IdentityNotFound")
    assert not shop.condition("ProtectedDisk", "data", "Stalled"), "it may only not be replicated yet"
    await is_stalled(shop, "IdentityNotFound", "exists in the tenant")
    assert (world.azure.now - started).total_seconds() >= 45 * 60
    await world.advance(hours=12)
    assert thins_out(tries(world, since, "roleAssignments.put"))
    world.azure.clear_faults()
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_a_key_of_the_customer_needs_a_right_of_its_own(world: World, shop: Team) -> None:
    code = "UserErrorMSIPermissionsNotPresentOnDES"
    world.azure.plant(VALIDATE, at_end=True, code=code, message="No access.", times=1000)
    shop.make_claim()
    await shop.protect()
    said = await shop.until("ProtectedDisk", "data", "Validated", "False", "WaitingForPermissions")
    assert "to the disk's encryption set" in said["message"] and "Assign the role Reader" in said["message"]
    assert "snapshot resource group" not in said["message"]
    await is_stalled(shop, "WaitingForPermissions", "encryption set", "Assign the role Reader")
    world.azure.clear_faults()
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_a_vault_that_has_just_got_its_identity_closes_no_gate(world: World, shop: Team) -> None:
    world.azure.plant("backupInstances.put", status=429, code="FailedIdentityOperation", message="Wait.", times=1)
    shop.make_claim()
    shop.make_claim("data-1")
    await shop.protect("other", "data-1")
    await shop.protect()
    for name in ("data", "other"):
        await shop.until("ProtectedDisk", name, "Ready")


async def test_a_validation_that_is_answered_at_once_is_an_answer(world: World, shop: Team) -> None:
    world.azure.plant(VALIDATE, status=200, times=1)
    shop.make_claim()
    since = world.azure.request_count()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    assert len(tries(world, since, VALIDATE)) == 1


@pytest.mark.parametrize("sku", ["PremiumV2_LRS", "UltraSSD_LRS", "One_That_Is_New"])
async def test_which_disks_can_be_backed_up_is_azures_to_say(world: World, shop: Team, sku: str) -> None:
    """Support comes with time, and by region: no list of ours says what Azure would refuse."""
    code = "UserErrorDiskBackupDiskTypeNotSupported"
    world.azure.plant(VALIDATE, at_end=True, code=code, message="Unsupported disk type.", times=1)
    handle = shop.make_claim()
    shop.portal("PATCH", handle, {"sku": {"name": sku}}, version="2024-03-02")
    await shop.protect()
    await is_stalled(shop, "Refused", f"{code}: Unsupported disk type.")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert shop.get("ProtectedDisk", "data")["status"]["disk"]["sku"] == sku


@pytest.mark.parametrize("how", [{"at_end": True, "code": "UserErrorSomething", "message": "No."}, {"endless": True}])
async def test_what_befalls_an_operation_is_left_to_no_later_one(
    world: World, shop: Team, how: dict[str, object]
) -> None:
    """Neither a request that reads starts an operation, nor one that ends at once."""
    disk = shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    world.azure.plant("disks", times=1, **how)
    shop.portal("GET", disk, version="2024-03-02")
    shop.portal("PATCH", disk, {"tags": {"seen": "yes"}}, version="2024-03-02")
    since = world.azure.request_count()
    await shop.protect(protection="Stopped")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert world.writes(since) == ["backupInstances.stopProtection"]


@pytest.mark.parametrize("how", [{"at_end": True, "code": "UserErrorSomething", "message": "No."}, {"endless": True}])
async def test_a_change_that_came_to_nothing_is_repeated(world: World, shop: Team, how: dict[str, object]) -> None:
    """Azure takes no other operation on an instance meanwhile, and one afterwards."""
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    world.azure.plant("backupInstances.stopProtection", times=1, **how)
    since = world.azure.request_count()
    await shop.protect(protection="Stopped")
    await world.advance(hours=1)
    world.azure.clear_faults()
    await shop.until("ProtectedDisk", "data", "Ready", "True", "Stopped", within=timedelta(hours=8))
    assert world.writes(since).count("backupInstances.stopProtection") == 2
