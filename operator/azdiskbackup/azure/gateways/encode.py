"""From values to wire JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import InstanceRequest, RestoreRequest, VaultSettings
from azdiskbackup.core.objects.policy_content import PolicyContent

Json = dict[str, Any]
# The SDK documents that a body may be a dict in wire names; its type hints know of none.
Body: TypeAlias = Any

DISKS = "Microsoft.Compute/disks"
_OPERATIONAL = {"objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore"}
# The lower number wins; the values that Azure's own tools write.
_TAGS = {"Default": (99, None), "Daily": (25, "FirstOfDay"), "Weekly": (20, "FirstOfWeek")}


def _security(settings: VaultSettings) -> Json:
    return {
        "softDeleteSettings": {
            "state": settings.soft_delete_state,
            "retentionDurationInDays": float(settings.soft_delete_days),
        },
        "immutabilitySettings": {"state": settings.immutability},
    }


def _identity(own: bool, assigned: Iterable[str]) -> Json:
    ids: Json = {each: {} for each in assigned}
    kinds = [*(["SystemAssigned"] if own else []), *(["UserAssigned"] if ids else [])]
    return {"type": ",".join(kinds)} | ({"userAssignedIdentities": ids} if ids else {})


def new_vault(location: str, settings: VaultSettings, identity: str | None = None) -> Body:
    """Return the body that creates a vault, with an identity of its own or a user-assigned one."""
    return {
        "location": location,
        "tags": dict(settings.tags),
        "identity": _identity(identity is None, [identity] if identity is not None else []),
        "properties": {
            "storageSettings": [{"datastoreType": "VaultStore", "type": settings.redundancy}],
            "securitySettings": _security(settings),
        },
    }


def vault_changes(settings: VaultSettings) -> Body:
    """Return the body that changes what can be changed of a vault."""
    return {"tags": dict(settings.tags), "properties": {"securitySettings": _security(settings)}}


def vault_identity(assigned: Iterable[str], *, own: bool) -> Body:
    """Return the body that gives a vault its identities: what it does not name is taken off."""
    return {"identity": _identity(own, assigned)}


def policy(content: PolicyContent) -> Body:
    """Return the body of a policy."""
    return {
        "properties": {
            "objectType": "BackupPolicy",
            "datasourceTypes": [DISKS],
            "policyRules": [
                {
                    "objectType": "AzureBackupRule",
                    "name": content.rule_name,
                    "backupParameters": {"objectType": "AzureBackupParams", "backupType": "Incremental"},
                    "dataStore": _OPERATIONAL,
                    "trigger": {
                        "objectType": "ScheduleBasedTriggerContext",
                        "schedule": {
                            "repeatingTimeIntervals": [content.repeats],
                            "timeZone": content.windows_zone,
                        },
                        "taggingCriteria": [_tag(name) for name in content.retention_days],
                    },
                },
                *(_retention(name, days) for name, days in content.retention_days.items()),
            ],
        }
    }


def _tag(name: str) -> Json:
    priority, criterion = _TAGS[name]
    tag: Json = {
        "isDefault": criterion is None,
        "taggingPriority": priority,
        "tagInfo": {"id": f"{name}_", "tagName": name},
    }
    if criterion is not None:
        tag["criteria"] = [{"objectType": "ScheduleBasedBackupCriteria", "absoluteCriteria": [criterion]}]
    return tag


def _retention(name: str, days: int) -> Json:
    return {
        "objectType": "AzureRetentionRule",
        "name": name,
        "isDefault": name == "Default",
        "lifecycles": [
            {
                "deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": f"P{days}D"},
                "sourceDataStore": _OPERATIONAL,
                "targetDataStoreCopySettings": [],
            }
        ],
    }


def validation(request: InstanceRequest) -> Body:
    """Return the body that asks whether a disk can be backed up."""
    return {"backupInstance": _instance_properties(request)}


def instance(request: InstanceRequest) -> Body:
    """Return the body of a backup instance."""
    return {"tags": dict(request.tags), "properties": _instance_properties(request)}


def _instance_properties(request: InstanceRequest) -> Json:
    disk = request.disk
    return {
        "objectType": "BackupInstance",
        "identityDetails": _identity_details(request.identity),
        "friendlyName": disk.id.name,
        "dataSourceInfo": _datasource(disk.id, disk.location),
        "policyInfo": {
            "policyId": request.policy_id,
            "policyParameters": {
                "dataStoreParametersList": [
                    {
                        "objectType": "AzureOperationalStoreParameters",
                        "dataStoreType": "OperationalStore",
                        "resourceGroupId": request.snapshot_group_id,
                    }
                ]
            },
        },
    }


def _identity_details(user_assigned: str | None) -> Json:
    if user_assigned is None:
        return {"useSystemAssignedIdentity": True}
    return {"useSystemAssignedIdentity": False, "userAssignedIdentityArmUrl": user_assigned}


def _datasource(disk: ArmId, location: str) -> Json:
    return {
        "objectType": "Datasource",
        "datasourceType": DISKS,
        "resourceType": DISKS,
        "resourceID": str(disk),
        "resourceUri": str(disk),
        "resourceName": disk.name,
        "resourceLocation": location,
    }


def restore_validation(request: RestoreRequest) -> Body:
    """Return the body that asks whether a restore would succeed."""
    return {"restoreRequestObject": restore(request)}


def restore(request: RestoreRequest) -> Body:
    """Return the body that asks for a restore. With the identity left out, Azure would take the vault's own."""
    return {
        "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
        "recoveryPointId": request.point,
        "sourceDataStoreType": "OperationalStore",
        "identityDetails": _identity_details(request.identity),
        "restoreTargetInfo": {
            "objectType": "RestoreTargetInfo",
            "recoveryOption": "FailIfExists",
            "restoreLocation": request.location,
            "datasourceInfo": _datasource(request.disk, request.location),
        },
    }


def on_demand(rule_name: str, retention_rule: str) -> Body:
    """Return the body that asks for a backup now."""
    return {
        "backupRuleOptions": {
            "ruleName": rule_name,
            "triggerOption": {"retentionTagOverride": retention_rule},
        }
    }
