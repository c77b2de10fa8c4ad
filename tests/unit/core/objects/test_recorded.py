"""A status that others wrote: whatever stands in a member, all who read it go on, as if it had not been recorded."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from azdiskbackup.api.v1alpha1.kinds import KINDS
from azdiskbackup.core.backup_vault import observed as vaults
from azdiskbackup.core.disk_backup_policy import observed as policies
from azdiskbackup.core.disk_protection_rule import observed as rules
from azdiskbackup.core.disk_protection_rule.disk_view import disk_view
from azdiskbackup.core.disk_restore import observed as restores
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.jobs.recorded import read_recorded
from azdiskbackup.core.objects.policy_view import policy_view
from azdiskbackup.core.objects.recorded import recorded_time
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.objects.vault_view import vault_view
from azdiskbackup.core.protected_disk import observed as disks
from azdiskbackup.core.protected_disk.summary import summary
from azdiskbackup.engine.cache import Cache
from azdiskbackup.observability.object_metrics import ObjectMetrics
from azdiskbackup.reconcilers.background.sweeps import expected
from azdiskbackup.reconcilers.watch.indices import INDICES, QUEUES
from azdiskbackup.reconcilers.watch.metrics_feed import MetricsFeed
from azdiskbackup.reconcilers.watch.triggers import enqueues
from harness import objects
from harness.objects import SUBSCRIPTION, Json

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
THEN = "2026-01-05T09:00:00Z"
VAULT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/demo"
POLICY = f"{VAULT}/backupPolicies/gold-0123abcd"
INSTANCE = f"{VAULT}/backupInstances/d-1"
PRINCIPAL = "11111111-0000-4000-8000-000000000001"
ERROR = {"code": "X", "message": "x", "recommendedAction": "x"}
CONDITIONS = [
    {"type": type_, "status": status, "reason": "X", "message": "x", "lastTransitionTime": THEN}
    for type_, status in {"Ready": "True", "Protected": "True", "Validated": "False", "Succeeded": "True"}.items()
]
JOB = {"id": "j", "operation": "Backup", "status": "Completed", "type": "Scheduled", "durationSeconds": 60}
TIMES = {"startTime": THEN, "endTime": THEN}
POINT = {"id": "p", "time": THEN, "expiryTime": THEN, "retentionRule": "Default", "type": "Incremental"}
EARLIER = {
    "id": objects.disk_id("e"),
    "name": "e",
    "backupInstanceID": f"{VAULT}/backupInstances/e-1",
    "replacedTime": THEN,
}
STATUS: dict[str, Json] = {
    "BackupVault": {
        "vaultID": VAULT,
        "principalID": PRINCIPAL,
        "identities": [{"principalID": PRINCIPAL, "userAssignedIdentityID": "/subscriptions/a"}],
        "resourceGuard": True,
        "restoreRole": True,
        "provisioningState": "x",
        "protectedDisks": 1,
        "orphanedBackupInstances": 1,
    },
    "DiskBackupPolicy": {
        "policyID": POLICY,
        "backupsPerDay": 6,
        "restorePoints": {"expected": 1, "limit": 2, "roomForOnDemand": 1},
        "nextBackupTime": THEN,
        "protectedDisks": 1,
        "predecessors": ["gold-0123abce"],
        "succession": {"from": "gold-0123abce", "total": 2, "moved": 1},
    },
    "ProtectedDisk": {
        "vault": "demo",
        "policy": "gold",
        "disk": {
            "id": objects.disk_id("d"),
            "name": "d",
            "location": "x",
            "sizeGiB": 32,
            "sku": "x",
            "otherSnapshots": 3,
        },
        "persistentVolumeClaimNotFoundSince": THEN,
        "backupInstanceID": INSTANCE,
        "policyID": POLICY,
        "activeSince": THEN,
        "protectionState": "ProtectionConfigured",
        "lastBackup": {"jobID": "j", "status": "Completed", "type": "Scheduled", "durationSeconds": 60, **TIMES},
        "lastSuccessfulBackupTime": THEN,
        "nextBackupTime": THEN,
        "jobs": {"completed": 1, "failed": 0, "inProgress": 0, "recent": [{**JOB, **TIMES, "error": ERROR}]},
        "restorePoints": {"count": 2, "oldest": THEN, "newest": THEN, "recent": [POINT] * 2, "observedTime": THEN},
        "earlierDisks": [{**EARLIER, "oldestRestorePoint": THEN, "newestRestorePoint": THEN}],
    },
    "OnDemandBackup": {
        "backupInstanceID": INSTANCE,
        "jobID": PRINCIPAL,
        "startTime": THEN,
        "completionTime": THEN,
        "durationSeconds": 60,
        "error": ERROR,
        "restorePoint": {"id": "p", "time": THEN, "expiryTime": THEN},
    },
}
STATUS["DiskRestore"] = {
    "vault": "demo",
    "backupInstanceID": INSTANCE,
    "restorePoint": {"id": "p", "time": THEN, "expiryTime": THEN, "sizeGiB": 32},
    "targetDiskID": objects.disk_id("d"),
    "jobID": PRINCIPAL,
    "startTime": THEN,
    "completionTime": THEN,
    "durationSeconds": 60,
    "disk": {"id": objects.disk_id("d"), "name": "d", "location": "x", "sizeGiB": 32, "sku": "x", "zones": ["1"]},
    "persistentVolume": "v",
    "persistentVolumeClaim": "c",
    "error": ERROR,
}
STATUS["DiskProtectionRule"] = {
    "matched": 3,
    "protected": 1,
    "pending": 1,
    "skipped": [{"reason": "SharedDisk", "count": 1, "examples": ["shop/data-0"]}],
    "kept": 1,
    "disks": 2,
    "hourStartTime": THEN,
    "newThisHour": 1,
    "withdrawnThisHour": 1,
    "withdrawal": {"since": THEN, "count": 1, "examples": ["shop/data-0"]},
}
SPEC = {
    "BackupVault": objects.vault(),
    "DiskBackupPolicy": objects.policy(),
    "ProtectedDisk": objects.disk(),
    "OnDemandBackup": objects.backup(),
    "DiskRestore": objects.restore(),
    "DiskProtectionRule": objects.rule(),
}
NONSENSE: list[Any] = [
    None,
    "",
    "nonsense",
    "x" * 1_000_000,
    "/subscriptions/a/resourceGroups/b/providers/c/d/e",
    f"{VAULT}/x/y/z",
    "' or 1 eq 1",
    7,
    -1,
    10**30,
    True,
    [],
    [7],
    [None],
    [{}],
    {},
    {"id": 7},
    {"recent": [7]},
    "0001-01-01T00:00:00+14:00",
    "1970-01-01T00:00:00Z",
    "2026-01-05T09:00:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "2999-01-01T00:00:00Z",
]


_versions = itertools.count(1)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where the members are, those of members too."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        yield from paths(member, (*path, key))


def made(kind: str, path: tuple[Any, ...] = (), nonsense: Any = None) -> Json:
    """Return an object whose status is whole, apart from one member; each is newer than the one before."""
    raw: Json = copy.deepcopy(SPEC[kind])
    version = str(next(_versions))
    raw["metadata"] |= {"uid": "u", "generation": 1, "resourceVersion": version, "creationTimestamp": THEN}
    raw["status"] = copy.deepcopy({**STATUS[kind], "observedGeneration": 1, "conditions": CONDITIONS})
    if path:
        *parents, last = path
        held: Any = raw["status"]
        for each in parents:
            held = held[each]
        held[last] = copy.deepcopy(nonsense)
    return raw


@pytest.fixture(scope="module")
def cache() -> Cache:
    """An object of each kind, and all that reads the objects of a cache when one changes."""
    found = Cache(INDICES, QUEUES)
    feed = MetricsFeed(found, ObjectMetrics(NOW.timestamp, 500))
    for kind in SPEC:
        found.put(kind, made(kind))
    feed.load()
    found.listen(lambda key, before, after: list(enqueues(found, key, before, after)))
    return found


def read(cache: Cache, kind: str, raw: Json) -> None:
    """Read an object as everybody does who reads one."""
    resource = Resource(raw)
    model = next(each.status for each in KINDS if each.name == kind)
    parse_status(model, resource, NOW).to_wire()
    with capture_logs() as complaints:
        # From what it was to this, and back.
        assert cache.put(kind, raw)
        expected(cache, ArmId.parse(VAULT), NOW)
        assert cache.put(kind, made(kind))
    assert not complaints, "each listener understands it"
    match kind:
        case "BackupVault":
            vaults.read_recorded(resource)
            assert vault_view(resource) is not None
        case "DiskBackupPolicy":
            policies.read_recorded(resource, "gold")
            view = policy_view(resource)
            assert view is not None
            summary(Resource(made("ProtectedDisk")), view)
        case "ProtectedDisk":
            disks.read_recorded(resource)
            disk_view(resource)
            summary(resource, policy_view(Resource(made("DiskBackupPolicy"))))
        case "DiskRestore":
            restores.read_recorded(resource)
        case "DiskProtectionRule":
            rules.read_recorded(resource, NOW)
        case _:
            read_recorded(resource)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        pytest.param(kind, path, id=".".join(str(each) for each in (kind, *path)))
        for kind, status in STATUS.items()
        for path in ((), *paths({**status, "conditions": CONDITIONS}))
    ],
)
def test_nonsense_in_a_member_stops_nobody(cache: Cache, kind: str, path: tuple[Any, ...]) -> None:
    assert set(STATUS[kind]) | {"conditions", "observedGeneration"} == {
        str(field.alias) for field in next(each.status for each in KINDS if each.name == kind).model_fields.values()
    }, "every member is here"
    for nonsense in NONSENSE:
        raw = made(kind, path, nonsense)
        if not path:
            raw["status"] = nonsense
        read(cache, kind, raw)


def test_the_other_members_of_a_status_stay() -> None:
    for kind in KINDS:
        whole = parse_status(kind.status, Resource(made(kind.name)), NOW).to_wire()
        for member in STATUS[kind.name]:
            found = parse_status(kind.status, Resource(made(kind.name, (member,), {"id": 7})), NOW).to_wire()
            assert {**found, member: None} == {**whole, member: None}


@pytest.mark.parametrize("member", ["activeSince", "lastSuccessfulBackupTime"])
def test_a_time_to_come_is_not_recorded(member: str) -> None:
    model = next(each.status for each in KINDS if each.name == "ProtectedDisk")
    for when, is_kept in ((NOW + timedelta(minutes=5), True), (NOW + timedelta(days=1), False)):
        found = parse_status(model, Resource(made("ProtectedDisk", (member,), when.isoformat())), NOW).to_wire()
        assert (member in found) == is_kept


def test_a_time_is_read_in_its_zone() -> None:
    assert recorded_time("2026-01-05T10:00:00+01:00") == datetime(2026, 1, 5, 9, tzinfo=UTC)
