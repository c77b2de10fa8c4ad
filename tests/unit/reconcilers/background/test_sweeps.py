"""What of an instance in Azure decides whether a sweep is interested in it, and whether it is an orphan."""

from __future__ import annotations

from typing import Any

import pytest

from azdiskbackup.engine.cache import Cache
from azdiskbackup.reconcilers.background.sweeps import is_orphaned, is_ours
from azdiskbackup.reconcilers.watch.indices import INDICES, QUEUES
from harness import objects
from harness.objects import Json

VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/demo"
MINE, OTHER = f"{VAULT}/backupInstances/mine", f"{VAULT}/backupInstances/other"
DISK = objects.disk_id("pvc")
EARLIER = {"id": DISK, "name": "pvc", "backupInstanceID": OTHER, "replacedTime": "2026-01-05T09:00:00Z"}


def cache_of(*raws: Json) -> Cache:
    cache = Cache(INDICES, QUEUES)
    for raw in raws:
        cache.put(raw["kind"], objects.stored(raw) | ({"status": raw["status"]} if "status" in raw else {}))
    return cache


def disk(name: str = "data", **status: Any) -> Json:
    return objects.disk(name, "shop", "data-0") | {"status": status}


@pytest.mark.parametrize(
    ("disks", "cluster", "orphaned"),
    [
        ([], "here", True),
        ([], "another", False),
        ([disk()], "here", False),
        ([disk(backupInstanceID=OTHER)], "here", False),
        ([disk(backupInstanceID=MINE)], "here", True),
        ([disk(backupInstanceID=MINE, earlierDisks=[EARLIER])], "here", False),
        ([disk("of-another-name", backupInstanceID=OTHER)], "here", False),
    ],
    ids=["its object is gone", "another cluster's", "may adopt it", "has it", "has another", "had it", "took it over"],
)
def test_an_orphan_has_no_object(disks: list[Json], cluster: str, orphaned: bool) -> None:
    owner = {"cluster": cluster, "namespace": "shop", "protecteddisk": "data"}
    tags = {f"azdiskbackup.io.{key}": value for key, value in owner.items()}
    assert is_orphaned(cache_of(*disks), "here", OTHER.lower(), tags) is orphaned
    assert not is_orphaned(cache_of(*disks), "here", OTHER.lower(), {}), "it is nobody's of ours"


def test_a_disk_is_of_interest_by_the_pvc_that_has_its_volume() -> None:
    volume, claim = objects.volume("pv", DISK, "data-0", "shop"), objects.claim("data-0", "pv", "shop")
    assert is_ours(cache_of(volume, claim, disk()), DISK.lower())
    again = objects.claim("data-0", "another", "shop")
    assert not is_ours(cache_of(volume, again, disk()), DISK.lower()), "the volume was released"
    del volume["spec"]["claimRef"]
    assert not is_ours(cache_of(volume, disk()), DISK.lower()), "the volume is nobody's"
