"""A small fleet at a fixed time, and an API server that only answers with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from azdiskbackup.api.crd.definition import definition
from azdiskbackup.api.v1alpha1.kinds import KINDS
from azdiskbackup.errors import AccessDenied, Conflict
from azdiskbackup.kube.client import NotFoundError
from azdiskbackup.kube.watched import WatchedResource
from harness import objects

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INSTANCE = (
    f"/subscriptions/{objects.SUBSCRIPTION}/resourceGroups/backup-rg/providers/Microsoft.DataProtection"
    "/backupVaults/demo/backupInstances/"
)
NAMESPACES = ("shop", "bank", "kube-system")
Json = dict[str, Any]
Raw = Mapping[str, Any]


def wire(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def ago(**span: float) -> str:
    return wire(NOW - timedelta(**span))


def condition(type_: str, status: str, reason: str, message: str = "", since: str | None = None) -> Json:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message or f"{reason}, in words.",
        "lastTransitionTime": since or ago(days=3),
        "observedGeneration": 1,
    }


def whole(made: Json, **status: Any) -> Json:
    """Return an object as the API server has it."""
    name, space = made["metadata"]["name"], made["metadata"].get("namespace", "")
    made["metadata"] |= {
        "uid": f"uid-{space}-{name}", "resourceVersion": "7", "generation": 1, "creationTimestamp": ago(days=30)
    }  # fmt: skip
    return made | {"status": status}


PROVISIONING_RULES = (
    ("Accepted", "Valid"),
    ("DiskResolved", "Resolved"),
    ("RolesGranted", "RolesGranted"),
    ("Validated", "NotNeeded"),
    ("Protected", "ProtectionConfigured"),
)


def disk(name: str, namespace: str, *conditions: Json, claim: str | None = None, **status: Any) -> Json:
    made = objects.disk(name, namespace, claim or f"{name}-0")
    volume = f"pv-{claim or f'{name}-0'}"
    known = {
        "vault": "demo",
        "policy": "gold",
        "disk": {
            "id": objects.disk_id(volume),
            "name": volume,
            "sizeGiB": 128,
            "sku": "Premium_LRS",
            "location": "westeurope",
            "persistentVolume": volume,
        },
    }
    return whole(made, **known | status, conditions=list(conditions))


def job(
    number: int, hours: float, status: str = "Completed", error: Json | None = None, type_: str = "Scheduled"
) -> Json:
    start = NOW - timedelta(hours=hours)
    made = {
        "id": f"job-{number}",
        "operation": "Backup",
        "status": status,
        "type": "Scheduled",
        "startTime": wire(start),
        "endTime": wire(start + timedelta(seconds=216)),
        "durationSeconds": 216,
    }
    return made | ({"error": error} if error else {})


def points(times: list[datetime], recent: int = 20) -> Json:
    newest_first = sorted(times, reverse=True)
    return {
        "count": len(times),
        "oldest": wire(newest_first[-1]),
        "newest": wire(newest_first[0]),
        "recent": [
            {
                "id": f"point-{index}",
                "time": wire(each),
                "expiryTime": wire(each + timedelta(days=7)),
                "retentionRule": "Default",
                "type": "Incremental",
            }
            for index, each in enumerate(newest_first[:recent])
        ],
        "observedTime": ago(hours=2),
    }


QUOTA = {
    "code": "UserErrorSubscriptionDiskQuotaLimitReached",
    "message": "The number of snapshots has reached its limit.",
    "recommendedAction": "Ask for a higher limit.",
}
GOOD_TIMES = [NOW - timedelta(hours=2 + 4 * number) for number in range(18)]


def good(name: str = "data", namespace: str = "shop") -> Json:
    return disk(
        name,
        namespace,
        *(condition(type_, "True", reason) for type_, reason in PROVISIONING_RULES),
        condition("BackupHealthy", "True", "BackupSucceeded", "The backup of 2026-11-22 10:00 UTC succeeded."),
        condition("Ready", "True", "Protected", "Azure Backup protects the disk."),
        backupInstanceID=f"{INSTANCE}{name}",
        protectionState="ProtectionConfigured",
        activeSince=ago(days=20),
        lastSuccessfulBackupTime=ago(hours=2),
        nextBackupTime=wire(NOW + timedelta(hours=2)),
        jobs={"completed": 42, "failed": 0, "inProgress": 0, "recent": [job(n, 2 + 4 * n) for n in range(10)]},
        restorePoints=points(GOOD_TIMES),
    )


def failing() -> Json:
    made = good("ledger", "bank")
    words = f"{QUOTA['code']}: {QUOTA['message']} Azure recommends: {QUOTA['recommendedAction']}"
    message = f"The backup of 2026-11-22 10:00 UTC ended as Failed. {words}"
    made["status"]["conditions"][-2] = condition("BackupHealthy", "False", "BackupFailed", message, ago(hours=2))
    made["status"]["jobs"] = {
        "completed": 41,
        "failed": 1,
        "inProgress": 0,
        "recent": [job(0, 2, "Failed", QUOTA), job(1, 6), job(2, 10)],
    }
    made["status"]["lastSuccessfulBackupTime"] = ago(hours=6)
    made["status"]["restorePoints"] = points(GOOD_TIMES[1:])
    return made


def waiting() -> Json:
    message = (
        "Azure refuses the vault's identity access to the disk or to its snapshot resource group: role assignments "
        "take "
        "up to 30 minutes to propagate. Waiting for 12 min; next attempt at 2026-11-22 12:03 UTC."
    )
    return disk(
        "orders",
        "shop",
        *(condition(type_, "True", reason) for type_, reason in PROVISIONING_RULES[:3]),
        condition("Validated", "False", "WaitingForPermissions", message, ago(minutes=12)),
        condition("Protected", "Unknown", "NotYetKnown", "Not checked until Validated holds."),
        condition("BackupHealthy", "Unknown", "NotYetKnown"),
        condition("Ready", "False", "WaitingForPermissions", message, ago(minutes=12)),
        condition("Reconciling", "True", "WaitingForPermissions", message),
    )


def lost() -> Json:
    message = (
        "The source now resolves to another disk (pvc-new) than the one that this object protects. Its restore points "
        "are kept. Create another object to protect the new disk; this one may stay. Or have this one protect it, and "
        "keep those restore points: kubectl annotate protecteddisk lost -n shop --overwrite "
        "azdiskbackup.io/follow-pvc=2c2f9a3e-0000-4000-8000-000000000002"
    )
    return disk(
        "lost",
        "shop",
        condition("Accepted", "True", "Valid"),
        condition("DiskResolved", "False", "DiskChanged", message),
        condition("Ready", "False", "DiskChanged", message),
        condition("Stalled", "True", "DiskChanged", message),
        backupInstanceID=f"{INSTANCE}lost",
        restorePoints=points(GOOD_TIMES[5:]),
    )


def restore(name: str, namespace: str, disk: str, claim: str, *conditions: Json, **status: Any) -> Json:
    made = objects.restore(name, namespace, disk, target={"persistentVolumeClaim": {"name": claim}})
    found = whole(made, **status, conditions=list(conditions))
    found["metadata"]["creationTimestamp"] = ago(minutes=20)
    return found


PINNED = {"id": "point-1", "time": ago(hours=6), "expiryTime": wire(NOW + timedelta(days=6)), "sizeGiB": 128}


def restoring() -> Json:
    message = (
        "Azure refuses the vault's identity access to the restore: role assignments take up to 30 minutes to "
        "propagate. Waiting for 12 min; next attempt at 2026-11-22 12:03 UTC."
    )
    return restore(
        "lost-0-restored",
        "shop",
        "lost",
        "lost-0-restored",
        condition("SourceResolved", "True", "Resolved", "The restore point of 2026-11-22 06:00 UTC is restored."),
        condition("AccessGranted", "True", "Granted"),
        condition("Validated", "False", "WaitingForPermissions", message, ago(minutes=12)),
        condition("Succeeded", "Unknown", "WaitingForPermissions", message, ago(minutes=12)),
        vault="demo",
        restorePoint=PINNED,
        persistentVolumeClaim="lost-0-restored",
    )


def failed_restore() -> Json:
    message = f"The restore ended as Failed. {QUOTA['code']}: {QUOTA['message']} Create another DiskRestore to retry."
    return restore(
        "ledger-0-restored",
        "bank",
        "ledger",
        "ledger-0-restored",
        condition("DiskRestored", "False", "Failed", message, ago(hours=1)),
        condition("Succeeded", "False", "Failed", message, ago(hours=1)),
        restorePoint=PINNED,
        jobID="job-9",
        startTime=ago(hours=1),
        completionTime=ago(hours=1),
        error=QUOTA,
    )


def untouched() -> Json:
    made = whole(objects.disk("new", "bank", "new-0"))
    made["metadata"]["creationTimestamp"] = ago(minutes=1)
    return made


VAULT = whole(
    objects.vault(
        access={"restoreNamespaces": {}, "restoreOrphanNamespaces": {}},
        restoreResourceGroups=[{"name": objects.RESTORE_GROUP}],
    ),
    vaultID=INSTANCE.rsplit("/", 2)[0],
    conditions=[condition("Ready", "True", "Ready", "The vault demo is ready.")],
)
GOLD = whole(
    objects.policy(retention={"default": {"days": 7}}),
    conditions=[condition("Ready", "True", "Ready", "The policy is usable by disks.")],
)
GREEDY = whole(
    objects.policy("greedy"),
    conditions=[
        condition("Ready", "False", "TooManyRestorePoints", "The policy leads to 720 restore points a disk."),
        condition("Stalled", "True", "TooManyRestorePoints"),
    ],
)
LABELS = {"app.kubernetes.io/part-of": "azdiskbackup"}
LEASE: Json = {
    "metadata": {"name": "azdiskbackup", "namespace": "azdiskbackup", "resourceVersion": "9", "labels": LABELS},
    "spec": {
        "holderIdentity": "azdiskbackup-0",
        "leaseDurationSeconds": 15,
        "renewTime": "2126-01-01T00:00:00.000000Z",
    },
}
DEPLOYMENT: Json = {
    "metadata": {
        "name": "azdiskbackup", "namespace": "azdiskbackup", "labels": LABELS | {"app.kubernetes.io/version": "0.1.0"},
    },
    "spec": {"replicas": 2},
    "status": {"readyReplicas": 2},
}  # fmt: skip


def claim(name: str, namespace: str, **more: Any) -> Json:
    made = objects.claim(name, f"pv-{name}", namespace)
    made["metadata"] |= {"uid": f"uid-{name}", "creationTimestamp": ago(days=9), **more}
    return made | {"status": {"phase": "Bound", "capacity": {"storage": "32Gi"}}}


def volume(name: str, namespace: str, driver: str = "disk.csi.azure.com") -> Json:
    made = objects.volume(f"pv-{name}", objects.disk_id(f"pv-{name}"), name, namespace, driver)
    made["spec"]["claimRef"]["uid"] = f"uid-{name}"
    return made


class Api:
    """What the commands ask of the API server; kinds in ``denied`` may not be read."""

    def __init__(self, denied: tuple[str, ...] = ()) -> None:
        self.denied = denied
        self.objects: dict[str, list[Json]] = {
            "backupvaults": [VAULT],
            "diskbackuppolicies": [GOLD, GREEDY],
            "protecteddisks": [good(), waiting(), lost(), failing(), untouched()],
            "ondemandbackups": [],
            "diskrestores": [restoring(), failed_restore()],
            "diskprotectionrules": [],
            "deployments": [DEPLOYMENT],
            "leases": [LEASE],
            "events": [],
            "namespaces": [{"metadata": {"name": name, "uid": f"uid-{name}"}} for name in NAMESPACES],
            "customresourcedefinitions": [dict(definition(kind)) for kind in KINDS],
            "persistentvolumeclaims": [claim("data-0", "shop"), claim("cache-0", "shop"), claim("files-0", "bank")],
            "persistentvolumes": [
                volume("data-0", "shop"), volume("cache-0", "shop"), volume("files-0", "bank", "file.csi.azure.com"),
            ],
        }  # fmt: skip

    async def list_all(self, what: WatchedResource, namespace: str = "", **selected: str) -> AsyncIterator[Raw]:
        self._allowed("list", what.plural)
        fields = dict(parse_qsl(selected.get("fieldSelector", "")))
        labels = dict(parse_qsl(selected.get("labelSelector", "")))
        for each in self.objects[what.plural]:
            if not labels.items() <= each["metadata"].get("labels", {}).items():
                continue
            policy = fields.get("spec.policyRef.name")
            if namespace in ("", each["metadata"].get("namespace")) and policy in (
                None,
                (each.get("spec") or {}).get("policyRef", {}).get("name"),
            ):
                yield each

    async def get(self, path: str) -> Raw:
        if path == "/version":
            return {"gitVersion": "v1.36.0"}
        *place, plural, name = path.split("/")
        self._allowed("get", plural)
        space = place[place.index("namespaces") + 1] if "namespaces" in place else None
        for each in self.objects[plural]:
            if each["metadata"]["name"] == name and each["metadata"].get("namespace") == space:
                return each
        raise NotFoundError("NotFound", f'{plural} "{name}" not found')

    async def create(self, path: str, body: Any) -> Raw:
        plural = path.rsplit("/", 1)[1]
        if plural == "selfsubjectaccessreviews":
            return {"status": {"allowed": body["spec"]["resourceAttributes"]["resource"] not in self.denied}}
        self._allowed("create", plural)
        name, space = body["metadata"].get("name"), body["metadata"].get("namespace")
        if any(
            each["metadata"]["name"] == name and each["metadata"].get("namespace") == space
            for each in self.objects[plural]
        ):
            raise Conflict("AlreadyExists", f'{plural} "{name}" already exists')
        made = whole(body)
        self.objects[plural].append(made)
        return made

    async def server_time(self) -> datetime:
        return datetime.now(UTC)

    def _allowed(self, verb: str, plural: str) -> None:
        if plural in self.denied:
            raise AccessDenied("Forbidden", f'User "ann" cannot {verb} resource "{plural}" at the cluster scope')
