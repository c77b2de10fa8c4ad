"""What the service sends: the same members as in recorded traffic, the nulls included."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from azure_simulator.model.access import Assignment
from azure_simulator.model.cloud import Cloud, Disk, Group
from azure_simulator.model.faults import OperationFault
from azure_simulator.model.instances import Instance
from azure_simulator.model.jobs import Job, RecoveryPoint
from azure_simulator.model.operations import Operation
from azure_simulator.model.policies import Policy
from azure_simulator.model.vaults import Vault

NEVER = "0001-01-01T00:00:00Z"
Json = dict[str, Any]


def time(when: datetime) -> str:
    """Seven digits after the point, as .NET writes them."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{when.microsecond:06d}0Z"


def group(found: Group) -> Json:
    return {
        "id": found.id,
        "name": found.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": found.location,
        **({} if found.tags is None else {"tags": found.tags}),
        "properties": {"provisioningState": "Succeeded"},
    }


def disk(found: Disk) -> Json:
    tier = "Premium" if found.sku.startswith("Premium") else "Standard"
    return {
        "name": found.name,
        "id": found.id,
        "type": "Microsoft.Compute/disks",
        "location": found.location,
        **({} if found.tags is None else {"tags": found.tags}),
        "sku": {"name": found.sku, "tier": tier},
        "properties": {
            "creationData": {"createOption": "Empty"},
            "diskSizeGB": found.size_gib,
            "diskSizeBytes": found.size_gib * 1024**3,
            "timeCreated": time(found.created),
            "provisioningState": "Succeeded",
            "diskState": "Unattached",
            "uniqueId": found.unique_id,
        },
    }


def subscription(identifier: str, cloud: Cloud) -> Json:
    return {
        "id": f"/subscriptions/{identifier}",
        "subscriptionId": identifier,
        "tenantId": cloud.tenant,
        "displayName": f"Simulated {identifier[:8]}",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01"},
    }


def role_definition(guid: str, name: str, scope: str) -> Json:
    root = f"/{scope.strip('/').split('/providers/')[0]}" if scope else ""
    return {
        "id": f"{root}/providers/Microsoft.Authorization/roleDefinitions/{guid}",
        "name": guid,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": name,
            "type": "BuiltInRole",
            "description": name,
            "assignableScopes": ["/"],
            "permissions": [{"actions": [], "notActions": [], "dataActions": [], "notDataActions": []}],
        },
    }


