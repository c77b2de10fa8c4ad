"""The API server refuses, goes away, forgets; a person wipes and removes: nothing is lost, and nothing done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
import yaml

from azdiskbackup.kube.watched import WATCHED
from harness.installation import OPERATOR_USER
from harness.kube_proxy import KubeProxy
from harness.objects import disk
from harness.processes import wait_for
from harness.stack import ROOT, Stack
from harness.tenant import Tenant


@pytest.fixture(scope="module")
def proxy(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeProxy]:
    """The operator, with a proxy between it and its API server."""
    if stack.operator_runs:
        assert stack.stop_operator() == 0
    found = KubeProxy(tmp_path_factory.mktemp("proxy"), stack.plane.server, stack.plane.authority)
    stack.start_operator(kubernetes_service_port=str(found.start()))
    yield found
    found.away = False
    found.faults.clear()
    if stack.operator_runs:
        stack.stop_operator()
    found.stop()
    stack.start_operator()


def test_a_conflict_at_every_write_of_status(stack: Stack, shop: Tenant, proxy: KubeProxy, gold: str) -> None:
    proxy.plant("PATCH", f"/namespaces/{shop.namespace}/.*/status", 409, "Conflict", times=12)
    shop.make_claim()
    since = len(stack.azure.requests())
    stack.plane.apply(disk("data", shop.namespace))
    shop.passes(lambda: shop.condition("protecteddisk", "data", "Ready").get("status") == "True", "Ready in the end")
    assert proxy.struck == 12
    assert sorted(stack.writes(since)) == [
        "backupInstances.put",
        *["backupVaults.validateForBackup"] * stack.writes(since).count("backupVaults.validateForBackup"),
        "roleAssignments.put",
    ]


def test_what_is_there_is_listed_once_at_a_start(stack: Stack, shop: Tenant, proxy: KubeProxy, gold: str) -> None:
    # More than one page of them.
    for number in range(11):
        shop.make_claim(f"data-{number}")
    stack.kill_operator()
    before, begun, said = len(list(stack.plane.audit(OPERATOR_USER))), stack.azure.now, len(stack.operator_said())
    stack.start_again()
    stack.plane.apply(disk("data", shop.namespace))
    wait_for(lambda: shop.condition("protecteddisk", "data", "Ready"), "a watch tells of the new object")
    listed, ended = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for entry in list(stack.plane.audit(OPERATOR_USER))[before:]:
        what = entry.group, entry.resource
        listed[what] += entry.verb == "list" and not entry.namespace and not entry.continues
        # A watch that breaks off is followed by a list; those of the process before ended before the first one.
        ended[what] += entry.verb == "watch" and listed[what] > 0
    took = stack.azure.now - begun
    # After a minute all is listed once more.
    again = took >= timedelta(minutes=1)
    lives = stack.operator_said()[said:].count('"event": "checked"')
    for each in WATCHED:
        what = each.group, each.plural
        told = f"{what} after {took}, in {lives} lives: {listed}, ended: {ended}"
        assert 1 <= listed[what] <= 1 + again + ended[what], told


def test_the_api_server_is_away(stack: Stack, shop: Tenant, proxy: KubeProxy, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Validated", "False", "WaitingForPermissions")
    since = len(stack.azure.requests())
    proxy.away, proxy.refused = True, 0
    open_before = proxy.cut_watches()
    wait_for(lambda: proxy.refused >= 8, "it asks, and is refused")
    proxy.away = False
    # Away for longer than the Lease can be kept, it begins anew.
    stack.works()
    wait_for(lambda: proxy.watches >= open_before, "all watches are open again")
    shop.until("protecteddisk", "data", "Ready")
    assert stack.writes(since).count("backupInstances.put") == 1


@pytest.mark.parametrize("gone", [False, True], ids=["cut", "410"])
def test_watches_that_break_miss_nothing(stack: Stack, shop: Tenant, proxy: KubeProxy, gold: str, gone: bool) -> None:
    shop.make_claim()
    proxy.struck = 0
    if gone:
        proxy.plant("GET", r"protecteddisks\?.*watch=", 410, "Expired", times=2)
    open_before = proxy.cut_watches()
    assert open_before >= 5
    stack.plane.apply(disk("data", shop.namespace))
    wait_for(lambda: shop.condition("protecteddisk", "data", "Ready"), "the new object is seen")
    wait_for(lambda: proxy.watches >= open_before, "all watches are open again")
    shop.until("protecteddisk", "data", "Ready")
    assert proxy.struck == (2 if gone else 0)


def test_an_object_of_a_newer_schema_is_told_and_left_alone(stack: Stack, shop: Tenant, gold: str) -> None:
    path = next(each for each in (ROOT / "crds").glob("*protecteddisks.yaml"))
    newer = yaml.safe_load(path.read_text())
    spec = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["protection"]["enum"].append("Frozen")
    stack.plane.apply(newer)
    shop.make_claim()
    since = len(stack.azure.requests())
    wait_for(lambda: applies(stack, disk("data", shop.namespace, protection="Frozen")), "the schema is known")
    wait_for(lambda: shop.condition("protecteddisk", "data", "Ready"), "it is seen")
    says = shop.condition("protecteddisk", "data", "Accepted")
    assert (says["status"], says["reason"]) == ("False", "InvalidSpec") and "`spec.protection`" in says["message"]
    assert not stack.writes(since)
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    stack.plane.kubectl("apply", "-f", str(path))


def applies(stack: Stack, wanted: dict[str, object]) -> bool:
    from controlplane.plane import KubectlError

    try:
        stack.plane.apply(wanted)
    except KubectlError:
        return False
    return True


def test_an_event_that_is_repeated_is_counted(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.protect(claim="missing")
    for policy in ("unknown", gold, "unknown"):
        shop.protect(claim="missing", policy=policy)
        reason = "PersistentVolumeClaimNotFound" if policy == gold else "PolicyNotFound"
        shop.until("protecteddisk", "data", "Ready", "False", reason)
    found = [each for each in shop.full_events("protecteddisk", "data") if each["reason"] == "PolicyNotFound"]
    assert [each["series"]["count"] for each in found] == [2]
