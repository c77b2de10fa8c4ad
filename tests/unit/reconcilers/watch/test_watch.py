"""The list of our own: what no watch told is noticed, and nothing else is stirred up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest

from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.watched import WatchedResource
from azdiskbackup.reconcilers.watch.indices import INDICES, QUEUES
from azdiskbackup.reconcilers.watch.resync import RESYNC, Resync
from azdiskbackup.reconcilers.watch.triggers import enqueues
from harness.clock import ManualClock
from harness.objects import backup, disk, policy, vault


class Server:
    """Lists what it has, as the API server would."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._version = 0

    def put(self, raw: dict[str, Any]) -> None:
        self._version += 1
        uid = f"{raw['kind']}-{raw['metadata']['name']}"
        raw["metadata"] |= {"uid": uid, "resourceVersion": str(self._version), "generation": 1}
        self.objects[raw["kind"], raw["metadata"]["name"]] = raw

    async def list_all(self, resource: WatchedResource) -> AsyncIterator[dict[str, Any]]:
        for (kind, _), raw in list(self.objects.items()):
            if kind == resource.kind:
                yield raw


def _names(cache: Cache, key: Key, before: Any, after: Any) -> set[str]:
    """Return whom a change enqueues."""
    return {str(each.key) for each in enqueues(cache, key, before, after)}


async def test_changes_and_losses_that_no_watch_told_reach_those_who_care() -> None:
    server, cache, clock = Server(), Cache(INDICES, QUEUES), ManualClock()
    resync = Resync(cast(KubeClient, server), cache, clock, timedelta(minutes=10))
    for raw in (vault(), policy(), disk(), backup()):
        server.put(raw)
    await resync.load()
    stirred: set[Key] = set()
    cache.listen(lambda key, before, after: stirred.update(each.key for each in enqueues(cache, key, before, after)))

    assert await resync.reconcile(RESYNC) == clock.now() + timedelta(minutes=10)
    assert stirred == set(), "nothing changed, nobody is asked"

    del server.objects["ProtectedDisk", "data"]
    await resync.reconcile(RESYNC)
    assert cache.get(Key("ProtectedDisk", "shop", "data")) is None
    assert {str(key) for key in stirred} == {
        "ProtectedDisk/shop/data",
        "DiskBackupPolicy/gold",
        "BackupVault/demo",
        "OnDemandBackup/shop/now",
    }


async def test_a_status_that_we_wrote_ourselves_stirs_up_only_those_who_can_see_it() -> None:
    cache = Cache(INDICES, QUEUES)
    for number, raw in enumerate((vault(), policy(), disk(), backup()), start=1):
        raw["metadata"] |= {"uid": f"u{number}", "resourceVersion": str(number), "generation": 1}
        cache.put(raw["kind"], raw)
    stirred: list[str] = []
    cache.listen(lambda key, before, after: stirred.extend(_names(cache, key, before, after)))

    def status(raw: dict[str, Any], version: int, **fields: Any) -> set[str]:
        stirred.clear()
        metadata = {**raw["metadata"], "resourceVersion": str(version), "uid": "u3", "generation": 1}
        cache.put(raw["kind"], {**raw, "metadata": metadata, "status": fields})
        return set(stirred)

    assert status(disk(), 10, nextBackupTime="2026-01-05T10:00:00Z") == set()
    protected = [{"type": "Protected", "status": "True", "observedGeneration": 1}]
    assert status(disk(), 11, conditions=protected) == {"OnDemandBackup/shop/now"}


@pytest.mark.parametrize("member", ["restorePoints", "backupInstanceID", "policyID", "conditions"])
def test_nonsense_in_a_status_hides_no_change_of_the_spec(member: str) -> None:
    cache = Cache(INDICES, QUEUES)
    before, after = ({**disk(), "status": {member: "nonsense"}} for _ in range(2))
    for number, raw in enumerate((before, after), start=1):
        raw["metadata"] = {**raw["metadata"], "uid": "u", "generation": number}
    found = _names(cache, Key("ProtectedDisk", "shop", "data"), before, after)
    assert "ProtectedDisk/shop/data" in found


def test_who_only_counts_disks_waits_for_those_that_are_made_together() -> None:
    cache = Cache(INDICES, QUEUES)
    for raw in (policy(), disk()):
        raw["metadata"] |= {"uid": raw["kind"], "resourceVersion": "1", "generation": 1}
        cache.put(raw["kind"], raw)
    made = cache.get(key := Key("ProtectedDisk", "shop", "data"))
    waits = {str(each.key): each.delay.total_seconds() for each in enqueues(cache, key, None, made)}
    assert waits == {"ProtectedDisk/shop/data": 0, "DiskBackupPolicy/gold": 10, "BackupVault/demo": 10}
    deleted = {str(each.key): each.delay.total_seconds() for each in enqueues(cache, key, made, None)}
    assert deleted["BackupVault/demo"] == deleted["DiskBackupPolicy/gold"] == 0, "they may wait for its end"


async def test_a_watch_that_is_open_and_tells_nothing_is_found_out() -> None:
    server, cache = Server(), Cache(INDICES, QUEUES)
    resync = Resync(cast(KubeClient, server), cache, ManualClock(), timedelta(minutes=10))
    server.put(disk())
    await resync.load()
    resync.on_watch_event("ProtectedDisk")
    for round_ in range(2):
        server.put(disk())
        await resync.reconcile(RESYNC)
        assert resync.silent_watch is None, (
            f"round {round_}: what was heard is not blind, and one change may be on its way"
        )
    del server.objects["ProtectedDisk", "data"]
    await resync.reconcile(RESYNC)
    assert resync.silent_watch == "ProtectedDisk"
    await resync.reconcile(RESYNC)
    assert resync.silent_watch is None, "nothing happened that it could have told"


@pytest.mark.parametrize("spec", [{}, {"policyRef": 7}, {"vaultRef": [], "source": "x", "protectedDiskRef": None}])
@pytest.mark.parametrize("made", [vault, policy, disk, backup], ids=lambda each: each.__name__)
async def test_a_spec_that_cannot_be_read_keeps_nobody_from_being_woken(made: Any, spec: dict[str, Any]) -> None:
    cache = Cache(INDICES, QUEUES)
    stirred: set[str] = set()
    cache.listen(lambda key, before, after: stirred.update(_names(cache, key, before, after)))
    for version, wanted in enumerate((made()["spec"], spec, made()["spec"]), 1):
        raw = made()
        raw["metadata"] |= {"uid": "u", "resourceVersion": str(version), "generation": version}
        stirred.clear()
        cache.put(raw["kind"], {**raw, "spec": wanted})
        assert f"{raw['kind']}/" in "".join(stirred)
