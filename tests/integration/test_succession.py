"""A policy is edited: Azure gets a successor, the disks move to it in their turn, the predecessor goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from harness.objects import policy, vault
from harness.stack import Stack
from harness.tenant import Tenant

NINE_DAYS = {"default": {"days": 9}}


def policies(shop: Tenant, vault_name: str, stem: str) -> list[str]:
    """Return the policies of a stem that Azure has."""
    vault_id = shop.get("backupvault", vault_name)["status"]["vaultID"]
    found = shop.portal("GET", f"{vault_id}/backupPolicies")["value"]
    return [each["name"] for each in found if each["name"].startswith(f"{stem}-")]


def in_use(shop: Tenant, name: str) -> str:
    return str(shop.get("diskbackuppolicy", name)["status"]["policyID"]).rsplit("/", 1)[1]


def moved(shop: Tenant, names: list[str], to: str) -> bool:
    return all(shop.get("protecteddisk", name)["status"].get("policyID", "").endswith(f"/{to}") for name in names)


def several(shop: Tenant, policy_name: str, count: int, **spec: str) -> list[str]:
    names = [f"data-{number}" for number in range(count)]
    for name in names:
        shop.make_claim(name)
        shop.protect(name, name, policy_name, **spec)
    for name in names:
        shop.until("protecteddisk", name, "Ready")
    return names


def test_an_edit_moves_the_disks_in_their_turn_and_removes_what_it_replaced(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("moves"), policy("moves", "moves"))
    shop.until("diskbackuppolicy", "moves", "Ready")
    names = several(shop, "moves", 4)
    old = in_use(shop, "moves")
    since = len(stack.azure.requests())
    shop.apply(policy("moves", "moves", retention=NINE_DAYS))
    shop.passes(lambda: in_use(shop, "moves") != old, "the successor")
    new = in_use(shop, "moves")
    shown = shop.get("diskbackuppolicy", "moves")["status"]
    assert shown["succession"] == {"from": old, "total": 4, "moved": shown["succession"]["moved"]}
    assert shown["predecessors"] == [old]
    shop.passes(lambda: moved(shop, names, new), "all have moved")
    shop.passes(lambda: policies(shop, "moves", "moves") == [new], "the predecessor is gone")
    for name in names:
        shop.until("protecteddisk", name, "Ready")
    assert "succession" not in shop.get("diskbackuppolicy", "moves")["status"]
    assert "predecessors" not in shop.get("diskbackuppolicy", "moves")["status"]
    sent = stack.writes(since)
    assert sent == ["backupPolicies.put", *["backupInstances.put"] * 4, "backupPolicies.delete"]
    times = [
        datetime.fromisoformat(each.time[:26])
        for each in stack.azure.requests(since)
        if each.route == "backupInstances.put"
    ]
    assert all(b - a >= timedelta(seconds=1.9) for a, b in pairwise(times)), "one after the other"
    assert ("Warning", "DriftCorrected") not in shop.events("protecteddisk", names[0])
    since = len(stack.azure.requests())
    stack.azure.advance(minutes=25)
    assert not stack.writes(since)


def test_an_edit_back_finds_the_old_policy(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.apply(policy("back", "demo"))
    shop.until("diskbackuppolicy", "back", "Ready")
    names = several(shop, "back", 2)
    old = in_use(shop, "back")
    shop.apply(policy("back", "demo", retention=NINE_DAYS))
    shop.passes(lambda: in_use(shop, "back") != old, "the successor")
    new = in_use(shop, "back")
    since = len(stack.azure.requests())
    shop.apply(policy("back", "demo"))
    shop.passes(lambda: in_use(shop, "back") == old and moved(shop, names, old), "all are back")
    shop.passes(lambda: policies(shop, "demo", "back") == [old], "what was to be is gone")
    assert "backupPolicies.put" not in stack.writes(since) and new != old
    for name in names:
        shop.until("protecteddisk", name, "Ready")


def test_two_edits_in_a_row_leave_one_policy(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.apply(policy("twice", "demo"))
    shop.until("diskbackuppolicy", "twice", "Ready")
    names = several(shop, "twice", 2)
    old = in_use(shop, "twice")
    shop.apply(policy("twice", "demo", retention=NINE_DAYS))
    shop.passes(lambda: in_use(shop, "twice") != old, "the successor")
    middle = in_use(shop, "twice")
    shop.apply(policy("twice", "demo", schedule={"frequency": "Daily"}))
    shop.passes(lambda: in_use(shop, "twice") not in (old, middle), "its successor")
    last = in_use(shop, "twice")
    shop.passes(lambda: moved(shop, names, last), "all have moved")
    shop.passes(lambda: policies(shop, "demo", "twice") == [last], "both predecessors are gone")


def test_an_edit_that_is_refused_changes_nothing(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.apply(policy("refused", "demo"))
    shop.until("diskbackuppolicy", "refused", "Ready")
    names = several(shop, "refused", 1)
    old = in_use(shop, "refused")
    since = len(stack.azure.requests())
    shop.apply(policy("refused", "demo", retention={"default": {"days": 90}}))
    shop.until("diskbackuppolicy", "refused", "Accepted", "False", "TooManyRestorePoints")
    stack.azure.advance(minutes=30)
    assert not stack.writes(since) and in_use(shop, "refused") == old
    assert shop.condition("protecteddisk", names[0], "Ready")["status"] == "True"
    shop.apply(policy("refused", "demo"))
    shop.until("diskbackuppolicy", "refused", "Ready")


def test_one_disk_is_sent_to_another_policy(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.apply(policy("silver", "demo", schedule={"frequency": "Daily"}))
    shop.until("diskbackuppolicy", "silver", "Ready")
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    shop.protect(policy="silver")
    shop.until("protecteddisk", "data", "Ready")
    assert stack.writes(since) == ["backupInstances.put"]
    status = shop.get("protecteddisk", "data")["status"]
    assert (status["policy"], status["policyID"].split("/")[-1]) == ("silver", in_use(shop, "silver"))
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")


def test_a_predecessor_stays_while_something_deleted_softly_refers_to_it(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("softly", access={"deletionNamespaces": {}}), policy("softly", "softly"))
    shop.until("diskbackuppolicy", "softly", "Ready")
    names = several(shop, "softly", 2, deletionPolicy="Delete")
    old = in_use(shop, "softly")
    shop.kubectl("delete", "protecteddisk", names[0], "--wait=false")
    shop.gone("protecteddisk", names[0])
    since = len(stack.azure.requests())
    shop.apply(policy("softly", "softly", retention=NINE_DAYS))
    told = f"{old} stays: soft-deleted backup instances refer to it until 2026-"
    shop.passes(lambda: told in shop.condition("diskbackuppolicy", "softly", "Synced").get("message", ""), told)
    assert shop.condition("diskbackuppolicy", "softly", "Ready")["status"] == "True"
    assert "backupPolicies.delete" not in stack.writes(since)
    assert stack.stop_operator() == 0
    stack.azure.advance(days=14)
    stack.start_operator()
    shop.passes(lambda: len(policies(shop, "softly", "softly")) == 1, "purged at last")
    assert stack.writes(since).count("backupPolicies.delete") == 1
