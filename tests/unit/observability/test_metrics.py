"""What is told of disks and of the operator, and how it is served."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from azdiskbackup.azure.transport.metrics import operation_of
from azdiskbackup.azure.transport.throttle_gate import ThrottleGate
from azdiskbackup.core.protected_disk.summary import DiskSummary
from azdiskbackup.engine.cache import Cache
from azdiskbackup.errors import CannotStart
from azdiskbackup.observability.endpoints import scrape_answer, serving
from azdiskbackup.observability.object_metrics import ObjectMetrics
from azdiskbackup.observability.operator_metrics import EngineState, OperatorMetrics, StateCollector
from azdiskbackup.reconcilers.watch.indices import INDICES, QUEUES
from azdiskbackup.reconcilers.watch.metrics_feed import MetricsFeed
from harness import objects
from harness.processes import accepts_connections, free_ports
from unit.core.protected_disk.disk_world import NOW


def at(hours: float) -> str:
    return f"{NOW + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def seconds(hours: float) -> float:
    return (NOW + timedelta(hours=hours)).timestamp()


# --- the fleet ------------------------------------------------------------------------------------


class World:
    """A cache, and what is told of what is in it."""

    def __init__(self, *, all_disks: bool = True) -> None:
        self.now = seconds(0)
        self.cache = Cache(INDICES, QUEUES)
        self.fleet = ObjectMetrics(lambda: self.now, 500, all_disks=all_disks)
        self.registry = CollectorRegistry()
        self.registry.register(self.fleet)
        self._version = 0

    def put(self, raw: dict[str, Any], **status: Any) -> None:
        self._version += 1
        meta = {"uid": "u", "resourceVersion": str(self._version), "creationTimestamp": at(0), "generation": 1}
        self.cache.put(raw["kind"], {**raw, "metadata": {**raw["metadata"], **meta}, "status": status})

    def value(self, metric: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"azdiskbackup_{metric}", labels)


def ready(reason: str = "Ready", status: str = "True") -> list[dict[str, Any]]:
    return [{"type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": at(0)}]


def test_series_come_and_go_with_their_objects() -> None:
    world = World()
    world.put(objects.vault("demo"), conditions=ready())
    MetricsFeed(world.cache, world.fleet).load()
    assert world.value("vault_ready", vault="demo", reason="Ready") == 1
    assert world.value("vault_orphaned_backup_instances", vault="demo") is None, "nobody has looked"
    world.put(objects.vault("demo"), conditions=ready(), orphanedBackupInstances=2)
    assert world.value("vault_orphaned_backup_instances", vault="demo") == 2
    world.put(objects.disk("data", "shop"), conditions=ready("WaitingForPermissions", "False"))
    labels = {"namespace": "shop", "name": "data"}
    info = {**labels, "policy": "gold", "mode": "Active", "reason": "WaitingForPermissions", "stalled": "false"}
    assert world.value("disk_info", vault="", **info) == 1
    assert world.value("disk_protected", **labels) == 0
    world.put(objects.policy("gold", "demo"), conditions=ready("InUse", "False"))
    assert world.value("disk_info", vault="demo", **info) == 1, "what the policy says reaches its disks"
    assert world.value("policy_ready", policy="gold", vault="demo", reason="InUse") == 0
    assert world.value("policy_disks", policy="gold", vault="demo", protected="false") == 1
    for kind, name in (("ProtectedDisk", "data"), ("DiskBackupPolicy", "gold"), ("BackupVault", "demo")):
        (key,) = (each for each in world.cache.keys(kind) if each.name == name)
        world.cache.remove(key, "u")
    left = [sample for family in world.registry.collect() for sample in family.samples]
    assert [each.name for each in left] == ["azdiskbackup_disk_restore_points_limit"]


@pytest.mark.parametrize(
    ("status", "outcome", "took"),
    [
        ({}, "running", None),
        ({"conditions": [{"type": "Stalled", "status": "True"}]}, "stalled", None),
        ({"completionTime": at(1), "durationSeconds": 214, "conditions": [{"type": "Succeeded", "status": "True"}]},
         "succeeded", 214),
        ({"completionTime": at(1), "durationSeconds": 9,
          "conditions": [{"type": "Succeeded", "status": "False", "reason": "Failed"},
                         {"type": "Stalled", "status": "True"}]}, "failed", 9),
        ({"completionTime": at(1),
          "conditions": [{"type": "Succeeded", "status": "False", "reason": "NotRepeated"}]}, "not_repeated", None),
        ({"durationSeconds": "long"}, "running", None),
        ({"durationSeconds": -1}, "running", None),
    ],
)  # fmt: skip
def test_a_restore_is_told_by_its_outcome_and_goes_with_its_object(
    status: dict[str, Any], outcome: str, took: int | None
) -> None:
    world = World()
    MetricsFeed(world.cache, world.fleet).load()
    world.put(objects.restore("back", "shop"), **status)
    world.put(objects.restore("other", "shop"))
    assert world.value("restores", namespace="shop", outcome=outcome) == (2 if outcome == "running" else 1)
    assert world.value("restore_duration_seconds", namespace="shop", name="back") == took
    for key in list(world.cache.keys("DiskRestore")):
        world.cache.remove(key, "u")
    assert world.value("restores", namespace="shop", outcome=outcome) is None
    assert world.value("restore_duration_seconds", namespace="shop", name="back") is None


def test_what_is_overdue_is_told_from_the_moment_on_and_no_sooner() -> None:
    world = World()
    world.fleet.disks["shop", "data"] = DiskSummary(
        "p", "v", "Active", "r", False, True, 0, 1, None, None, seconds(2), 3, 5
    )
    labels = {"namespace": "shop", "name": "data"}
    assert world.value("disk_backup_overdue_seconds", **labels) is None
    world.now = seconds(3)
    assert world.value("disk_backup_overdue_seconds", **labels) == 3600
    assert world.value("disk_last_failure_timestamp_seconds", **labels) is None
    assert world.value("policy_protected_bytes", vault="v", policy="p") == 5
    assert world.value("vault_protected_bytes", vault="v") == 5


def test_each_disk_has_as_many_series_as_the_page_says() -> None:
    world = World()
    for number in range(2000):
        world.fleet.disks[f"tenant-{number % 50}", f"data-{number}"] = DiskSummary(
            "gold",
            "demo",
            "Active",
            "Protected",
            False,
            True,
            seconds(0),
            seconds(1),
            None,
            seconds(5),
            seconds(9),
            42,
            2**37,
        )
    text = generate_latest(world.registry)
    # As docs/metrics.md says: eight series, and one more each for what not every disk has.
    assert text.count(b'name="data-1999"') == 8
    good = world.fleet.disks["tenant-0", "data-0"]
    failing = replace(good, last_failure=seconds(2), expected_by=seconds(-1), other_snapshots=3)
    world.fleet.disks["tenant-0", "data-0"] = failing
    assert generate_latest(world.registry).count(b'name="data-0"') == 11


def test_by_a_setting_only_a_disk_that_needs_attention_has_series() -> None:
    world = World(all_disks=False)
    good = DiskSummary("gold", "demo", "Active", "Protected", False, True, 0, seconds(1), None, None, seconds(9), 42, 5)
    world.fleet.disks |= {("shop", "good"): good, ("shop", "bad"): replace(good, last_failure=seconds(2))}
    text = generate_latest(world.registry)
    assert text.count(b'name="good"') == 0 and text.count(b'name="bad"') == 8
    assert world.value("namespace_disks", namespace="shop", protected="true") == 2
    assert world.value("namespace_restore_points", namespace="shop") == 84
    assert world.value("policy_protected_bytes", vault="demo", policy="gold") == 10
    world.now = seconds(10)
    assert world.value("disk_backup_overdue_seconds", namespace="shop", name="good") == 3600


# --- the operator ---------------------------------------------------------------------------------


def test_a_pause_is_an_increase_from_its_first_time_on() -> None:
    registry = CollectorRegistry()
    gate = ThrottleGate(lambda: NOW, OperatorMetrics(registry).throttled)
    disks = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d"
    labels = {"subscription": "s", "operation": "read microsoft.compute/disks"}
    name = "azdiskbackup_azure_throttled_seconds_total"
    gate.check("GET", disks)
    assert registry.get_sample_value(name, labels) == 0
    gate.close("GET", disks, timedelta(hours=1), whole_subscription=False)
    assert registry.get_sample_value(name, labels) == 3600


def test_the_work_is_counted() -> None:
    registry = CollectorRegistry()
    meters = OperatorMetrics(registry)
    meters.passed("ProtectedDisk", "error", 0.2, 3)
    meters.asked("GET microsoft.compute/disks", 404, 0.1)
    meters.throttled("s", "read x", 30)
    value = registry.get_sample_value
    assert value("azdiskbackup_reconcile_total", {"kind": "ProtectedDisk", "outcome": "error"}) == 1
    assert value("azdiskbackup_reconcile_duration_seconds_sum", {"kind": "ProtectedDisk", "outcome": "error"}) == 3
    assert (
        value("azdiskbackup_azure_requests_total", {"operation": "GET microsoft.compute/disks", "status": "404"}) == 1
    )
    assert value("azdiskbackup_azure_throttled_seconds_total", {"subscription": "s", "operation": "read x"}) == 30
    assert not [sample.name for family in registry.collect() for sample in family.samples if "created" in sample.name]


def test_what_names_a_request_names_no_thing() -> None:
    vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v"
    kind = "microsoft.dataprotection/backupvaults/backupinstances"
    assert operation_of("GET", f"{vault}/backupInstances/i") == f"GET {kind}"
    assert operation_of("GET", "/subscriptions/s") == "GET resourcegroups"


async def test_metrics_are_served_in_the_form_that_is_asked_for() -> None:
    port = free_ports(1)[0]
    registry = CollectorRegistry()
    registry.register(StateCollector(lambda: False, lambda: EngineState(waiting=[("s", "writes", 3, 12.5)])))
    scraped = {"/metrics": scrape_answer(registry)}
    url = f"http://127.0.0.1:{port}/metrics"
    async with serving("127.0.0.1", port, scraped), aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            text = await answer.text()
        async with session.get(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"}) as answer:
            families = {family.name for family in text_string_to_metric_families(await answer.text())}
        with pytest.raises(CannotStart, match="Cannot listen"):
            async with serving("127.0.0.1", port, scraped):
                raise AssertionError("the port is taken")
    assert 'azdiskbackup_azure_requests_waiting{limit="writes",subscription="s"} 3.0' in text
    assert "azdiskbackup_leader 0.0" in text and "azdiskbackup_leader" in families
    async with serving(None, 0, scraped):
        assert not accepts_connections(port)
