"""With one role for a resource group, one disk is validated for all of them; each of the others is one write."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness import objects
from harness.objects import disk_id
from reconcile.conftest import MakeWorld
from reconcile.fleet import Fleet, Meter, condition
from world.team import Team
from world.world import World

DISKS = 50
VALIDATE = "backupVaults.validateForBackup"
GROUP = disk_id("x").rsplit("/providers", 1)[0]


@pytest.fixture
async def wide(world: World) -> Team:
    """A team with a policy whose vault has one role for each resource group."""
    found = await world.team()
    await found.apply(objects.vault(diskRoleScope="ResourceGroup", access={"deletionNamespaces": {}}), objects.policy())
    await found.until("DiskBackupPolicy", "gold", "Ready")
    return found


async def protect(team: Team, *numbers: int, **spec: str) -> None:
    """Have disks, and let the operator see all of them at once."""
    for number in numbers:
        team.make_claim(f"data-{number}")
    for number in numbers:
        team.world.make("ProtectedDisk", objects.disk(f"data-{number}", team.namespace, f"data-{number}", **spec))
    await team.world.settle()


@pytest.mark.parametrize(
    ("scope", "calls", "writes", "patches"),
    [
        # Role assignment, validation, its end, instance.
        pytest.param("Disk", 4, 3, 5, id="Disk"),
        pytest.param("ResourceGroup", 1, 1, 4.5, id="ResourceGroup"),
    ],
)
async def test_calls_from_apply_to_protected(
    new_world: MakeWorld, scope: str, calls: int, writes: int, patches: float
) -> None:
    world = new_world()
    fleet = Fleet(world, DISKS, namespaces=5)
    await fleet.prepare(diskRoleScope=scope)
    meter = Meter(world)
    fleet.protect()
    await fleet.until_ready(timedelta(hours=2))
    spent = meter.read()
    # A look before by the first ten, four looks at all of them, and what all share.
    assert spent.calls <= calls * DISKS + 30, spent
    assert spent.azure_writes <= writes * DISKS + 2, spent
    assert spent.kubernetes_writes <= patches * DISKS, spent


async def test_while_a_role_propagates_one_disk_asks_for_all(wide: Team) -> None:
    world = wide.world
    await world.advance(minutes=11)
    world.azure.knobs(role_propagation=20 * 60)
    since = world.azure.request_count()
    await protect(wide, *range(12))
    await world.advance(minutes=10)
    says = [condition(each, "Ready") for each in world.every("ProtectedDisk")]
    assert {each["reason"] for each in says} == {"WaitingForPermissions"}
    assert len({each["message"] for each in says}) == 1
    # Also of the one that asks: another try is no news, and no time in it moves.
    await world.says_the_same(minutes=8)
    for number in range(12):
        await wide.until("ProtectedDisk", f"data-{number}", "Ready", within=timedelta(minutes=15))
    calls = world.calls(since)
    assert calls.count(VALIDATE) <= 8 and calls.count("backupInstances.put") == 12


async def test_who_comes_later_is_one_write(wide: Team) -> None:
    world = wide.world
    world.azure.knobs(role_propagation=0)
    await protect(wide, 0)
    await wide.until("ProtectedDisk", "data-0", "Ready")
    since = world.azure.request_count()
    await protect(wide, 1)
    await wide.until("ProtectedDisk", "data-1", "Ready")
    assert world.writes(since) == ["backupInstances.put"]
    validated = wide.condition("ProtectedDisk", "data-1", "Validated")
    assert (validated["status"], validated["reason"]) == ("True", "NotNeeded")
    # As long as backups succeed, also days later, and after a restart.
    await world.advance(days=2)
    await world.kill_operator()
    await world.start_operator()
    await world.advance(minutes=5)
    since = world.azure.request_count()
    await protect(wide, 2)
    await wide.until("ProtectedDisk", "data-2", "Ready")
    assert world.writes(since) == ["backupInstances.put"]


async def test_a_role_that_was_revoked_shows_in_the_disk_and_the_next_one_is_validated(wide: Team) -> None:
    world = wide.world
    world.azure.knobs(role_propagation=0)
    await protect(wide, 0)
    await wide.until("ProtectedDisk", "data-0", "Ready")
    principal = wide.get("BackupVault", "demo")["status"]["principalID"]
    (assignment,) = wide.assignments(GROUP, principal)
    wide.portal("DELETE", assignment, version="2022-04-01")
    world.azure.knobs(role_propagation=30 * 60)
    since = world.azure.request_count()
    await protect(wide, 1)
    await wide.until("ProtectedDisk", "data-1", "Protected", "False", "ProtectionError")
    assert VALIDATE not in world.calls(since)
    await protect(wide, 2)
    await wide.until("ProtectedDisk", "data-2", "Validated", "False", "WaitingForPermissions")
    assert world.calls(since).count("backupInstances.put") == 1, "the third waits instead of failing, too"
    for number in range(3):
        await wide.until("ProtectedDisk", f"data-{number}", "Ready")
    assert wide.assignments(GROUP, principal), "put back by us"


async def test_a_role_that_is_revoked_while_it_is_waited_for_is_assigned_again(wide: Team) -> None:
    world = wide.world
    await world.advance(minutes=11)
    world.azure.knobs(role_propagation=3 * 3600)
    await protect(wide, *range(3))
    await world.advance(minutes=5)
    principal = wide.get("BackupVault", "demo")["status"]["principalID"]
    (assignment,) = wide.assignments(GROUP, principal)
    wide.portal("DELETE", assignment, version="2022-04-01")
    world.azure.knobs(role_propagation=0)
    await world.passes(lambda: wide.assignments(GROUP, principal), "it is assigned again", within=timedelta(hours=1))
    for number in range(3):
        await wide.until("ProtectedDisk", f"data-{number}", "Ready", within=timedelta(minutes=30))


async def test_a_role_that_is_new_again_is_waited_for(wide: Team) -> None:
    world = wide.world
    world.azure.knobs(role_propagation=0)
    await protect(wide, 0, deletionPolicy="Delete")
    await wide.until("ProtectedDisk", "data-0", "Ready")
    await wide.delete("ProtectedDisk", "data-0")
    await wide.gone("ProtectedDisk", "data-0")
    world.azure.knobs(role_propagation=10 * 60)
    await protect(wide, 1)
    await wide.until("ProtectedDisk", "data-1", "Validated", "False", "WaitingForPermissions")
    await wide.until("ProtectedDisk", "data-1", "Ready")


async def test_who_asks_for_all_may_be_deleted(wide: Team) -> None:
    world = wide.world
    world.azure.knobs(role_propagation=20 * 60)
    await protect(wide, *range(4))
    await world.advance(minutes=3)
    (first, *_) = (each for each in world.azure.requests() if each.route == VALIDATE)
    names = [f"data-{number}" for number in range(4)]
    (asks,) = (name for name in names if f"{wide.namespace}-{name}" in str(first.body))
    await wide.delete("ProtectedDisk", asks)
    for name in sorted({*names} - {asks}):
        await wide.until("ProtectedDisk", name, "Ready", within=timedelta(minutes=40))


async def test_many_that_are_gone_at_once_are_put_back(wide: Team) -> None:
    """What was protected before is validated each by itself, and waits for no other."""
    world = wide.world
    world.azure.knobs(role_propagation=0)
    await protect(wide, *range(6))
    names = [f"data-{number}" for number in range(6)]
    for name in names:
        await wide.until("ProtectedDisk", name, "Ready")
    instances = [wide.instance(name) for name in names]
    await world.advance(minutes=30)
    (vault,) = world.azure.service.azure.vaults.all.values()
    vault.instances.clear()
    since = world.azure.request_count()
    await world.passes(lambda: len(vault.instances) == 6, "they are back", within=timedelta(minutes=40))
    for name, instance in zip(names, instances, strict=True):
        await wide.until("ProtectedDisk", name, "Ready", within=timedelta(minutes=10))
        assert wide.instance(name) == instance
    assert world.calls(since).count("backupInstances.put") == 6


async def test_a_disk_that_is_refused_for_its_own_sake_holds_up_nobody(wide: Team) -> None:
    world = wide.world
    world.azure.knobs(role_propagation=0)
    code = "UserErrorDiskBackupDiskTypeNotSupported"
    world.azure.plant(VALIDATE, code=code, message="Not such a disk.", at_end=True)
    await protect(wide, *range(4))
    await world.advance(minutes=15)
    says = [condition(each, "Ready")["status"] for each in world.every("ProtectedDisk")]
    assert sorted(says) == ["False", "True", "True", "True"]


async def test_an_index_that_lags_delays_nobody_for_long(new_world: MakeWorld) -> None:
    world = new_world()
    fleet = Fleet(world, 12, namespaces=1)
    await fleet.prepare(diskRoleScope="ResourceGroup")
    world.azure.turn("replica", name="behind", route="resourceGraph", every=1, behind=True)
    since = world.azure.request_count()
    fleet.protect()
    await fleet.until_ready(timedelta(minutes=20))
    calls = world.calls(since)
    assert calls.count("backupInstances.put") == 12
    assert calls.count("backupInstances.get") <= 10 + 12, "in the end one look at each"
