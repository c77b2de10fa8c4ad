"""The API server refuses, goes away, forgets; a person wipes and removes: nothing is lost, and nothing done twice."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from datetime import timedelta
from types import TracebackType
from typing import Self

import pytest

from azdiskbackup.core.objects.markers import ABANDON
from azdiskbackup.errors import Unavailable
from azdiskbackup.kube.exchange import Answer, Exchange
from harness.objects import Json
from world.api_server import BY_KIND, DEFINITIONS
from world.schema import Schema
from world.store import Resource
from world.team import Team
from world.world import World


class Way:
    """The operator's way to its API server, on which a test refuses requests, and counts those that fail.

    Attributes:
        refused: how many requests came while the API server was away.
        struck: how many requests were refused.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.refused = 0
        self.struck = 0
        self._method, self._path, self._left, self._answer = "", "", 0, Answer(200, b"", {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def plant(self, method: str, path: str, status: int, reason: str, times: int) -> None:
        """Refuse requests instead of carrying them on: by method, path with query, and how often."""
        told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "planted by a test"}
        content = json.dumps({**told, "reason": reason, "code": status}).encode()
        self._method, self._path, self._left = method, path, times
        self._answer = Answer(status, content, {"Content-Type": "application/json"})

    async def send(self, method: str, path: str, body: object, content_type: str, seconds: float) -> Answer:
        if self._left and method == self._method and re.search(self._path, path):
            self._left -= 1
            self.struck += 1
            return self._answer
        try:
            return await self._exchange.send(method, path, body, content_type, seconds)
        except Unavailable:
            self.refused += 1
            raise


@pytest.fixture
def way(world: World) -> Way:
    """What stands between the operator and its API server; a life that is started later goes without."""
    kube = world.operator.kube
    found = Way(kube._exchange)
    kube._exchange = found
    return found


@pytest.mark.parametrize("world", [0, 5, 56], indirect=True, ids="seed {}".format)
async def test_a_conflict_at_every_write_of_status(world: World, shop: Team, way: Way) -> None:
    way.plant("PATCH", f"/namespaces/{shop.namespace}/.*/status", 409, "Conflict", times=12)
    shop.make_claim()
    since = world.azure.request_count()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    assert way.struck == 12
    assert sorted(world.writes(since)) == [
        "backupInstances.put",
        *["backupVaults.validateForBackup"] * world.writes(since).count("backupVaults.validateForBackup"),
        "roleAssignments.put",
    ]


@pytest.mark.parametrize("anew", [False, True], ids=["goes on", "begins anew"])
async def test_the_api_server_is_away(world: World, shop: Team, way: Way, anew: bool) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Validated", "False", "WaitingForPermissions")
    since = world.azure.request_count()
    world.operator.server_is_away, world.operator.hears = True, False
    await world.passes(lambda: way.refused >= 8, "it asks, and is refused")
    if anew:
        # Away for longer than the Lease can be kept, it ends by itself.
        await world.kill_operator()
        await world.start_operator()
    else:
        world.operator.server_is_away = False
        await world.operator.list_again()
    await shop.until("ProtectedDisk", "data", "Ready")
    assert world.writes(since).count("backupInstances.put") == 1


@pytest.mark.parametrize("gone", [False, True], ids=["cut", "410"])
async def test_watches_that_break_miss_nothing(world: World, shop: Team, gone: bool) -> None:
    shop.make_claim()
    missed: list[tuple[str, Resource, Json]] = []

    def keep(how: str, resource: Resource, raw: Json) -> None:
        missed.append((how, resource, raw))

    world.operator.hears = False
    world.server.store.watchers.append(keep)
    await shop.protect()
    assert missed and not shop.condition("ProtectedDisk", "data", "Ready"), "nobody told the operator"
    world.server.store.watchers.remove(keep)
    if gone:
        # What happened is forgotten: only a list tells what there is now.
        await world.operator.list_again()
    else:
        # The next watch begins where the last one ended.
        world.operator.hears = True
        for event in missed:
            world.operator._on_event(*event)
    await world.settle()
    assert shop.condition("ProtectedDisk", "data", "Ready"), "the new object is seen"
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_objects_that_are_deleted_while_the_operator_is_down(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.back_up()
    await world.kill_operator()
    await shop.delete("OnDemandBackup", "now")
    await shop.delete("ProtectedDisk", "data")
    await shop.delete("PersistentVolumeClaim", "data-0")
    since = world.azure.request_count()
    await world.start_operator()
    await shop.gone("ProtectedDisk", "data")
    assert world.writes(since) == ["backupInstances.stopProtection"]


@pytest.mark.parametrize("protection", ["Active", "Suspended", "Stopped"])
async def test_status_that_is_wiped_alone_is_rebuilt_at_once(world: World, shop: Team, protection: str) -> None:
    """Also of a disk that rests, at which there is no other time to look."""
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.protect(protection=protection)
    await shop.until("ProtectedDisk", "data", "Ready")
    await world.advance(minutes=30)
    since = world.azure.request_count()
    await shop.patch("ProtectedDisk", "data", {"status": None}, "status")
    await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(minutes=5))
    assert not world.writes(since)


@pytest.mark.parametrize("restarted", [False, True])
async def test_status_that_is_wiped_is_rebuilt(world: World, shop: Team, restarted: bool) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    # No scheduled backup comes in between.
    await shop.after_the_next_backup()
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    await world.advance(minutes=15)
    before = shop.get("ProtectedDisk", "data")["status"]
    since = world.azure.request_count()
    if restarted:
        # First, so that nobody who still knows writes it again.
        await world.kill_operator()
    for kind, name in (("ProtectedDisk", "data"), ("DiskBackupPolicy", "gold"), ("BackupVault", "demo")):
        await shop.patch(kind, name, {"status": None}, "status")
        assert not restarted or "status" not in shop.get(kind, name)
    if restarted:
        await world.start_operator()
    await shop.until("ProtectedDisk", "data", "Ready")
    await world.passes(lambda: shop.get("ProtectedDisk", "data")["status"].get("restorePoints"), "its points")
    after = shop.get("ProtectedDisk", "data")["status"]
    for key in ("backupInstanceID", "disk", "policy", "policyID", "vault", "jobs", "lastSuccessfulBackupTime"):
        assert after[key] == before[key], key
    assert not world.writes(since)


async def test_a_finalizer_that_is_removed_by_hand_comes_back(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.patch("ProtectedDisk", "data", {"metadata": {"finalizers": []}})
    await world.passes(lambda: shop.get("ProtectedDisk", "data")["metadata"].get("finalizers"), "it is back")
    since = world.azure.request_count()
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert world.writes(since) == ["backupInstances.stopProtection"]


async def test_an_object_of_a_newer_schema_is_told_and_left_alone(
    world: World, shop: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = await serve_newer(world, monkeypatch)
    shop.make_claim()
    since = world.azure.request_count()
    await shop.protect(protection="Frozen")
    assert shop.condition("ProtectedDisk", "data", "Ready"), "it is seen"
    says = shop.condition("ProtectedDisk", "data", "Accepted")
    assert (says["status"], says["reason"]) == ("False", "InvalidSpec") and "`spec.protection`" in says["message"]
    assert not world.writes(since)
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await serve(world, ours, monkeypatch)


async def test_an_object_that_nobody_can_read_can_go(world: World, shop: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = await serve_newer(world, monkeypatch)
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.protect(protection="Frozen")
    await shop.delete("ProtectedDisk", "data")
    uid = shop.get("ProtectedDisk", "data")["metadata"]["uid"]
    says = shop.says("ProtectedDisk", "data")
    assert "Correct the spec" in says and f"{ABANDON}={uid}" in says
    await shop.patch("ProtectedDisk", "data", {"metadata": {"annotations": {ABANDON: uid}}})
    assert not shop.exists("ProtectedDisk", "data")
    await serve(world, ours, monkeypatch)


async def serve_newer(world: World, monkeypatch: pytest.MonkeyPatch) -> Json:
    """Have the API server admit a mode of protection that this version does not know; return our own definition."""
    ours = next(each for each in DEFINITIONS if each["spec"]["names"]["kind"] == "ProtectedDisk")
    newer = deepcopy(ours)
    spec = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["protection"]["enum"].append("Frozen")
    await serve(world, newer, monkeypatch)
    return ours


async def serve(world: World, definition: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the API server admit what another definition of a kind allows, until the test ends."""
    resource = BY_KIND[definition["spec"]["names"]["kind"]]
    # All worlds share the schemas.
    monkeypatch.setitem(vars(resource.schema), "_validator", Schema(definition)._validator)
    definitions = BY_KIND["CustomResourceDefinition"]
    world.server.store.update(definitions, ("", definition["metadata"]["name"]), definition)
    await world.settle()
