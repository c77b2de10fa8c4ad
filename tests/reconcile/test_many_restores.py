"""Many restores at once: what each costs, whose turn it is, and that nobody else waits; `make bench` has the times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product

from azdiskbackup.core.rules.intervals import JOB_POLL
from bench.restores import ahead
from harness import objects
from reconcile.restore_world import RESTORES, ended, verdict
from world.team import Team
from world.world import CLIENT_ID, World

TEAMS = 5
DISKS = ("a", "b")
EVERY = TEAMS * len(DISKS)
SHARE = 0.4
# Of reads of restore points, the scarcest of the requests, the share allows so many at once, and then one at a time.
AT_ONCE = 4
TURN = timedelta(seconds=300 / (0.9 * SHARE * 100))


async def backed_up(world: World, shop: Team) -> tuple[list[Team], Team]:
    """Return teams, and another one, that have restore points of their disks in status."""
    world.azure.knobs(role_propagation=0)
    await shop.patch("BackupVault", "demo", {"spec": RESTORES})
    teams, other = [shop, *[await world.team() for _ in range(TEAMS - 1)]], await world.team()
    for team, name in [*product(teams, DISKS), (other, "before"), (other, "meanwhile")]:
        team.make_claim(name)
        await team.protect(name, name)
        await team.until("ProtectedDisk", name, "Ready")
    await shop.after_the_next_backup()
    await world.advance(minutes=30)
    return teams, other


def restore(world: World, team: Team, name: str) -> None:
    target = {"persistentVolumeClaim": {"name": f"{name}-back"}}
    world.make("DiskRestore", objects.restore(name, team.namespace, name, target=target))


def restore_all(world: World, teams: Sequence[Team]) -> None:
    """Create all restores at one moment, those of a team before those of the next one."""
    for team, name in product(teams, DISKS):
        restore(world, team, name)


async def test_many_restores_cost_as_much_as_one_each_and_namespaces_take_turns(world: World, shop: Team) -> None:
    teams, _ = await backed_up(world, shop)
    namespaces = {team.instance(name): team.namespace for team in teams for name in DISKS}
    asked, written, started = world.azure.request_count(), len(world.server.store.writes), world.clock.now()
    restore_all(world, teams)
    for team, name in product(teams, DISKS):
        await ended(team, name)
        assert verdict(team, name) == ("True", "Completed")
    sent = [each for each in world.azure.requests(asked) if each.caller == CLIENT_ID]
    # As `test_calls_and_writes_of_a_restore_are_counted` counts one alone; they share the role.
    routes = ("operations.", "backupInstances.", "backupJobs.", "recoveryPoints.", "disks.")
    counts = Counter(each.route for each in sent if each.route.startswith(routes))
    assert counts.total() == 8 * EVERY, counts
    assert sum(each.writes for each in sent if each.route in counts) == 3 * EVERY, counts
    further = [each.route for each in sent if each.writes and each.route not in counts]
    assert further == ["roleAssignments.put", "roleAssignments.delete"]
    told = [each for each in world.server.store.writes[written:] if each[:2] == ("diskrestores", "status")]
    assert len(told) == 5 * EVERY
    assert all(each.status < 400 for each in sent)
    reads = [datetime.fromisoformat(each.time) - started for each in sent if each.route == "recoveryPoints.get"]
    assert all(read >= turn * TURN for turn, read in enumerate(reads[AT_ONCE:], 1)), "the share is kept"
    order = [each.path.removesuffix("/restore") for each in sent if each.route == "backupInstances.restore"]
    assert sorted(order) == sorted(namespaces), "each once"
    assert ahead(namespaces[each] for each in order[AT_ONCE:]) <= 1, order


async def test_many_restores_hold_up_no_disk_and_no_restore_of_others(world: World, shop: Team) -> None:
    teams, other = await backed_up(world, shop)
    took: dict[str, tuple[timedelta, timedelta]] = {}
    for name, many in (("before", []), ("meanwhile", teams)):
        restore_all(world, many)
        await world.settle()
        other.make_claim(f"{name}-new")
        asked, applied = world.azure.request_count(), world.clock.now()
        restore(world, other, name)
        await other.protect(f"{name}-new", f"{name}-new")
        first = next(each for each in world.azure.requests(asked) if f"{name}-new" in each.path)
        assert datetime.fromisoformat(first.time) - applied < timedelta(seconds=1), "its first call is sent at once"
        await ended(other, name)
        disk, restored = since_when(other, "ProtectedDisk", f"{name}-new"), since_when(other, "DiskRestore", name)
        took[name] = (disk - applied, restored - applied)
        await world.advance(minutes=10)
    (disk_before, restored_before), (disk_meanwhile, restored_meanwhile) = took["before"], took["meanwhile"]
    assert disk_meanwhile - disk_before < timedelta(seconds=1), took
    # One of each namespace that came before, not all of theirs.
    assert timedelta(seconds=1) < restored_meanwhile - restored_before < TEAMS * TURN, took


async def test_disks_that_are_restored_at_one_moment_are_all_seen_in_turn(world: World, shop: Team) -> None:
    # As Azure's answers of 2026 tell: all may be requested at once, and more jobs end than may be looked at at once.
    world.azure.turn("limits", reads=1100, writes=800, deletes=800)
    teams, _ = await backed_up(world, shop)
    asked = world.azure.request_count()
    restore_all(world, teams)
    for team, name in product(teams, DISKS):
        await ended(team, name)
    ends = [since_when(team, "DiskRestore", name) for team, name in product(teams, DISKS)]
    assert max(ends) - min(ends) < JOB_POLL / 2, "nobody waits for the next look at jobs, since no sweep shows its own"
    assert world.calls(asked).count("backupJobs.get") == EVERY


def since_when(team: Team, kind: str, name: str) -> datetime:
    found = team.condition(kind, name, "Ready")
    assert found["status"] == "True", found
    return datetime.fromisoformat(found["lastTransitionTime"])