def assignment(found: Assignment) -> Json:
    return {
        "properties": {
            "roleDefinitionId": found.role_definition_id,
            "principalId": found.principal,
            "principalType": found.principal_type,
            "scope": found.scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": time(found.created),
            "updatedOn": time(found.created),
            "createdBy": None,
            "updatedBy": None,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
        "id": found.id,
        "type": "Microsoft.Authorization/roleAssignments",
        "name": found.name,
    }


def vault(found: Vault, cloud: Cloud) -> Json:
    properties: Json = {
        "provisioningState": found.state,
        "storageSettings": found.properties["storageSettings"],
        "isVaultProtectedByResourceGuard": False,
    }
    for name in ("monitoringSettings", "securitySettings", "featureSettings"):
        if found.properties.get(name) is not None:
            properties[name] = found.properties[name]
    redundant = found.properties["storageSettings"][0]["type"] == "GeoRedundant"
    immutable = (found.properties.get("securitySettings") or {}).get("immutabilitySettings")
    properties |= {
        "secureScore": "Adequate" if immutable else "None",
        "bcdrSecurityLevel": "Good" if redundant else "Poor",
        "replicatedRegions": [f"{found.location}2"] if redundant else [],
    }
    body: Json = {"location": found.location}
    if found.tags is not None:
        body["tags"] = found.tags
    if found.principal is not None or found.assigned:
        body["identity"] = _identity(found, cloud)
    return body | {
        "properties": properties,
        "id": found.id,
        "name": found.name,
        "type": "Microsoft.DataProtection/backupVaults",
    }


def _identity(found: Vault, cloud: Cloud) -> Json:
    body: Json = {"type": found.identity_type}
    if found.principal is not None:
        body |= {"principalId": found.principal, "tenantId": cloud.tenant}
    if found.assigned:
        body["userAssignedIdentities"] = {
            each: {"principalId": principal, "clientId": principal} for each, principal in found.assigned.items()
        }
    return body


def policy(found: Policy, holder: Vault) -> Json:
    return {
        "properties": found.properties,
        "id": f"{holder.id}/backupPolicies/{found.name}",
        "name": found.name,
        "type": "Microsoft.DataProtection/backupVaults/backupPolicies",
    }


def _protection(found: Instance) -> Json:
    status: Json = {"status": found.state}
    if found.fault is not None:
        status["errorDetails"] = user_facing(found.fault)
    properties = {key: value for key, value in found.properties.items() if key != "objectType"}
    properties |= {
        "protectionStatus": status,
        "currentProtectionState": found.state,
        "provisioningState": found.provisioning,
        "objectType": "BackupInstance",
    }
    if found.fault is not None:
        properties["protectionErrorDetails"] = user_facing(found.fault)
    return properties


def instance(found: Instance, holder: Vault) -> Json:
    body: Json = {} if found.tags is None else {"tags": found.tags}
    return body | {
        "properties": _protection(found),
        "id": f"{holder.id}/backupInstances/{found.name}",
        "name": found.name,
        "type": "Microsoft.DataProtection/backupVaults/backupInstances",
    }


def deleted_instance(found: Instance, holder: Vault) -> Json:
    assert found.deleted_at is not None and found.purge_at is not None
    properties = _protection(found) | {
        "objectType": "DeletedBackupInstance",
        "deletionInfo": {
            "deletionTime": time(found.deleted_at),
            "billingEndDate": time(found.purge_at),
            "scheduledPurgeTime": time(found.purge_at),
            "deleteActivityID": "00000000-0000-0000-0000-000000000000",
        },
    }
    return {
        "properties": properties,
        "id": f"{holder.id}/deletedBackupInstances/{found.name}",
        "name": found.name,
        "type": "Microsoft.DataProtection/backupVaults/deletedBackupInstances",
    }


def operation(found: Operation, path: str) -> Json:
    body: Json = {
        "id": path,
        "name": found.id,
        "status": found.status,
        "startTime": time(found.started),
        "endTime": NEVER if found.ended is None else f"{found.ended:%Y-%m-%dT%H:%M:%SZ}",
    }
    if found.fault is not None:
        body["error"] = operation_error(found.fault)
    if found.job_id is not None and found.ended is not None and found.fault is None:
        body["properties"] = {"jobId": found.job_id, "objectType": "OperationJobExtendedInfo"}
    return body


def user_facing(fault: OperationFault) -> Json:
    return {
        "code": fault.code,
        "message": fault.message,
        "target": None,
        "details": None,
        "innerError": None,
        "isRetryable": fault.is_retryable,
        "isUserError": fault.is_user_error,
        "properties": {"ActivityId": "00000000-0000-0000-0000-000000000000"},
        "recommendedAction": fault.recommended,
    }


def operation_error(fault: OperationFault) -> Json:
    """The details of a failed operation are hidden two levels down."""
    return {
        "additionalInfo": [{"type": "UserFacingError", "info": user_facing(fault)}],
        "code": fault.code,
        "message": fault.message,
    }


def _net_span(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.0000000"


def _iso_span(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    text = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    text += f"{rest}S" if rest or not text else ""
    return f"PT{text}"


def job(found: Job, holder: Vault, now: datetime, *, listed: bool) -> Json:
    """A list writes durations in another form than a single job, and leaves the extended info out."""
    # While it runs the service says that nothing has passed yet.
    duration = found.end - found.start if found.end else timedelta()
    properties: Json = {
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
        "sourceDataStoreType": None,
        "destinationDataStoreName": "OperationalTierStore" if found.point_id else None,
        "progressEnabled": False,
        "etag": f"W/\"datetime'{time(found.end or found.start).replace(':', '%3A')}'\"",
        "sourceSubscriptionID": found.disk_id.split("/")[2],
        "dataSourceLocation": found.disk_location,
        "startTime": time(found.start),
        "endTime": None if found.end is None else time(found.end),
        "dataSourceType": "Microsoft.Compute/disks",
        "operationCategory": "Backup",
        "operation": "Backup",
        "status": found.status,
        "restoreType": None,
        "isUserTriggered": found.user_triggered,
        "rehydrationPriority": None,
        "supportedActions": [] if listed else [""] if found.user_triggered else [],
        "duration": _net_span(duration) if listed else _iso_span(duration),
        "progressUrl": None,
        "isCrossRegionRestore": None,
        "errorDetails": [user_facing(found.fault)] if found.fault else None,
        "extendedInfo": None if listed else _extended(found),
    }
    return {
        "properties": properties,
        "id": f"{holder.id}/backupJobs/{found.id}",
        "name": found.id,
        "type": "Microsoft.DataProtection/backupVaults/backupJobs",
    }


def _extended(found: Job) -> Json:
    ended = found.point_id is not None
    return {
        "backupInstanceState": None,
        "dataTransferredInBytes": None,
        "targetRecoverPoint": ({"recoveryPointID": found.point_id, "recoveryPointTime": NEVER} if ended else None),
        "sourceRecoverPoint": None,
        "recoveryDestination": None,
        "subTasks": [
            {
                "taskId": 1,
                "taskName": "Trigger Backup",
                "taskStatus": found.status,
                "taskProgress": None,
                "additionalDetails": (
                    {
                        "OriginalDatasourceSizeInBytes": str(found.disk_size_gib * 1024**3),
                        "TaskId": found.activity_id,
                        "DatasourceType": "Microsoft.Compute/disks",
                    }
                    if ended
                    else None
                ),
            }
        ],
        "additionalDetails": {"RetentionTag": found.retention_tag},
        "warningDetails": None,
    }


def point(found: RecoveryPoint, of: Instance, holder: Vault, cloud: Cloud | None) -> Json:
    """A single point has metadata, as JSON in a string; a list has none (``cloud`` is None)."""
    return {
        "properties": {
            "objectType": "AzureBackupDiscreteRecoveryPoint",
            "recoveryPointId": found.id,
            "recoveryPointTime": time(found.taken),
            "recoveryPointType": "Incremental",
            "friendlyName": found.id,
            "recoveryPointDataStoresDetails": [
                {
                    "id": found.store_id,
                    "type": "OperationalStore",
                    "creationTime": time(found.committed),
                    "expiryTime": time(found.expiry) if found.expiry else None,
                    "metaData": _metadata(found, of, cloud) if cloud else None,
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
            "expiryTime": time(found.expiry) if found.expiry else None,
            "recoveryPointState": "Completed",
        },
        "id": f"{holder.id}/backupInstances/{of.name}/recoveryPoints/{found.id}",
        "name": found.id,
        "type": "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints",
    }


def _metadata(found: RecoveryPoint, of: Instance, cloud: Cloud) -> str:
    source = cloud.find_disk(of.disk_id)
    parts = found.snapshot_group.split("/")
    return json.dumps(
        [
            {
                "diskName": of.disk_id.rsplit("/", 1)[1],
                "sizeBytes": (source.size_gib if source else 0) * 1024**3,
                "diskSnapshotConsistency": "CrashConsistent",
                "subscriptionId": of.disk_id.split("/")[2],
                "location": source.location if source else "",
                "resourceGroupName": of.disk_id.split("/")[4],
                "skuName": source.sku if source else "",
                "managedBy": None,
                "osType": None,
                "snapshotSubscriptionId": parts[2],
                "snapshotRGName": parts[4],
                "snapshotName": found.snapshot_name,
            }
        ]
    )
