"""What a scrape tells of disks that live, over a restart and when they are gone."""

from __future__ import annotations

import urllib.request
from collections import Counter
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from generated.metrics_page import families
from harness.processes import wait_for
from harness.stack import Stack
from harness.tenant import Tenant

# Of the process and not of time: they begin anew with it.
_PREFIX = "azdiskbackup_disk_"


def scrape(stack: Stack) -> list[Sample]:
    with urllib.request.urlopen(stack.metrics_url) as answer:  # noqa: S310 - our own URL
        text = answer.read().decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def of_disks(stack: Stack, shop: Tenant) -> dict[str, Sample]:
    """Return the series of the one disk of a namespace, by their names."""
    mine = (each for each in scrape(stack) if each.labels.get("namespace") == shop.namespace)
    return {each.name.removeprefix(_PREFIX): each for each in mine}


def told_again(stack: Stack, shop: Tenant) -> dict[str, Sample]:
    """Return the same of an operator that begins anew, nothing while it does not answer."""
    try:
        return of_disks(stack, shop)
    except OSError:
        return {}


def values(samples: list[Sample], name: str) -> Iterator[tuple[dict[str, str], float]]:
    return ((each.labels, each.value) for each in samples if each.name == f"azdiskbackup_{name}")


def test_a_disk_is_told_from_its_first_day_on_and_over_a_restart(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Validated", "False", "WaitingForPermissions")
    early = of_disks(stack, shop)
    assert early["info"].labels["reason"] == "WaitingForPermissions" and early["protected"].value == 0
    assert "last_success_timestamp_seconds" not in early and "backup_expected_by_timestamp_seconds" not in early
    shop.until("protecteddisk", "data", "Ready")
    shop.after_the_next_backup()
    shop.passes(lambda: "restorePoints" in shop.get("protecteddisk", "data")["status"], "the restore point is known")
    told = of_disks(stack, shop)
    labels = told["info"].labels
    assert (labels["policy"], labels["vault"], labels["reason"]) == ("gold", "demo", "Protected")
    now = stack.azure.now.timestamp()
    assert told["protected"].value == 1 and told["restore_points"].value == 1
    assert told["last_success_timestamp_seconds"].value < now < told["next_backup_timestamp_seconds"].value
    assert told["next_backup_timestamp_seconds"].value < told["backup_expected_by_timestamp_seconds"].value
    stack.kubelet.kill(stack.installation.leading())
    stack.works()
    wait_for(lambda: told_again(stack, shop), "the next life tells of it too")
    again = of_disks(stack, shop)
    assert {name: each.value for name, each in again.items()} == {name: each.value for name, each in told.items()}
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    wait_for(lambda: not of_disks(stack, shop), "what belongs to an object goes with it")


def test_the_operator_tells_of_its_own_work(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    stack.azure.advance(minutes=30)
    samples = scrape(stack)
    documented = {family.name for family in families()}
    unknown = {each.name for each in samples} - {
        f"{name}{suffix}" for name in documented for suffix in ("", "_total", "_info", "_bucket", "_sum", "_count")
    }
    assert not unknown, "docs/metrics.md has all of them"
    assert list(values(samples, "leader")) == [({}, 1)]
    asked: Counter[str] = Counter()
    for labels, count in values(samples, "azure_requests_total"):
        asked[labels["operation"]] += round(count)
    assert asked["PUT microsoft.dataprotection/backupvaults/backupinstances"] >= 1
    assert sum(asked.values()) <= stack.azure.request_count()
    passes = {(labels["kind"], labels["outcome"]): count for labels, count in values(samples, "reconcile_total")}
    assert passes["ProtectedDisk", "success"] > 3
    ((labels, when),) = values(samples, "sweep_last_success_timestamp_seconds")
    assert 0 <= stack.azure.now.timestamp() - when <= 11 * 60
    assert all(left >= 0 for _, left in values(samples, "azure_requests_left"))
    assert all(lag >= 0 for _, lag in values(samples, "event_loop_lag_seconds"))
