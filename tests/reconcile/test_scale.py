"""What many disks cost, counted: an extra call is a bug. The times are measured by ``make bench``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.azure.gateways.resource_graph import Graph
from azdiskbackup.azure.transport.limits import limits_of
from azdiskbackup.reconcilers.protected_disk.state import BURST_SIZE
from azure_simulator.client import Sent
from harness import objects
from harness.objects import Json
from reconcile.conftest import MakeWorld
from reconcile.fleet import EVERY, Fleet, Meter, condition, disk_in_azure, holds, since_when
from world.team import Team
from world.world import CLIENT_ID, World

DISKS = 50
WORKERS = 16
SHARE = 0.4
SWEEP = timedelta(minutes=10)
LATE = timedelta(hours=1, minutes=59)


async def test_what_many_disks_cost(new_world: MakeWorld) -> None:
    world = new_world()
    azure, fleet = world.azure, Fleet(world, DISKS, namespaces=5)
    await fleet.prepare()

    meter = Meter(world)
    fleet.protect()
    await fleet.until_ready(timedelta(hours=12))
    protected = meter.read()
    # Role assignment, validation and its end, instance and its state; a look before by the first ten; what all share.
    assert protected.calls / DISKS <= 5 + 15 / DISKS and protected.azure_writes / DISKS == 3, protected
    # Finalizer, three times status, one event; and what vault and policy say.
    assert protected.kubernetes_writes / DISKS <= 5 + 10 / DISKS, protected

    await fleet.to_after_a_backup(timedelta(hours=3, minutes=50))
    # Those after the next are as late as Azure may have them: until then all restore points can be read, and nothing
    # is left to do.
    azure.knobs(schedule_delay=LATE.total_seconds())
    meter.read()
    points, since = azure.points_kept(), world.clock.now()
    await world.advance(seconds=EVERY.total_seconds())
    steady, new_points = meter.read(), azure.points_kept() - points
    assert steady.azure_writes == 0, steady
    assert new_points == DISKS and steady.azure["recoveryPoints.list"] / new_points <= 0.1, (steady, new_points)
    assert all(since <= _newest_point(each) for each in fleet.disks()), "by their jobs"
    # Two queries a sweep, one an hour for the disks, and a look at vault, group, right and policy.
    assert steady.an_hour(without="recoveryPoints.list") <= 6 * 2 + 1 + 6 * 4, steady

    wait = read_within(DISKS)
    sweeps = min(3, (EVERY + LATE - wait) // SWEEP)
    await world.advance(seconds=(fleet.last_backup + wait - world.clock.now()).total_seconds())
    meter.read()
    await world.advance(seconds=(sweeps * SWEEP).total_seconds())
    idle = meter.read()
    assert idle.kubernetes_writes == 0, idle

    await burst(fleet, meter)
    await change_each(fleet)

    await world.advance(minutes=5)
    await world.kill_operator()
    since, started = azure.request_count(), world.clock.now()
    await world.start_operator()
    while waiting(world) and world.clock.now() < started + timedelta(hours=1):
        await world.advance(seconds=1)
    assert world.calls(since) and not world.writes(since)


def read_within(size: int) -> timedelta:
    """Return how long after a backup all is read, and the time of the next one is in status."""
    points = ("microsoft.dataprotection/backupvaults/backupinstances/recoverypoints", "read")
    scarce = next(each for each in limits_of(*points, SHARE) if each.name.startswith("reads of"))
    # The backups take four minutes, and a sweep shows them.
    read = timedelta(seconds=size / scarce.per_second, minutes=5) + SWEEP
    # More than that cannot be read between two backups: then the last sweep before the next one has to do.
    return min(max(read, EVERY + 2 * SWEEP), EVERY + LATE - SWEEP)


def waiting(world: World) -> int:
    """Return how many objects wait for Azure's limits, those apart that only lack the newest restore points."""
    lines = world.operator.engine.state().waiting
    return sum(number for _, name, number, _ in lines if "recoverypoints" not in name)


