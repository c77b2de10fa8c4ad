"""What many disks cost, counted: an extra call is a bug. The times are measured by ``make bench``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from azure_simulator.client import Sent
from bench.fleet import Fleet, condition
from bench.scenario import Result, run
from harness import objects
from harness.stack import CLIENT_ID, Stack

DISKS = 50
WORKERS = 16
_OURS = "/apis/azdiskbackup.io/v1alpha1"


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own: what others leave behind would be counted."""
    stack = Stack(tmp_path)
    try:
        stack.start_control_plane()
        stack.start_simulator()
        yield stack
    finally:
        stack.stop()


@pytest.mark.timeout(600)
def test_what_many_disks_cost(own_stack: Stack) -> None:
    found: Result = run(own_stack, Fleet(own_stack, DISKS, namespaces=5), 0.4, print)
    # Role assignment, validation and its end, instance and its state; a look before by the first ten; what all share.
    assert found.protect_calls <= 5 + 15 / DISKS and found.protect_writes == 3, found
    # Finalizer, three times status, one event; and what vault and policy say.
    assert found.protect_kubernetes_writes <= 5 + 10 / DISKS, found
    assert (found.steady_writes, found.steady_points, found.restart_writes) == (0, 1, 0), found
    # Two queries a sweep, one an hour for the disks, and a look at vault, group, right and policy.
    assert found.steady_calls * DISKS / 1000 <= 6 * 2 + 1 + 6 * 4, found
    assert found.idle_kubernetes_writes == 0, found
    # Of a burst: each once, in order, and one that is not part of it at once.
    assert found.burst_repeated == 0 and found.burst_disorder <= WORKERS and found.burst_other_served <= 10, found
    # Its request, its operation, its job, its restore point, and the disk's list of them; what all share, and a disk.
    assert found.burst_calls <= 5, found


def _backups(sent: list[Sent]) -> list[str]:
    return [each.path.split("/")[-2] for each in sent if each.route == "backupInstances.backup"]


@pytest.mark.timeout(600)
def test_a_burst_of_backups_runs_in_order_and_holds_up_nobody(own_stack: Stack) -> None:
    azure = own_stack.azure
    fleet = Fleet(own_stack, DISKS, namespaces=1)
    azure.knobs(role_propagation=0)
    fleet.make()
    azure.seed(disks=[{"subscription": objects.SUBSCRIPTION, "group": objects.DISK_GROUP, "name": "new",
                       "location": objects.LOCATION}])  # fmt: skip
    # So little of Azure's limits that the burst needs an hour of them.
    own_stack.start_operator({"azure": {"sharePercent": 5}})
    fleet.make_policy()
    azure.plant("backupInstances.put", path="data-49", status=403, code="AuthorizationFailed", message="Not you.")
    fleet.protect()
    azure.settle()
    assert "WaitingForAzureLimits" in {condition(each, "Ready").get("reason") for each in fleet.disks()}
    fleet.until_ready(timedelta(hours=12))
    told = own_stack.plane.read("/apis/events.k8s.io/v1/namespaces/team-0/events")["items"]
    in_order = sorted(told, key=lambda each: each["eventTime"])
    said = [each["reason"] for each in in_order if each["regarding"]["name"] == "data-49"]
    assert said == ["AccessDenied", "Protected"], "whoever waited says how its step ended"
    since, start = azure.request_count(), azure.now
    fleet.back_up()
    own_stack.plane.apply(
        objects.namespace("another"),
        objects.disk("single", "another", "none", "gold", source={"diskID": objects.disk_id("new")}),
    )
    azure.advance(minutes=5)
    assert _ready_since(own_stack, "another", "single") < start + timedelta(minutes=4), "a flood holds up nobody"
    for _ in range(24):
        if all(condition(each, "Succeeded").get("status") == "True" for each in fleet.backups()):
            break
        azure.advance(minutes=30)
    done = fleet.backups()
    assert [condition(each, "Succeeded").get("status") for each in done] == ["True"] * DISKS
    assert len({each["status"]["jobID"] for each in done}) == DISKS
    sent = [each for each in azure.requests(since) if each.caller == CLIENT_ID]
    assert not [each for each in sent if each.status == 429], "the budget stays within what Azure allows"
    started = _backups(sent)
    assert len(started) == DISKS
    instances = {each["metadata"]["name"]: each["status"]["backupInstanceID"] for each in fleet.disks()}
    created = [instances[name].rsplit("/", 1)[1] for _, name in fleet.places]
    moved = [abs(created.index(name) - position) for position, name in enumerate(started)]
    assert max(moved) <= WORKERS, "in the order of their creation, as far as several are worked on at a time"


def _ready_since(stack: Stack, namespace: str, name: str) -> datetime:
    raw = stack.plane.read(f"{_OURS}/namespaces/{namespace}/protecteddisks/{name}")
    ready = condition(raw, "Ready")
    assert ready.get("status") == "True", ready
    return datetime.fromisoformat(ready["lastTransitionTime"])


def test_a_subscription_that_answers_nothing_holds_up_no_other(own_stack: Stack) -> None:
    azure, plane = own_stack.azure, own_stack.plane
    subscriptions = [f"{number:08d}-0000-4000-8000-000000000001" for number in range(1, 21)]
    azure.knobs(role_propagation=0)
    azure.seed(
        subscriptions=subscriptions,
        groups=[
            {"subscription": subscription, "name": name, "location": objects.LOCATION}
            for subscription in subscriptions
            for name in (objects.VAULT_GROUP, objects.SNAPSHOT_GROUP, objects.DISK_GROUP)
        ],
        disks=[
            {"subscription": subscription, "group": objects.DISK_GROUP, "name": "d", "location": objects.LOCATION}
            for subscription in subscriptions
        ],
    )
    dead = subscriptions[7]
    azure.plant(".*", path=f"/subscriptions/{dead}/", times=10**9, status=429, headers={"Retry-After": "600"})
    own_stack.subscriptions += subscriptions
    own_stack.start_operator()
    for number, subscription in enumerate(subscriptions):
        plane.apply(
            objects.vault(f"v{number}", subscriptionID=subscription, access={"diskIDNamespaces": {}}),
            objects.policy(f"p{number}", f"v{number}"),
            objects.disk(f"d{number}", "default", "none", f"p{number}",
                         source={"diskID": objects.disk_id("d", subscription)}),
        )  # fmt: skip
    azure.advance(minutes=15)
    ready = {
        each["metadata"]["name"]
        for each in plane.read(f"{_OURS}/protecteddisks")["items"]
        if condition(each, "Ready").get("status") == "True"
    }
    assert ready == {f"d{number}" for number in range(20)} - {"d7"}
    vault = plane.read(f"{_OURS}/backupvaults/v7")
    assert "Throttled" in condition(vault, "Ready")["reason"], "and says what is wrong"
    refused = [each for each in azure.requests() if each.status == 429]
    assert {each.path.split("/")[2] for each in refused} == {dead} and len(refused) < 10, "not before its time"
