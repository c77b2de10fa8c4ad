"""What protection costs in calls to Azure and writes to Kubernetes: counted like behaviour."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest

from azdiskbackup.kube.exchange import Answer
from harness import objects
from world.api_server import InMemoryExchange
from world.team import Team
from world.world import World

DISKS = 4
_PATH = re.compile(r"/namespaces/(?P<namespace>[^/]+)/(?P<resource>[^/?]+)(?:/(?P<name>[^/?]+))?")


@dataclass(frozen=True)
class Write:
    """One write of the operator to Kubernetes, refused ones as well."""

    namespace: str
    resource: str
    name: str


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Write]:
    """What the operator writes; people do not go this way."""
    return noted_writes(monkeypatch)


def noted_writes(monkeypatch: pytest.MonkeyPatch) -> list[Write]:
    """Return a list that fills with what the operator writes."""
    found: list[Write] = []
    send = InMemoryExchange.send

    async def noted(
        self: InMemoryExchange, method: str, path: str, body: object, content_type: str, seconds: float
    ) -> Answer:
        if method != "GET":
            place = _PATH.search(path)
            found.append(Write(**place.groupdict("")) if place else Write("", path, ""))
        return await send(self, method, path, body, content_type, seconds)

    monkeypatch.setattr(InMemoryExchange, "send", noted)
    return found


@pytest.fixture
def fast_rights(world: World, shop: Team) -> None:
    world.azure.knobs(role_propagation=0)


@pytest.mark.usefixtures("fast_rights")
async def test_calls_from_apply_to_protected_and_silence_afterwards(
    written: list[Write], world: World, shop: Team
) -> None:
    azure = world.azure
    claims = [f"data-{i}" for i in range(DISKS)]
    for claim in claims:
        shop.make_claim(claim)
    # The vault's right on the snapshot group works by then, and no backup falls into what is counted.
    await shop.after_the_next_backup()
    start = azure.request_count()
    for claim in claims:
        await shop.protect(claim, claim)
    for claim in claims:
        await shop.until("ProtectedDisk", claim, "Ready")

    sent = azure.requests(start)
    assert sum(each.route == "operations.status" for each in sent) == DISKS, "one look at each validation"
    for claim in claims:
        name = f"{shop.namespace}-{claim}"
        mine = [each for each in sent if name in each.path]
        # A validation and its operation are on the vault, and name the disk in the body only.
        validations = [each for each in sent if each.route == "backupVaults.validateForBackup"]
        assert sum(name in str(each.body) for each in validations) == 1
        calls = len(mine) + 2
        writes = sum(each.writes for each in mine) + 1
        assert calls <= 8 and writes == 3, [f"{each.time} {each.route}" for each in mine]

    ours = [each for each in written if each.namespace == shop.namespace]
    assert len(ours) <= 8 * DISKS
    for claim in claims:
        assert sum(each.name == claim for each in ours) <= 8

    count, requests = _writes(written), azure.request_count()
    await world.advance(minutes=10)
    assert _writes(written) == count, "a steady cluster causes no writes"
    assert not [each for each in azure.requests(requests) if each.writes]


@pytest.mark.usefixtures("fast_rights")
async def test_what_waits_for_watched_objects_alone_is_not_looked_at(world: World, shop: Team) -> None:
    """Who waits for an object of the cluster hears of it at once; looks in between would be for nothing."""
    kinds = ("OnDemandBackup", "DiskRestore", "ProtectedDisk")
    shop.make_claim()
    await shop.apply(
        objects.backup(namespace=shop.namespace),
        objects.restore(namespace=shop.namespace),
        objects.disk("other", shop.namespace, "missing"),
    )
    await world.advance(hours=1)
    before, calls = {kind: _passes(world, kind) for kind in kinds}, world.azure.request_count()
    await world.advance(hours=12)
    assert {kind: _passes(world, kind) for kind in kinds} == before
    assert not [each for each in world.calls(calls) if each.startswith("backupInstances")]

    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(minutes=30))
    await shop.until("OnDemandBackup", "now", "Succeeded", within=timedelta(minutes=30))


@pytest.mark.usefixtures("fast_rights")
async def test_a_vault_and_a_policy_at_rest(world: World, shop: Team) -> None:
    """A vault is read as often as the disks are swept; what hardly ever changes is verified once an hour."""
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    since = world.azure.request_count()
    await world.advance(hours=3)
    count = Counter(world.calls(since))
    assert count["backupVaults.get"] == 18
    assert [count[f"{each}.get"] for each in ("backupPolicies", "resourceGroups", "roleAssignments")] == [3, 3, 3]


def _passes(world: World, kind: str) -> float:
    registry, labels = world.operator.registry, {"kind": kind, "outcome": "success"}
    return registry.get_sample_value("azdiskbackup_reconcile_total", labels) or 0.0


def _writes(written: list[Write]) -> int:
    # The Lease is renewed whatever there is to do.
    return sum(each.resource != "leases" for each in written)
