"""Two replicas: who leads, that the other takes over, and that nothing is done twice. How fast: `make bench`."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from harness.kube_proxy import KubeProxy
from harness.objects import disk
from harness.processes import wait_for
from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant

TWO = {"replicaCount": 2}


@pytest.fixture(scope="module")
def two(stack: Stack, gold: str) -> Iterator[Stack]:
    """The operator with two replicas, and with one again afterwards."""
    stack.start_operator(TWO)
    yield stack
    if len(stack.installation.pods()) > 1:
        stack.start_operator()


@pytest.fixture
def pair(two: Stack) -> Iterator[Stack]:
    """Two replicas that are ready, whatever a test before did to them."""
    wait_for(lambda: _ready(two) == [True, True], "two replicas are ready")
    two.works()
    yield two
    two.kubelet.go_on()


def _ready(stack: Stack) -> list[bool]:
    path = f"/api/v1/namespaces/{stack.installation.namespace}/pods?labelSelector=app.kubernetes.io/component=operator"
    found = stack.plane.read(path)["items"]
    return [each["ready"] for pod in found for each in pod["status"].get("containerStatuses", [])]


def _restarts(stack: Stack) -> dict[str, int]:
    return {pod.name: pod.restarts for pod in stack.installation.pods()}


def seen(shop: Tenant, name: str) -> None:
    """Wait in real time until a new object has been looked at."""
    wait_for(lambda: shop.get("protecteddisk", name).get("status", {}).get("observedGeneration"), "it is seen")


def test_one_leads_and_the_other_is_ready_and_asks_nothing(pair: Stack, shop: Tenant) -> None:
    leader = pair.installation.leading()
    (standby,) = (pod for pod in pair.installation.pods() if pod.name != leader.name)
    said = standby.log.read_text()
    assert '"on standby"' in said and '"elected as leader"' not in said
    assert pair.azure.followers == 1, "only who leads works"


def test_a_leader_that_is_killed_is_followed(pair: Stack, shop: Tenant) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Validated", "False", "WaitingForPermissions")
    shop.make_claim("data-1")
    leader = pair.installation.leading()
    pair.kubelet.hold()
    pair.kubelet.kill(leader)
    pair.plane.apply(disk("later", shop.namespace, "data-1"))
    since = pair.azure.request_count()
    # It looks at once; it writes to Azure when nothing of the first can be on its way any more.
    wait_for(lambda: shop.condition("protecteddisk", "later", "Ready").get("reason") == "LeaderHandover", "it looks")
    assert pair.installation.leading().name != leader.name
    assert not pair.writes(since)
    wait_for(lambda: pair.writes(since), "it writes")
    pair.works()
    shop.until("protecteddisk", "data", "Ready")
    shop.until("protecteddisk", "later", "Ready")
    assert pair.writes(since).count("backupInstances.put") == 2


def test_a_leader_that_is_stopped_is_followed_at_once(pair: Stack, shop: Tenant) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Validated", "False", "WaitingForPermissions")
    shop.make_claim("data-1")
    leader = pair.installation.leading()
    since = pair.azure.request_count()
    pair.kubelet.kill(leader, signal.SIGTERM)
    wait_for(lambda: pair.installation.leader() != leader.name, "the lease is released")
    pair.plane.apply(disk("later", shop.namespace, "data-1"))
    seen(shop, "later")
    pair.works()
    shop.until("protecteddisk", "data", "Ready")
    shop.until("protecteddisk", "later", "Ready")
    writes = [each for each in pair.azure.requests(since) if each.writes and each.caller == CLIENT_ID]
    done = [(each.route, each.path) for each in writes if each.route != "backupVaults.validateForBackup"]
    assert len(done) == len(set(done)), "nothing is asked twice"


def test_an_upgrade_hands_over_without_a_gap(pair: Stack, shop: Tenant) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    shop.after_the_next_backup()
    before = {pod.name for pod in pair.installation.pods()}
    since = pair.azure.request_count()
    pair.start_operator({**TWO, "podAnnotations": {"upgraded": "yes"}})
    wait_for(lambda: len(pair.installation.pods()) == 2, "the old ones are gone")
    assert not before & {pod.name for pod in pair.installation.pods()}
    pair.works()
    pair.azure.advance(minutes=30)
    assert not pair.writes(since)
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"


def test_a_leader_that_cannot_renew_ends_and_says_why(pair: Stack, shop: Tenant) -> None:
    """Stopped for a while, as a node that hangs: when it wakes up another one leads, and it must not go on."""
    leader = pair.installation.leading()
    pair.kubelet.kill(leader, signal.SIGSTOP)
    try:
        wait_for(lambda: pair.installation.leader() not in ("", leader.name), "another one leads")
    finally:
        pair.kubelet.kill(leader, signal.SIGCONT)
    wait_for(lambda: leader.restarts == 1, "it has ended, and stands by again")
    status = pair.plane.read(leader.path)["status"]["containerStatuses"][0]
    ended = status["lastState"]["terminated"]
    assert ended["exitCode"] == 5 and "The Lease was lost" in ended["message"]
    wait_for(lambda: leader.log.read_text().count('"on standby"') == 2, "it stands by")
    assert leader.log.read_text().count('"elected as leader"') == 1


@pytest.fixture
def proxied(stack: Stack, gold: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, KubeProxy]]:
    """Two replicas, with a proxy between them and their API server."""
    found = KubeProxy(tmp_path_factory.mktemp("proxy"), stack.plane.server, stack.plane.authority)
    stack.start_operator(TWO, kubernetes_service_port=str(found.start()))
    yield stack, found
    found.away = False
    stack.start_operator()
    found.stop()


def test_an_api_server_that_is_away_for_longer_than_a_lease(proxied: tuple[Stack, KubeProxy], shop: Tenant) -> None:
    stack, proxy = proxied
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Validated", "False", "WaitingForPermissions")
    since = stack.azure.request_count()
    leader = stack.installation.leader()
    proxy.away = True
    proxy.cut_watches()
    wait_for(lambda: _restarts(stack)[leader] == 1, "who led has ended, since it could not renew the Lease")
    # Both ask for it from then on, with pauses that grow to eight seconds: some of the longest ones are awaited.
    refused = proxy.refused
    wait_for(lambda: proxy.refused >= refused + 12, "they ask again and again")
    assert all(pod.restarts <= 1 for pod in stack.installation.pods()), "who lost the lease began anew, and waits"
    assert not stack.writes(since)
    shop.make_claim("data-1")
    stack.plane.apply(disk("later", shop.namespace, "data-1"))
    proxy.away = False
    seen(shop, "later")
    stack.works()
    shop.until("protecteddisk", "data", "Ready")
    shop.until("protecteddisk", "later", "Ready")
    assert stack.writes(since).count("backupInstances.put") == 2


def test_two_that_both_lead_come_to_the_same_end(stack: Stack, shop: Tenant, gold: str) -> None:
    stack.start_operator(TWO, azdiskbackup_leader_election="false")
    wait_for(lambda: stack.azure.followers == 2, "both work")
    try:
        since = stack.azure.request_count()
        for number in range(4):
            shop.make_claim(f"data-{number}")
            shop.protect(f"d{number}", f"data-{number}")
            shop.back_up(f"b{number}", f"d{number}")
        for number in range(4):
            shop.until("ondemandbackup", f"b{number}", "Succeeded")
        for _ in range(12):
            stack.azure.advance(minutes=20)
        sent = [each for each in stack.azure.requests(since) if each.caller == CLIENT_ID]
        taken = [each.path for each in sent if each.route == "backupInstances.backup" and each.status == 202]
        assert len(taken) == len(set(taken)) == 4, "one backup an object"
        for number in range(4):
            assert shop.condition("protecteddisk", f"d{number}", "Ready")["status"] == "True"
    finally:
        stack.start_operator()
