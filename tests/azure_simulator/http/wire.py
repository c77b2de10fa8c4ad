"""What the service sends: the same members as in recorded traffic, the nulls included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from azure_simulator.model.access import Assignment
from azure_simulator.model.cloud import Cloud, Group, Identity
from azure_simulator.model.disk import Disk
from azure_simulator.model.faults import AzureFault, OperationFault
from azure_simulator.model.instance import Instance
from azure_simulator.model.operations import Operation
from azure_simulator.model.policies import Policy
from azure_simulator.model.roles import RoleDefinition
from azure_simulator.model.snapshot import Snapshot
from azure_simulator.model.vaults import Vault

# How the codes begin that Azure Backup gives itself.
_BACKUP_CODES = ("UserError", "BMSUserError")
NEVER = "0001-01-01T00:00:00Z"
Json = dict[str, Any]


def time(when: datetime) -> str:
    """Seven digits after the point, as .NET writes them."""
    return f"{when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}0Z"


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
        **({"zones": list(found.zones)} if found.zones else {}),
        "sku": {"name": found.sku, "tier": tier},
        "properties": {
            "creationData": {"createOption": "Empty"},
            "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
            "networkAccessPolicy": "AllowAll",
            "publicNetworkAccess": "Enabled",
            "diskIOPSReadWrite": 500,
            "diskMBpsReadWrite": 60,
            **found.settings,
            "diskSizeGB": found.size_gib,
            "diskSizeBytes": found.size_gib * 1024**3,
            "timeCreated": time(found.created),
            "provisioningState": "Succeeded",
            "diskState": "Unattached",
            "uniqueId": found.unique_id,
        },
    }


def snapshot(found: Snapshot) -> Json:
    return {
        "name": found.name,
        "id": found.id,
        "type": "Microsoft.Compute/snapshots",
        "location": found.location,
        "properties": {
            "creationData": {"createOption": "Copy", "sourceResourceId": found.source},
            "incremental": found.incremental,
            "timeCreated": time(found.created),
            "provisioningState": "Succeeded",
        },
    }


def identity(found: Identity, cloud: Cloud) -> Json:
    return {
        "id": found.id,
        "name": found.id.rsplit("/", 1)[-1],
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "location": found.location,
        "tags": found.tags,
        "properties": {
            "tenantId": cloud.tenant,
            "principalId": found.principal,
            "clientId": found.client,
            "isolationScope": "None",
        },
    }


def subscription(identifier: str, cloud: Cloud) -> Json:
    return {
        "id": f"/subscriptions/{identifier}",
        "subscriptionId": identifier,
        "tenantId": cloud.tenant,
        "displayName": f"Simulated {identifier[:8]}",
        "state": "Disabled" if identifier.lower() in cloud.disabled else "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01"},
    }


def role_definition(found: RoleDefinition, scope: str) -> Json:
    """Its id names the subscription, never the group or the resource where it was asked for (recorded)."""
    root = "/".join(scope.split("/")[:3]) if scope.lower().startswith("/subscriptions/") else ""
    return {
        "id": f"{root}/providers/Microsoft.Authorization/roleDefinitions/{found.guid}",
        "name": found.guid,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": found.name,
            "type": "CustomRole" if found.custom else "BuiltInRole",
            "description": found.name,
            "assignableScopes": ["/"],
            "permissions": [
                {
                    "actions": list(found.actions),
                    "notActions": list(found.not_actions),
                    "dataActions": [],
                    "notDataActions": [],
                }
            ],
        },
    }


def assignment(found: Assignment) -> Json:
    return {
        "properties": {
            "roleDefinitionId": found.role_definition_id,
            "principalId": found.principal,
            "principalType": found.principal_type,
            "scope": found.scope or "/",
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
        "isVaultProtectedByResourceGuard": cloud.guards.of(found.id) is not None,
    }
    for name in ("monitoringSettings", "securitySettings", "featureSettings"):
        if found.properties.get(name) is not None:
            properties[name] = found.properties[name]
    redundant = found.properties["storageSettings"][0]["type"] == "GeoRedundant"
    properties |= {
        **_scores(found),
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


def _scores(found: Vault) -> Json:
    """As recorded of one vault, whose soft delete alone decided."""
    score, level = {"off": ("None", "Poor"), "on": ("Minimum", "Fair")}.get(
        found.soft_delete_state.lower(), ("Adequate", "Good")
    )
    return {"secureScore": score, "bcdrSecurityLevel": level}


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
            "billingEndDate": time(found.deleted_at),
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


def refusal(fault: AzureFault) -> Json:
    """What is refused at once: Azure Backup says of its own codes what it says of operations, Resource Manager less.

    All recorded ones say that neither is the user to blame nor that it could be tried again.
    """
    body: Json = {"code": fault.code, "message": fault.message}
    if fault.additional:
        body["additionalInfo"] = fault.additional
    if not fault.code.startswith(_BACKUP_CODES):
        return body
    if fault.code != "UserErrorGenericResourceNotFound":
        info = user_facing(OperationFault(fault.code, fault.message, fault.recommended, is_user_error=False))
        body["additionalInfo"] = [{"type": "UserFacingError", "info": info | {"target": ""}}]
    return body | {"target": None, "details": None}


def operation_error(fault: OperationFault) -> Json:
    """The details of a failed operation are hidden two levels down."""
    return {
        "additionalInfo": [{"type": "UserFacingError", "info": user_facing(fault)}],
        "code": fault.code,
        "message": fault.message,
    }
