"""Azure in memory, as the person in the portal sees it: any request, and what Azure answers to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from azure_simulator.http import tokens
from azure_simulator.http.messages import Request, Response
from azure_simulator.model.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR
from harness.objects import DISK_GROUP, LOCATION, SNAPSHOT_GROUP, SUBSCRIPTION, VAULT_GROUP
from world.azure import AzureInMemory

Json = dict[str, Any]

ROOT = f"/subscriptions/{SUBSCRIPTION}"
VAULTS = f"{ROOT}/resourceGroups/{VAULT_GROUP}"
SNAPSHOTS = f"{ROOT}/resourceGroups/{SNAPSHOT_GROUP}"
DISKS = f"{ROOT}/resourceGroups/{DISK_GROUP}"
VAULT = f"{VAULTS}/providers/Microsoft.DataProtection/backupVaults/vault"
POLICY = f"{VAULT}/backupPolicies/gold"
INSTANCE = f"{VAULT}/backupInstances/data"
ROLES = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions"
_STORE = {"objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore"}


class Portal(AzureInMemory):
    """Azure in memory with a clock of its own, a subscription and three groups."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        super().__init__(lambda: self.time)
        self.seed(
            subscriptions=[SUBSCRIPTION],
            groups=[
                {"subscription": SUBSCRIPTION, "name": name, "location": LOCATION}
                for name in (VAULT_GROUP, SNAPSHOT_GROUP, DISK_GROUP)
            ],
            callers=[{"clientID": "a-person"}],
        )

    def passes(self, **span: float) -> None:
        """Let time pass."""
        self.time += timedelta(**span)

    def ask(
        self, method: str, path: str, body: Any = None, who: str = "a-person", version: str = "2025-07-01"
    ) -> Response:
        """Send a request."""
        api = "2022-04-01" if "Microsoft.Authorization" in path else "2024-03-02" if "Compute" in path else version
        url = f"{path}{'&' if '?' in path else '?'}api-version={api}"
        headers = {"authorization": f"Bearer {tokens.token_for(who)}"}
        return self.answer(Request(method, url, headers, "" if body is None else json.dumps(body)))

    def code(self, method: str, path: str, body: Any = None, who: str = "a-person") -> tuple[int, str]:
        """Return status and code of an answer; no code where it is none of an error."""
        response = self.ask(method, path, body, who)
        return response.status, str(((response.body or {}).get("error") or {}).get("code", ""))

    def body(self, path: str) -> Json:
        """Return what there is."""
        response = self.ask("GET", path)
        assert response.status == 200 and response.body is not None, response.body
        return response.body

    def make_vault(self, **properties: Any) -> str:
        """Make a vault; return who works for it."""
        response = self.ask("PUT", VAULT, vault_body(**properties))
        assert response.status == 201, response.body
        self.passes(seconds=5)
        return str(self.body(VAULT)["identity"]["principalId"])

    def protect(self, **properties: Any) -> None:
        """Protect a disk in a new vault."""
        principal = self.make_vault(**properties)
        disk = self.seed(
            disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": "data", "location": LOCATION}]
        )["disks"][0]
        for number, (role, scope) in enumerate(((DISK_BACKUP_READER, disk), (DISK_SNAPSHOT_CONTRIBUTOR, SNAPSHOTS))):
            self.assign(role, scope, principal, number)
        self.passes(minutes=11)
        assert self.ask("PUT", POLICY, policy_body()).status == 200
        assert self.ask("PUT", INSTANCE, instance_body(disk)).status == 201
        self.passes(seconds=61)
        assert self.state() == "ProtectionConfigured"

    def assign(self, role: str, scope: str, principal: str, number: int = 0) -> Response:
        """Assign a role."""
        name = f"00000000-0000-4000-8000-{number:012}"
        given = {"roleDefinitionId": f"{ROLES}/{role}", "principalId": principal}
        path = f"{scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{name}"
        return self.ask("PUT", path, {"properties": given})

    def state(self) -> str:
        """Return the state of the instance."""
        return str(self.body(INSTANCE)["properties"]["currentProtectionState"])


def vault_body(tags: dict[str, str] | None = None, **properties: Any) -> Json:
    """Return what makes a vault."""
    store = {"datastoreType": "VaultStore", "type": "LocallyRedundant"}
    body = {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {"storageSettings": [store], **properties},
    }
    return body if tags is None else {**body, "tags": tags}


def policy_body() -> Json:
    """Return what makes a policy: every four hours, for a week."""
    schedule = {"repeatingTimeIntervals": ["R/2024-01-01T02:00:00+00:00/PT4H"], "timeZone": "UTC"}
    tagging = {"isDefault": True, "taggingPriority": 99, "tagInfo": {"id": "Default_", "tagName": "Default"}}
    backup = {
        "objectType": "AzureBackupRule",
        "name": "BackupHourly",
        "backupParameters": {"objectType": "AzureBackupParams", "backupType": "Incremental"},
        "dataStore": _STORE,
        "trigger": {"objectType": "ScheduleBasedTriggerContext", "schedule": schedule, "taggingCriteria": [tagging]},
    }
    lifecycle = {
        "deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": "P7D"},
        "sourceDataStore": _STORE,
        "targetDataStoreCopySettings": [],
    }
    keep = {"objectType": "AzureRetentionRule", "name": "Default", "isDefault": True, "lifecycles": [lifecycle]}
    return {
        "properties": {
            "objectType": "BackupPolicy",
            "datasourceTypes": ["Microsoft.Compute/disks"],
            "policyRules": [backup, keep],
        }
    }


def instance_body(disk: str, policy: str = POLICY, tags: dict[str, str] | None = None) -> Json:
    """Return what protects a disk."""
    source = {
        "objectType": "Datasource",
        "datasourceType": "Microsoft.Compute/disks",
        "resourceType": "Microsoft.Compute/disks",
        "resourceID": disk,
        "resourceUri": disk,
        "resourceName": disk.rsplit("/", 1)[-1],
        "resourceLocation": LOCATION,
    }
    parameters = {
        "objectType": "AzureOperationalStoreParameters",
        "dataStoreType": "OperationalStore",
        "resourceGroupId": SNAPSHOTS,
    }
    properties = {
        "objectType": "BackupInstance",
        "friendlyName": "data",
        "dataSourceInfo": source,
        "policyInfo": {"policyId": policy, "policyParameters": {"dataStoreParametersList": [parameters]}},
    }
    return {"tags": tags or {}, "properties": properties}