async def burst(fleet: Fleet, meter: Meter) -> None:
    """A backup of every disk on demand, all in a minute, and another team's disk in the middle of it."""
    world, azure, parts = fleet.world, fleet.world.azure, 12
    azure.seed(disks=[disk_in_azure("other")])
    meter.read()
    since, start = azure.request_count(), world.clock.now()
    for part in range(parts):
        fleet.back_up(fleet.size * part // parts, fleet.size * (part + 1) // parts)
        await world.advance(seconds=60 / parts)
    applied = world.clock.now()
    world.make("Namespace", objects.namespace("another-team"))
    source = {"diskID": objects.disk_id("other")}
    world.make("ProtectedDisk", objects.disk("other", "another-team", "none", "gold", source=source))
    while (left := sum(not holds(each, "Succeeded") for each in fleet.backups())) > 0:
        assert world.clock.now() <= start + timedelta(hours=12), f"{left} of {fleet.size} backups have not succeeded"
        await world.advance(seconds=120)
    # Its request, its operation, its job, its restore point; what all share, and a disk.
    spent = meter.read()
    assert spent.calls / fleet.size <= 5, spent
    sent = [each for each in azure.requests(since) if each.caller == CLIENT_ID]
    # Each once, in order, and one that is not part of it at once.
    asked = _backups(sent)
    assert len(asked) == len(set(asked)) == fleet.size
    assert _disorder(fleet, asked) <= WORKERS
    first = next(datetime.fromisoformat(each.time) for each in sent if "/disks/other" in each.path)
    assert (first - applied).total_seconds() <= 10
    other = next(each for each in fleet.disks() if each["metadata"]["name"] == "other")
    assert since_when(other, "Ready") >= applied


def _newest_point(disk: Json) -> datetime:
    return datetime.fromisoformat(disk["status"]["restorePoints"]["newest"])


def _backups(sent: list[Sent]) -> list[str]:
    return [each.path.split("/")[-2] for each in sent if each.route == "backupInstances.backup"]


def _disorder(fleet: Fleet, asked: list[str]) -> int:
    """Return by how many places a backup was sent sooner or later than it was created."""
    instances = {each["metadata"]["name"]: each["status"]["backupInstanceID"] for each in fleet.disks()}
    created = [instances[name].rsplit("/", 1)[1] for _, name in fleet.places]
    return max(abs(created.index(name) - position) for position, name in enumerate(asked))


async def change_each(fleet: Fleet) -> None:
    """Suspend disks one by one: each change becomes a call to Azure at once."""
    world = fleet.world
    for namespace, name in fleet.places:
        since = world.azure.request_count()
        await Team(world, namespace).patch("ProtectedDisk", name, {"spec": {"protection": "Suspended"}})
        assert world.calls(since), f"no call for {name}"
        await world.advance(seconds=1)


async def test_a_burst_of_backups_runs_in_order_and_holds_up_nobody(new_world: MakeWorld) -> None:
    # So little of Azure's limits that the burst needs an hour of them.
    world = new_world(azure_share_percent=5)
    azure, fleet = world.azure, Fleet(world, DISKS, namespaces=1)
    azure.knobs(role_propagation=0)
    fleet.make()
    azure.seed(disks=[disk_in_azure("new")])
    await world.start_operator()
    await fleet.make_policy()
    azure.plant("backupInstances.put", path="data-49", status=403, code="AuthorizationFailed", message="Not you.")
    fleet.protect()
    await world.advance(minutes=2)
    assert "WaitingForAzureLimits" in {condition(each, "Ready").get("reason") for each in fleet.disks()}
    await fleet.until_ready(timedelta(hours=12))
    in_order = sorted(world.every("Event", "team-0"), key=lambda each: str(each["eventTime"]))
    status = [each["reason"] for each in in_order if each["regarding"]["name"] == "data-49"]
    assert status == ["AccessDenied", "Protected"], "whoever waited says how its step ended"
    since, start = azure.request_count(), world.clock.now()
    fleet.back_up()
    world.make("Namespace", objects.namespace("another"))
    source = {"diskID": objects.disk_id("new")}
    world.make("ProtectedDisk", objects.disk("single", "another", "none", "gold", source=source))
    await world.advance(minutes=5)
    (single,) = world.every("ProtectedDisk", "another")
    assert since_when(single, "Ready") < start + timedelta(minutes=4), "a flood holds up nobody"
    for _ in range(24):
        if all(holds(each, "Succeeded") for each in fleet.backups()):
            break
        await world.advance(minutes=30)
    done = fleet.backups()
    assert [condition(each, "Succeeded").get("status") for each in done] == ["True"] * DISKS
    assert len({each["status"]["jobID"] for each in done}) == DISKS
    sent = [each for each in azure.requests(since) if each.caller == CLIENT_ID]
    assert not [each for each in sent if each.status == 429], "the budget stays within what Azure allows"
    started = _backups(sent)
    assert len(started) == DISKS
    assert _disorder(fleet, started) <= WORKERS, (
        "in the order of their creation, as far as several are worked on at a time"
    )


async def test_new_disks_of_many_subscriptions_wait_for_the_queries_about_all_of_them(new_world: MakeWorld) -> None:
    """Those are more than may be sent at once; a GET for each disk would take longer."""
    world = new_world()
    subscriptions = [objects.SUBSCRIPTION, *_others(world, 5)]
    fleet = Fleet(world, 6 * 20, namespaces=5, subscriptions=subscriptions)
    await fleet.prepare(diskRoleScope="ResourceGroup")
    meter = Meter(world)
    fleet.protect()
    await fleet.until_ready(timedelta(hours=2))
    spent = meter.read()
    # The first ten ask by themselves: whoever comes alone waits for nobody. So do the last few.
    assert spent.azure["backupInstances.get"] + spent.azure["disks.get"] <= 20, spent
    # Finalizer, two times status, one event; and what vault and policy say.
    assert spent.kubernetes_writes <= 4 * fleet.size + 4 * len(subscriptions), spent


def _others(world: World, count: int) -> list[str]:
    """Make further subscriptions, which the operator may use as it may the first one."""
    found = [f"{number:08d}-0000-4000-8000-000000000001" for number in range(1, count + 1)]
    world.azure.seed(subscriptions=found, groups=objects.groups(*found))
    world.grant(*found, objects.SUBSCRIPTION)
    return found


async def test_a_subscription_that_answers_nothing_holds_up_no_other(new_world: MakeWorld) -> None:
    world = new_world()
    azure = world.azure
    azure.knobs(role_propagation=0)
    subscriptions = _others(world, 20)
    azure.seed(disks=[disk_in_azure("d", subscription) for subscription in subscriptions])
    dead = subscriptions[7]
    azure.plant(".*", path=f"/subscriptions/{dead}/", times=10**9, status=429, headers={"Retry-After": "600"})
    await world.start_operator()
    for number, subscription in enumerate(subscriptions):
        access = {"diskIDNamespaces": {}}
        source = {"diskID": objects.disk_id("d", subscription)}
        world.make("BackupVault", objects.vault(f"v{number}", subscriptionID=subscription, access=access))
        world.make("DiskBackupPolicy", objects.policy(f"p{number}", f"v{number}"))
        world.make("ProtectedDisk", objects.disk(f"d{number}", "default", "none", f"p{number}", source=source))
    await world.advance(minutes=15)
    ready = {each["metadata"]["name"] for each in world.every("ProtectedDisk") if holds(each, "Ready")}
    assert ready == {f"d{number}" for number in range(20)} - {"d7"}
    vault = next(each for each in world.every("BackupVault") if each["metadata"]["name"] == "v7")
    assert "Throttled" in condition(vault, "Ready")["reason"], "and says what is wrong"
    refused = [each for each in azure.requests() if each.status == 429]
    assert {each.path.split("/")[2] for each in refused} == {dead} and len(refused) < 10, "not before its time"


async def test_who_edits_a_disk_waits_for_no_others_that_a_new_leader_has_to_look_at(
    world: World, shop: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"data-{number:02}" for number in range(40)]
    for name in names:
        shop.make_claim(name)
        await shop.protect(name, name)
    await world.passes(lambda: all(holds(shop.get("ProtectedDisk", each), "Ready") for each in names), "all are Ready")
    await world.kill_operator()
    for name in names:
        await shop.patch("ProtectedDisk", name, {"spec": {"protection": "Suspended"}})
    since = world.azure.request_count()

    async def at_once() -> None:
        """Wait for nothing: the edit comes while the new leader has looked at none of them."""

    with monkeypatch.context() as now:
        now.setattr(world, "settle", at_once)
        operator = await world.start_operator()
    last = [key.name for key in operator.engine._queue.ready if key.kind == "ProtectedDisk"][-1]
    await shop.patch("ProtectedDisk", last, {"spec": {"protection": "Stopped"}})
    await world.advance(minutes=5)
    changed = [each for each in world.calls(since) if each.startswith("backupInstances.s")]
    assert changed.count("backupInstances.suspendBackups") == len(names) - 1
    assert changed.index("backupInstances.stopProtection") <= WORKERS // 4 + 1, "behind those that are in work"


async def test_by_a_setting_only_disks_that_need_attention_have_series(world: World, shop: Team) -> None:
    shop.make_claim("data-0")
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    for wanted, count in (("All", 1), ("NeedingAttention", 0)):
        await world.kill_operator()
        operator = await world.start_operator(metrics_disks=wanted)
        told = {family.name: len(family.samples) for family in operator.engine.fleet.collect()}
        assert (told["azdiskbackup_disk_info"], told["azdiskbackup_namespace_disks"]) == (count, 1)


@pytest.mark.parametrize(("edited", "alone"), [(3, True), (40, False)])
async def test_who_edits_a_disk_waits_for_no_sweep_of_all_others(
    world: World, shop: Team, monkeypatch: pytest.MonkeyPatch, edited: int, alone: bool
) -> None:
    """A new leader of many thousand disks reads them for seconds; it asks about a few by themselves, never about many.

    A few workers hold the first ones meanwhile, which wait for the sweep.
    """
    names = [f"data-{number:02}" for number in range(40)]
    for name in names:
        shop.make_claim(name)
        await shop.protect(name, name)
    await world.passes(lambda: all(holds(shop.get("ProtectedDisk", each), "Ready") for each in names), "all are Ready")
    await shop.after_the_next_backup()
    await world.kill_operator()
    rows, shown = Graph._rows, asyncio.Event()

    async def slowly(graph: Graph, *about: Any) -> AsyncIterator[Any]:
        await shown.wait()
        async for row in rows(graph, *about):
            yield row

    monkeypatch.setattr(Graph, "_rows", slowly)
    await world.start_operator()
    await world.settle()
    since = world.azure.request_count()

    def calls() -> Counter[str]:
        return Counter(each for each in world.calls(since) if "backupInstances" in each)

    for name in names[-edited:]:
        await shop.patch("ProtectedDisk", name, {"spec": {"protection": "Suspended"}})
    await world.settle()
    if alone:
        assert calls() == {"backupInstances.get": edited, "backupInstances.suspendBackups": edited}
    else:
        assert calls()["backupInstances.get"] <= BURST_SIZE
    shown.set()
    await world.passes(lambda: all(holds(shop.get("ProtectedDisk", each), "Ready") for each in names), "as asked")
    assert calls()["backupInstances.suspendBackups"] == edited
