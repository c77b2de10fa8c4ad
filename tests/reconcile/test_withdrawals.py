"""What a rule stops or deletes: a few at any time, many only once a person has acknowledged it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from azdiskbackup.core.objects.markers import ACKNOWLEDGE
from reconcile.rule_world import CLAIM, DISK, NAME, RULE, enforce, made, make, numbers, protected, status
from world.team import Team
from world.world import World

COUNT = 12
NAMES = [f"data-{number:02}" for number in range(COUNT)]
SELECTOR = {"matchLabels": {"team": "shop"}}


def modes(shop: Team) -> set[str]:
    return {each["spec"]["protection"] for each in shop.world.every(DISK, shop.namespace)}


@pytest.fixture
async def many(world: World, shop: Team) -> Team:
    """A namespace with more PVCs than a rule withdraws without a word."""
    world.azure.knobs(role_propagation=0)
    await shop.label_namespace(team="shop")
    make(shop, *NAMES)
    await enforce(shop, namespaceSelector=SELECTOR, whenUnselected="Stop", gracePeriodHours=1)
    await protected(shop, *NAMES)
    return shop


async def hold(shop: Team) -> Any:
    """Let time pass until a withdrawal is held; return what status says of it."""
    await shop.until(RULE, NAME, "WithdrawalHeld")
    return status(shop)["withdrawal"]


async def test_a_namespace_label_that_vanishes_withdraws_nothing(world: World, many: Team) -> None:
    await many.label_namespace(team=None)
    held = await hold(many)
    await world.advance(hours=5)
    assert modes(many) == {"Active"} and held["count"] == COUNT and len(held["examples"]) == 10
    ready = many.condition(RULE, NAME, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "MassWithdrawal")
    assert f"--overwrite {ACKNOWLEDGE}={COUNT}@{held['since']}" in ready["message"]
    await many.label_namespace(team="shop")
    await many.until(RULE, NAME, "Ready")
    assert many.condition(RULE, NAME, "WithdrawalHeld") == {} and "withdrawal" not in status(many)


async def test_a_person_acknowledges_it(world: World, many: Team) -> None:
    await many.label_namespace(team=None)
    held = await hold(many)
    for wrong in (f"{COUNT - 1}@{held['since']}", f"{COUNT}@2026-01-01T00:00:00Z", "true", f"{COUNT}@"):
        await many.patch(RULE, NAME, {"metadata": {"annotations": {ACKNOWLEDGE: wrong}}})
        await world.advance(minutes=10)
        assert modes(many) == {"Active"}, wrong
    await many.patch(RULE, NAME, {"metadata": {"annotations": {ACKNOWLEDGE: f"{COUNT}@{held['since']}"}}})
    await world.passes(lambda: modes(many) == {"Stopped"}, "all are stopped")
    await many.until(RULE, NAME, "Ready")
    assert status(many)["kept"] == COUNT and "withdrawal" not in status(many)


async def test_an_old_acknowledgement_is_good_for_nothing_else(world: World, many: Team) -> None:
    await many.label_namespace(team=None)
    held = await hold(many)
    await many.patch(RULE, NAME, {"metadata": {"annotations": {ACKNOWLEDGE: f"{COUNT}@{held['since']}"}}})
    await world.passes(lambda: modes(many) == {"Stopped"}, "all are stopped")
    await many.label_namespace(team="shop")
    await world.passes(lambda: modes(many) == {"Active"}, "all are resumed")
    await world.advance(hours=2)
    await many.label_namespace(team=None)
    assert (await hold(many))["since"] != held["since"]
    await world.advance(hours=2)
    assert modes(many) == {"Active"}


async def test_a_new_leader_knows_what_is_held(world: World, many: Team) -> None:
    await many.label_namespace(team=None)
    held = await hold(many)
    await world.kill_operator()
    await world.start_operator()
    await world.advance(hours=2)
    assert modes(many) == {"Active"} and status(many)["withdrawal"]["since"] == held["since"]
    await many.patch(RULE, NAME, {"metadata": {"annotations": {ACKNOWLEDGE: f"{COUNT}@{held['since']}"}}})
    await world.passes(lambda: modes(many) == {"Stopped"}, "all are stopped")


async def test_a_few_are_withdrawn_at_once_and_more_in_the_same_hour_are_held(world: World, many: Team) -> None:
    for name in NAMES[:8]:
        await many.patch(CLAIM, name, {"metadata": {"labels": {"azdiskbackup.io/protect": "false"}}})
    for name in NAMES[:8]:
        await many.until(DISK, name, "Ready", reason="Stopped")
    for name in NAMES[8:]:
        await many.patch(CLAIM, name, {"metadata": {"labels": {"azdiskbackup.io/protect": "false"}}})
    await hold(many)
    # What was withdrawn an hour ago counts no more.
    await world.advance(hours=2)
    assert modes(many) == {"Stopped"}


async def test_many_pvcs_that_are_deleted_keep_their_objects(world: World, many: Team) -> None:
    for name in NAMES:
        await many.delete(CLAIM, name)
    await many.until(RULE, NAME, "WithdrawalHeld", within=timedelta(hours=5))
    await world.advance(hours=5)
    assert len(made(many)) == COUNT
    since = status(many)["withdrawal"]["since"]
    await many.patch(RULE, NAME, {"metadata": {"annotations": {ACKNOWLEDGE: f"{COUNT}@{since}"}}})
    await world.passes(lambda: made(many) == [], "all are deleted")
    await world.advance(minutes=5)
    assert numbers(many) == (0, 0, 0) and status(many)["kept"] == 0


async def test_a_cache_that_lacks_pvcs_deletes_nothing(world: World, many: Team) -> None:
    """An operator that has not heard of what exists asks for each PVC before it deletes an object."""
    engine = world.operator.engine
    for name in NAMES[:2]:
        raw = many.get(CLAIM, name)
        engine.cache.remove(next(key for key in engine.cache.keys(CLAIM) if key.name == name), raw["metadata"]["uid"])
    await world.advance(hours=3)
    assert len(made(many)) == COUNT
    await world.operator.list_again()
    await world.advance(minutes=10)
    assert numbers(many) == (COUNT, COUNT, 0)
