"""What rules cost: one write for each ProtectedDisk, nothing in Azure, and of an event only what it touches."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.reconcilers.disk_protection_rule.assessments import Assessments
from harness import objects
from reconcile.rule_world import CLAIM, DISK, NAME, RULE, enforce, made, make, protected
from reconcile.test_cost import Write, noted_writes
from world.team import Team
from world.world import World

COUNT = 6


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Write]:
    """What the operator writes."""
    return noted_writes(monkeypatch)


async def _until_all_rest(world: World, names: list[str], shop: Team) -> None:
    await protected(shop, *names)
    await world.advance(minutes=15)


async def test_a_rule_adds_one_write_for_each_disk_and_asks_azure_for_nothing(
    written: list[Write], world: World, shop: Team
) -> None:
    world.azure.knobs(role_propagation=0)
    by_hand, by_rule = ([f"{kind}-{number}" for number in range(COUNT)] for kind in ("hand", "rule"))
    make(shop, "before", *by_hand, *by_rule)
    # From then on there is something to sweep, as in any cluster that has been in use.
    await shop.protect("before", "before")
    await shop.after_the_next_backup()
    for name in by_hand:
        await shop.protect(name, name)
    await _until_all_rest(world, by_hand, shop)
    counted, asked = len(written), world.azure.request_count()
    first = _each(written, by_hand), _asked(world, 0, by_hand, shop)

    await shop.after_the_next_backup()
    counted, asked = len(written), world.azure.request_count()
    await enforce(shop)
    await _until_all_rest(world, by_rule, shop)
    second = _each(written[counted:], by_rule), _asked(world, asked, by_rule, shop)
    assert second[0] == {count + 1 for count in first[0]}, "the one that makes it"
    assert second[1] == first[1]
    of_rule = [each for each in written[counted:] if "diskprotectionrules" in f"{each.namespace}/{each.resource}"]
    assert len(of_rule) <= 6, "numbers are written together"


def _each(written: list[Write], names: list[str]) -> set[int]:
    """Return how often each of some objects was written."""
    found = Counter(each.name for each in written if each.resource == "protecteddisks")
    return {found[name] for name in names}


def _asked(world: World, since: int, names: list[str], shop: Team) -> set[int]:
    """Return how many requests to Azure name each of some disks."""
    sent = world.azure.requests(since)
    return {sum(f"{shop.namespace}-{name}" in f"{each.path} {each.body}" for each in sent) for name in names}


async def test_an_event_costs_what_it_touches(world: World, shop: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"data-{number:03}" for number in range(120)]
    make(shop, *names)
    for number in range(15):
        await shop.apply(objects.rule(f"rule-{number}", mode="DryRun", claimSelector={"matchLabels": {"no": "one"}}))
    await enforce(shop, claimSelector={"matchLabels": {"tier": "db"}})
    assessed: Counter[str] = Counter()
    assess = Assessments._assess

    def counted(self: Assessments, about: Any, now: Any) -> Any:
        assessed[about.name] += 1
        return assess(self, about, now)

    monkeypatch.setattr(Assessments, "_assess", counted)
    await world.advance(hours=1)
    assert not assessed, "nothing happens, and nothing is looked at"
    await shop.patch(CLAIM, "data-000", {"metadata": {"labels": {"app": "x"}}})
    await world.advance(minutes=1)
    assert assessed == {"data-000": 1}
    assessed.clear()
    await shop.patch(CLAIM, "data-001", {"metadata": {"labels": {"tier": "db"}}})
    await protected(shop, "data-001")
    assert assessed.keys() == {"data-001"}
    assessed.clear()
    other = await world.team()
    make(other, "data-0")
    await world.advance(minutes=1)
    assert assessed.keys() == {"data-0"} and assessed["data-0"] <= 4


async def test_a_person_does_not_wait_behind_a_rule(world: World, shop: Team) -> None:
    """What a rule has begun waits for Azure's limits, and somebody's own object goes first."""
    await world.stop_operator()
    await world.start_operator(azure_share_percent=5)
    names = [f"data-{number:03}" for number in range(80)]
    make(shop, *names)
    make(shop, "mine", own="x")
    others = {"matchExpressions": [{"key": "own", "operator": "DoesNotExist"}]}
    await enforce(shop, maxNewPerHour=500, claimSelector=others)
    waiting = [each for each in world.every(DISK, shop.namespace) if not each.get("status", {}).get("backupInstanceID")]
    assert len(waiting) > 50, "they wait"
    since, begun = world.azure.request_count(), world.clock.now()
    await shop.protect("mine", "mine")
    await world.passes(lambda: _of(world, since, f"{shop.namespace}-mine"), "Azure hears of it")
    first = _of(world, since, f"{shop.namespace}-mine")[0]
    waited = datetime.fromisoformat(first.time) - begun
    assert waited <= timedelta(seconds=1), f"{first.route} after {waited}"
    await shop.until(DISK, "mine", "Ready")
    done = [each for each in world.every(DISK, shop.namespace) if _is_ready(each)]
    assert len(done) <= len(names) // 2, "the others wait, in the same namespace"
    await shop.patch(RULE, NAME, {"spec": {"mode": "DryRun"}})
    for name in made(shop):
        await shop.delete(DISK, name)
    await world.stop_operator()
    await world.start_operator()
    await world.passes(lambda: not made(shop), "what was begun ends")


def _of(world: World, since: int, disk: str) -> list[Any]:
    return [each for each in world.azure.requests(since) if disk in f"{each.path} {each.body}"]


def _is_ready(raw: Any) -> bool:
    conditions = raw.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
