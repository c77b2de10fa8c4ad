"""What people wrote, changed or opted out of, rules leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from azdiskbackup.core.objects.markers import PROTECT
from azdiskbackup.kube.client import KubeClient
from harness import objects
from reconcile.rule_world import (
    CLAIM,
    DISK,
    enforce,
    made,
    make,
    numbers,
    protected,
    skipped,
)
from world.team import Team
from world.world import World


async def test_what_a_person_wrote_is_left_alone(world: World, shop: Team) -> None:
    await shop.apply(objects.policy("silver"))
    make(shop, "data-0", "data-1")
    await shop.protect("mine", "data-0", policy="silver")
    await enforce(shop)
    await protected(shop, "mine", "data-1")
    await world.advance(minutes=5)
    assert made(shop) == ["data-1"] and numbers(shop) == (2, 2, 0)
    assert shop.get(DISK, "mine")["spec"]["policyRef"] == {"name": "silver"}
    await shop.delete(DISK, "mine")
    await shop.gone(DISK, "mine")
    await protected(shop, "data-0")


async def test_a_person_who_names_the_disk_by_its_id_is_left_alone(world: World, shop: Team) -> None:
    await shop.apply(objects.vault(access={"namespaces": {}, "diskIDNamespaces": {}}))
    handle = shop.make_claim("data-0")
    by_id = objects.disk("mine", shop.namespace)
    by_id["spec"]["source"] = {"diskID": handle}
    await shop.apply(by_id)
    await shop.until(DISK, "mine", "Ready")
    await enforce(shop)
    await world.advance(minutes=5)
    assert made(shop) == [] and numbers(shop) == (1, 1, 0)


async def test_a_person_takes_over_by_taking_off_the_label(world: World, shop: Team) -> None:
    await shop.apply(objects.policy("silver"))
    make(shop, "data-0")
    await enforce(shop)
    await protected(shop, "data-0")
    await shop.patch(DISK, "data-0", {"metadata": {"labels": {"azdiskbackup.io/rule": None}}})
    await enforce(shop, policy="silver", whenUnselected="Stop", namespaceSelector={"matchLabels": {"no": "one"}})
    await world.advance(hours=1)
    found = shop.get(DISK, "data-0")
    assert found["spec"]["policyRef"] == {"name": "gold"} and found["spec"]["protection"] == "Active"


async def test_a_field_that_a_person_set_stays_the_persons(world: World, shop: Team) -> None:
    for name in ("silver", "bronze"):
        await shop.apply(objects.policy(name))
        await shop.until("DiskBackupPolicy", name, "Ready")
    make(shop, "data-0", "data-1")
    await enforce(shop)
    await protected(shop, "data-0", "data-1")
    await shop.patch(DISK, "data-0", {"spec": {"policyRef": {"name": "bronze"}}})
    await enforce(shop, policy="silver")
    await world.advance(minutes=10)
    assert shop.get(DISK, "data-0")["spec"]["policyRef"] == {"name": "bronze"}
    assert shop.get(DISK, "data-1")["spec"]["policyRef"] == {"name": "silver"}
    assert skipped(shop) == {"TakenOver": 1}
    assert ("Warning", "TakenOver") in shop.events(CLAIM, "data-0")
    await shop.patch(DISK, "data-0", {"spec": {"policyRef": {"name": "silver"}}})
    await protected(shop, "data-0")
    await world.advance(minutes=10)
    assert numbers(shop) == (2, 2, 0)


async def test_what_a_rule_may_not_stop_is_tried_again_ever_more_rarely(
    world: World, shop: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.apply(objects.policy("bronze"))
    await shop.until("DiskBackupPolicy", "bronze", "Ready")
    make(shop, "data-0")
    await enforce(shop)
    await protected(shop, "data-0")
    await shop.patch(DISK, "data-0", {"spec": {"policyRef": {"name": "bronze"}}})
    await world.advance(minutes=2)
    tries: list[str] = []
    apply = KubeClient.apply

    async def noted(self: KubeClient, path: str, *how: Any) -> Any:
        tries.append(path)
        # One after the other without a pause, no time would pass, and the story would not end.
        assert len(tries) < 10, tries
        return await apply(self, path, *how)

    monkeypatch.setattr(KubeClient, "apply", noted)
    await enforce(shop, whenUnselected="Stop", namespaceSelector={"matchLabels": {"no": "one"}})
    await world.advance(hours=2)
    # After 5, 10, 20 and 40 minutes.
    assert len(tries) == 5 and shop.get(DISK, "data-0")["spec"]["protection"] == "Active"
    assert shop.events(CLAIM, "data-0").count(("Warning", "TakenOver")) == 1


async def test_made_by_a_person_at_the_same_moment_it_is_the_persons(world: World, shop: Team) -> None:
    make(shop, "data-0")
    await world.stop_operator()
    await world.start_operator(watch_delay=lambda kind: 30.0 if kind == DISK else 0.0)
    await shop.protect("data-0", "data-0")
    await enforce(shop)
    await protected(shop, "data-0")
    assert made(shop) == [] and numbers(shop) == (1, 1, 0)


async def test_one_that_a_person_deletes_comes_back_and_says_how_it_would_not(world: World, shop: Team) -> None:
    make(shop, "data-0")
    await enforce(shop)
    await protected(shop, "data-0")
    await shop.delete(DISK, "data-0")
    await shop.gone(DISK, "data-0")
    await protected(shop, "data-0")
    told = next(each for each in shop.full_events(CLAIM, "data-0") if each["reason"] == "MadeAgain")
    assert f'{PROTECT}="false"' in told["note"] and told["regarding"]["apiVersion"] == "v1"
    await shop.patch(CLAIM, "data-0", {"metadata": {"labels": {PROTECT: "false"}}})
    await shop.delete(DISK, "data-0")
    await shop.gone(DISK, "data-0")
    await world.advance(hours=2)
    assert made(shop) == [] and skipped(shop) == {"OptedOut": 1}


async def test_who_opts_out(world: World, shop: Team) -> None:
    make(shop, "data-0")
    make(shop, "scratch", **{PROTECT: "False"})
    make(shop, "wanted", **{PROTECT: "true"})
    make(shop, "unclear", **{PROTECT: "nope"})
    await shop.label_namespace(**{PROTECT: "false"})
    await enforce(shop)
    await protected(shop, "wanted", "unclear")
    assert sorted(made(shop)) == ["unclear", "wanted"] and skipped(shop) == {"OptedOut": 2}
    assert ("Warning", "LabelNotUnderstood") in shop.events(CLAIM, "unclear")
    await shop.label_namespace(**{PROTECT: None})
    await protected(shop, "data-0")


async def test_a_rule_may_forbid_it(world: World, shop: Team) -> None:
    make(shop, "scratch", **{PROTECT: "false"})
    await enforce(shop, "usual", priority=5)
    await enforce(shop, "mandatory", optOut="Forbidden")
    await protected(shop, "scratch")
    assert ("Warning", "OptOutIgnored") in shop.events(CLAIM, "scratch")
    await world.advance(minutes=5)
    assert numbers(shop, "usual") == (0, 0, 0) and numbers(shop, "mandatory") == (1, 1, 0)
