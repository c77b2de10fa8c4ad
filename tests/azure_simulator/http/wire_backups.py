"""Jobs and recovery points as the service sends them, the nulls included."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from azure_simulator.http import wire
from azure_simulator.model.instance import Instance
from azure_simulator.model.jobs import Job, RecoveryPoint
from azure_simulator.model.vaults import Vault


def _net_span(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.0000000"


def _iso_span(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    text = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    text += f"{rest}S" if rest or not text else ""
    return f"PT{text}"


def job(found: Job, holder: Vault, now: datetime, *, listed: bool) -> wire.Json:
    """A list writes durations in another form than a single job, and leaves the extended info out."""
    # While it runs the service says that nothing has passed yet.
    duration = found.end - found.start if found.end else timedelta()
    properties: wire.Json = {
        "activityID": found.activity_id,
        "subscriptionId": holder.subscription,
        "backupInstanceId": found.instance_id,
        "policyId": found.policy_id,
        "dataSourceId": found.disk_id,
        "vaultName": holder.name,
        "backupInstanceFriendlyName": found.friendly_name,
        "policyName": found.policy_name,
        "sourceResourceGroup": found.disk_id.split("/")[4],
        "dataSourceSetName": None,
        "dataSourceName": found.disk_name,
        "sourceDataStoreName": None,
        "sourceDataStoreType": "OperationalStore" if found.restored_to else None,
        "destinationDataStoreName": "OperationalTierStore" if found.point_id else None,
        "progressEnabled": False,
        "etag": f"W/\"datetime'{wire.time(found.end or found.start).replace(':', '%3A')}'\"",
        "sourceSubscriptionID": found.disk_id.split("/")[2],
        "dataSourceLocation": found.disk_location,
        "startTime": wire.time(found.start),
        "endTime": None if found.end is None else wire.time(found.end),
        "dataSourceType": "Microsoft.Compute/disks",
        "operationCategory": found.operation,
        "operation": found.operation,
        "status": found.status,
        "restoreType": None,
        "isUserTriggered": found.user_triggered,
        "rehydrationPriority": None,
        "supportedActions": [] if listed else [""] if found.user_triggered else [],
        "duration": _net_span(duration) if listed else _iso_span(duration),
        "progressUrl": None,
        "isCrossRegionRestore": None,
        "errorDetails": [wire.user_facing(found.fault)] if found.fault else None,
        "extendedInfo": None if listed else _extended(found),
    }
    return {
        "properties": properties,
        "id": f"{holder.id}/backupJobs/{found.id}",
        "name": found.id,
        "type": "Microsoft.DataProtection/backupVaults/backupJobs",
    }


def job_of_graph(found: Job, holder: Vault, now: datetime) -> wire.Json:
    """Resource Graph writes durations as a list does, and has the extended info that a list leaves out."""
    body = job(found, holder, now, listed=True)
    return body | {"properties": body["properties"] | {"extendedInfo": _extended(found)}}


def _extended(found: Job) -> wire.Json:
    ended = found.end is not None and found.fault is None
    source = found.restored_from
    # Of snapshots nothing is transferred.
    size = {"OriginalDatasourceSizeInBytes": str(found.disk_size_gib * 1024**3)}
    sizes = size if source is None else {"DataTransferredInBytes": "0"}
    return {
        "backupInstanceState": None,
        "dataTransferredInBytes": None,
        "targetRecoverPoint": (
            {"recoveryPointID": found.point_id, "recoveryPointTime": wire.NEVER} if found.point_id else None
        ),
        "sourceRecoverPoint": (
            {"recoveryPointID": source.id, "recoveryPointTime": wire.time(source.taken)} if source else None
        ),
        "recoveryDestination": found.restored_to or None,
        "subTasks": [
            {
                "taskId": 1,
                "taskName": f"Trigger {found.operation}",
                "taskStatus": found.status,
                "taskProgress": None,
                "additionalDetails": (
                    {
                        **sizes,
                        "TaskId": found.activity_id,
                        "DatasourceType": "Microsoft.Compute/disks",
                    }
                    if ended
                    else None
                ),
            }
        ],
        "additionalDetails": {"RetentionTag": found.retention_tag} if found.retention_tag else None,
        "warningDetails": _warnings(found),
    }


def _warnings(found: Job) -> list[wire.Json] | None:
    """As the OpenAPI document has them; none was recorded."""
    if found.warning is None:
        return None
    return [{"resourceName": found.restored_to.rsplit("/", 1)[-1], "warning": wire.user_facing(found.warning)}]


def point(found: RecoveryPoint, of: Instance, holder: Vault, *, single: bool) -> wire.Json:
    """A single point has metadata, as JSON in a string; a list has none."""
    return {
        "properties": {
            "objectType": "AzureBackupDiscreteRecoveryPoint",
            "recoveryPointId": found.id,
            "recoveryPointTime": wire.time(found.taken),
            "recoveryPointType": "Incremental",
            "friendlyName": found.id,
            "recoveryPointDataStoresDetails": [
                {
                    "id": found.store_id,
                    "type": "OperationalStore",
                    "creationTime": wire.time(found.committed),
                    "expiryTime": wire.time(found.expiry) if found.expiry else None,
                    "metaData": _metadata(found, of) if single else None,
                    "visible": True,
                    "state": "COMMITTED",
                    "rehydrationExpiryTime": None,
                    "rehydrationStatus": None,
                }
            ],
            "retentionTagName": found.tag,
            "retentionTagVersion": found.tag_version,
            "policyName": found.policy_name,
            "policyVersion": None,
            "expiryTime": wire.time(found.expiry) if found.expiry else None,
            "recoveryPointState": "Completed",
        },
        "id": f"{holder.id}/backupInstances/{of.name}/recoveryPoints/{found.id}",
        "name": found.id,
        "type": "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints",
    }


def _metadata(found: RecoveryPoint, of: Instance) -> str:
    parts = found.snapshot_group.split("/")
    return json.dumps(
        [
            {
                "diskName": of.disk_id.rsplit("/", 1)[1],
                "sizeBytes": found.disk.size_gib * 1024**3,
                "diskSnapshotConsistency": "CrashConsistent",
                "subscriptionId": of.disk_id.split("/")[2],
                "location": found.disk.location,
                "resourceGroupName": of.disk_id.split("/")[4],
                "skuName": found.disk.sku,
                "managedBy": None,
                "osType": None,
                "snapshotSubscriptionId": parts[2],
                "snapshotRGName": parts[4],
                "snapshotName": found.snapshot_name,
            }
        ]
    )
