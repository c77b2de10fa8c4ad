"""Objects as a person would write them, and the sample world that they live in."""

from __future__ import annotations

from typing import Any

API_VERSION = "azdiskbackup.io/v1alpha1"
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
SECOND_SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
LOCATION = "westeurope"
VAULT_GROUP = "backup-rg"
SNAPSHOT_GROUP = "snapshots-rg"
DISK_GROUP = "disks-rg"
RESTORE_GROUP = "restored-rg"

Json = dict[str, Any]


def _object(kind: str, name: str, spec: Json, namespace: str | None = None) -> Json:
    metadata: Json = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def vault(name: str = "demo", **spec: Any) -> Json:
    given: Json = {
        "resourceGroup": VAULT_GROUP,
        "location": LOCATION,
        "snapshotResourceGroups": [{"name": SNAPSHOT_GROUP}],
    }
    return _object("BackupVault", name, given | spec)


def vault_in(subscription: str, name: str = "demo", **spec: Any) -> Json:
    """Return a vault of a subscription, whose snapshots stay there."""
    groups = [{"name": SNAPSHOT_GROUP, "subscriptionID": subscription}]
    where = {"subscriptionID": subscription, "snapshotResourceGroups": groups} if subscription != SUBSCRIPTION else {}
    return vault(name, **where | spec)


def groups(*subscriptions: str) -> list[Json]:
    """Return the resource groups of the sample world in each subscription, as the simulator is told of them."""
    return [
        {"subscription": subscription, "name": name, "location": LOCATION}
        for subscription in subscriptions
        for name in (VAULT_GROUP, SNAPSHOT_GROUP, DISK_GROUP, RESTORE_GROUP)
    ]


def policy(name: str = "gold", vault: str = "demo", **spec: Any) -> Json:
    given: Json = {"vaultRef": {"name": vault}, "schedule": {"frequency": "Hourly", "intervalHours": 4}}
    return _object("DiskBackupPolicy", name, given | spec)


def disk(name: str = "data", namespace: str = "shop", claim: str = "data-0", policy: str = "gold", **spec: Any) -> Json:
    given: Json = {
        "policyRef": {"name": policy},
        "source": {"persistentVolumeClaim": {"name": claim}},
    }
    return _object("ProtectedDisk", name, given | spec, namespace)


def backup(name: str = "now", namespace: str = "shop", disk: str = "data", **spec: Any) -> Json:
    return _object("OnDemandBackup", name, {"protectedDiskRef": {"name": disk}} | spec, namespace)


def restore(name: str = "back", namespace: str = "shop", disk: str = "data", **spec: Any) -> Json:
    given = {
        "source": {"protectedDiskRef": {"name": disk}},
        "target": {"persistentVolumeClaim": {"name": "data-restored"}},
    }
    return _object("DiskRestore", name, given | spec, namespace)


def rule(name: str = "databases", policy: str = "gold", **spec: Any) -> Json:
    given: Json = {"policyRef": {"name": policy}, "namespaceSelector": {}, "minAgeMinutes": 0}
    return _object("DiskProtectionRule", name, given | spec)


def stored(raw: Json, *, uid: str = "u", generation: int = 1, deleting: bool = False) -> Json:
    """Return an object with what the API server adds to it."""
    raw["metadata"] |= {
        "uid": uid,
        "generation": generation,
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-05T09:00:00Z",
    }
    if deleting:
        raw["metadata"]["deletionTimestamp"] = "2026-01-05T09:00:00Z"
    return raw


def namespace(name: str = "shop", **labels: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def disk_id(name: str, subscription: str = SUBSCRIPTION, group: str = DISK_GROUP) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks/{name}"


def volume(
    name: str,
    handle: str,
    claim: str,
    namespace: str = "shop",
    driver: str = "disk.csi.azure.com",
) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "32Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "managed-csi",
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": namespace, "name": claim},
            "csi": {"driver": driver, "volumeHandle": handle},
        },
    }


def claim(name: str, volume: str, namespace: str = "shop") -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "managed-csi",
            "volumeName": volume,
            "resources": {"requests": {"storage": "32Gi"}},
        },
    }


def instance_by_hand(name: str, handle: str, policy_id: str, tags: Json) -> Json:
    """Return the backup instance by which another tool would protect a disk."""
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SNAPSHOT_GROUP}"
    store = {"objectType": "AzureOperationalStoreParameters", "dataStoreType": "OperationalStore"}
    return {
        "tags": tags,
        "properties": {
            "objectType": "BackupInstance",
            "friendlyName": name,
            "dataSourceInfo": {
                "objectType": "Datasource",
                "datasourceType": "Microsoft.Compute/disks",
                "resourceType": "Microsoft.Compute/disks",
                "resourceID": handle,
                "resourceUri": handle,
                "resourceName": name,
                "resourceLocation": LOCATION,
            },
            "policyInfo": {
                "policyId": policy_id,
                "policyParameters": {"dataStoreParametersList": [{**store, "resourceGroupId": group}]},
            },
        },
    }
