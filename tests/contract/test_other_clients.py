"""What other Azure clients ask of the simulator before and beside Data Protection: answered as Azure does."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

import pytest

from azdiskbackup.core.identity.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR
from azure_simulator.client import Simulator, SimulatorError
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION, VAULT_GROUP

ROOT = f"/subscriptions/{SUBSCRIPTION}"
APPLICATION = "0a0a0a0a-0000-4000-8000-00000000000a"


def read(simulator: Simulator, path: str) -> Any:
    """Read what needs no token."""
    context = ssl.create_default_context(cafile=str(simulator.certificate_authority))
    with urllib.request.urlopen(f"{simulator.url}{path}", context=context) as answer:  # noqa: S310 - our own URL
        return json.load(answer)


def token(simulator: Simulator, endpoint: str, **form: str) -> tuple[int, dict[str, Any]]:
    context = ssl.create_default_context(cafile=str(simulator.certificate_authority))
    request = urllib.request.Request(  # noqa: S310 - our own URL
        endpoint, urllib.parse.urlencode({"client_id": APPLICATION, **form}).encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - our own URL
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_way_from_the_endpoint_to_a_token(simulator: Simulator) -> None:
    tenant = simulator.seed(callers=[{"clientID": APPLICATION, "secret": "s3cret"}])["tenant"]
    cloud = read(simulator, "/metadata/endpoints?api-version=2022-09-01")
    assert [cloud] == read(simulator, "/metadata/endpoints?api-version=2019-05-01"), "older versions tell of several"
    assert cloud["name"] == "AzureCloud" and cloud["resourceManager"] == f"{simulator.url}/"
    assert simulator.url in cloud["authentication"]["audiences"]
    assert read(simulator, "/metadata/endpoints?api-version=2015-01-01")["authentication"]["loginEndpoint"]
    discovered = read(
        simulator, f"/common/discovery/instance?api-version=1.1&authorization_endpoint={simulator.url}/{tenant}"
    )
    openid = read(simulator, discovered["tenant_discovery_endpoint"].removeprefix(simulator.url))
    given = {"grant_type": "client_credentials", "client_secret": "s3cret", "scope": f"{simulator.url}/.default"}
    status, body = token(simulator, openid["token_endpoint"], **given)
    assert status == 200 and body["access_token"].count(".") == 2, "clients read in it who they are"
    older = {"grant_type": "client_credentials", "client_secret": "s3cret", "resource": f"{simulator.url}/"}
    assert token(simulator, f"{simulator.url}/{tenant}/oauth2/token", **older)[1]["resource"]
    status, body = token(simulator, openid["token_endpoint"], **(given | {"client_secret": "wrong"}))
    assert status == 401 and "AADSTS7000215" in body["error_description"]


def test_a_token_for_somebody_else_is_refused(simulator: Simulator) -> None:
    tenant = simulator.seed(callers=[{"clientID": APPLICATION, "secret": "s3cret"}])["tenant"]
    given = {"grant_type": "client_credentials", "client_secret": "s3cret", "scope": "https://graph.invalid/.default"}
    found = token(simulator, f"{simulator.url}/{tenant}/oauth2/v2.0/token", **given)[1]["access_token"]
    context = ssl.create_default_context(cafile=str(simulator.certificate_authority))
    for wrong in (found, found[:-2] + "xx", "simulated.x"):
        request = urllib.request.Request(  # noqa: S310 - our own URL
            f"{simulator.url}{ROOT}?api-version=2022-12-01", headers={"Authorization": f"Bearer {wrong}"}
        )
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, context=context)  # noqa: S310 - our own URL
        with error.value:
            assert error.value.code == 401


def test_what_is_asked_before_anything_is_done(simulator: Simulator) -> None:
    def get(path: str, version: str) -> Any:
        return simulator.arm("GET", f"{path}{'&' if '?' in path else '?'}api-version={version}")

    assert SUBSCRIPTION in {each["subscriptionId"] for each in get("/subscriptions", "2022-12-01")["value"]}
    assert get(ROOT, "2022-12-01")["state"] == "Enabled"
    assert get("/tenants", "2022-12-01")["value"][0]["tenantId"]
    namespaces = {each["namespace"] for each in get(f"{ROOT}/providers", "2022-09-01")["value"]}
    assert {"Microsoft.DataProtection", "Microsoft.Compute"} <= namespaces
    simulator.arm("POST", f"{ROOT}/providers/Microsoft.DataProtection/register?api-version=2022-09-01")
    wanted = urllib.parse.quote("roleName eq 'Disk Backup Reader'")
    found = get(f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions?$filter={wanted}", "2022-04-01")["value"]
    assert [each["properties"]["roleName"] for each in found] == ["Disk Backup Reader"]
    assert get(found[0]["id"], "2022-04-01")["name"] == found[0]["name"]
    assert {each["name"] for each in get(f"{ROOT}/resourceGroups", "2021-04-01")["value"]} >= {DISK_GROUP}


def test_groups_and_disks_come_and_go(simulator: Simulator) -> None:
    group = f"{ROOT}/resourceGroups/made-{uuid.uuid4()}"
    disk = f"{group}/providers/Microsoft.Compute/disks/d"
    simulator.arm("PUT", f"{group}?api-version=2024-03-01", {"location": LOCATION, "tags": {"a": "b"}})
    simulator.arm("PATCH", f"{group}?api-version=2024-03-01", {"tags": {"a": "c"}})
    assert simulator.arm("GET", f"{group}?api-version=2024-03-01")["tags"] == {"a": "c"}
    body = {"location": LOCATION, "sku": {"name": "Premium_LRS"}}
    properties = {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4}
    with pytest.raises(SimulatorError, match="InvalidParameter"):
        simulator.arm("PUT", f"{disk}?api-version=2023-04-02", body)
    made = simulator.arm("PUT", f"{disk}?api-version=2023-04-02", {**body, "properties": properties})
    assert made["properties"]["provisioningState"] == "Succeeded"
    simulator.arm("PATCH", f"{disk}?api-version=2023-04-02", {"properties": {"diskSizeGB": 8}})
    assert simulator.arm("GET", f"{disk}?api-version=2023-04-02")["properties"]["diskSizeGB"] == 8
    with pytest.raises(SimulatorError, match="cannot be decreased"):
        simulator.arm("PATCH", f"{disk}?api-version=2023-04-02", {"properties": {"diskSizeGB": 2}})
    inside = simulator.arm("GET", f"{group}/resources?api-version=2024-03-01")["value"]
    assert [each["type"] for each in inside] == ["Microsoft.Compute/disks"]
    simulator.arm("DELETE", f"{disk}?api-version=2023-04-02")
    assert simulator.arm("GET", f"{disk}?api-version=2023-04-02"), "it takes a while"
    simulator.advance(seconds=2)
    with pytest.raises(SimulatorError, match="ResourceNotFound"):
        simulator.arm("GET", f"{disk}?api-version=2023-04-02")
    simulator.arm("DELETE", f"{group}?api-version=2024-03-01")
    simulator.advance(seconds=10)
    with pytest.raises(SimulatorError, match="ResourceGroupNotFound"):
        simulator.arm("GET", f"{group}?api-version=2024-03-01")


def test_what_terraform_sends_is_taken(simulator: Simulator) -> None:
    """Seen of azurerm: empty members instead of none, names of its own, properties of disks that it reads back."""

    def terraform(method: str, path: str, body: Any = None, version: str = "2025-07-01") -> Any:
        return simulator.arm(method, f"{path}?api-version={version}", body)

    cloud = read(simulator, "/metadata/endpoints?api-version=2022-09-01")
    assert cloud["authentication"]["tenant"] == "common", "else it takes the cloud for an Azure Stack"
    simulator.knobs(role_propagation=0)
    group = f"{ROOT}/resourceGroups/{VAULT_GROUP}"
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/tf"
    made = terraform("PUT", identity, {"location": LOCATION, "tags": {}}, "2023-01-31")
    assert (
        made["properties"]["principalId"] == terraform("GET", identity, None, "2023-01-31")["properties"]["principalId"]
    )
    disk = f"{group}/providers/Microsoft.Compute/disks/tf-{uuid.uuid4()}"
    properties = {
        "creationData": {"createOption": "Empty", "performancePlus": False},
        "diskSizeGB": 4,
        "networkAccessPolicy": "DenyAll",
    }
    terraform("PUT", disk, {"location": LOCATION, "properties": properties}, "2023-04-02")
    shown = terraform("GET", disk, None, "2023-04-02")["properties"]
    assert shown["publicNetworkAccess"] == "Enabled" and shown["networkAccessPolicy"] == "DenyAll"
    assert disk in {each["id"] for each in terraform("GET", f"{ROOT}/providers/Microsoft.Compute/disks")["value"]}
    vault = vault_path()
    principal = terraform("PUT", vault, vault_body("Off"))["identity"]["principalId"]
    assert vault in {
        each["id"] for each in terraform("GET", f"{ROOT}/providers/Microsoft.DataProtection/backupVaults")["value"]
    }
    for scope, role in ((disk, DISK_BACKUP_READER), (group, DISK_SNAPSHOT_CONTRIBUTOR)):
        grant = {"roleDefinitionId": f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{role.guid}"}
        name = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        terraform("PUT", name, {"properties": grant | {"principalId": principal}}, "2022-04-01")
    policy = f"{vault}/backupPolicies/terraform"
    terraform("PUT", policy, terraform_policy())
    store = {"dataStoreType": "OperationalStore", "objectType": "AzureOperationalStoreParameters"}
    source = {"objectType": "Datasource", "datasourceType": "Microsoft.Compute/disks", "resourceProperties": None}
    parameters = {"dataStoreParametersList": [{**store, "resourceGroupId": group}]}
    body = {
        "objectType": "",
        "friendlyName": "tf",
        "datasourceAuthCredentials": None,
        "dataSourceInfo": {**source, "resourceID": disk, "resourceUri": disk},
        "policyInfo": {"policyId": policy, "policyParameters": parameters},
    }
    terraform("PUT", f"{vault}/backupInstances/terraform", {"properties": body})
    simulator.advance(minutes=5)
    instance = terraform("GET", f"{vault}/backupInstances/terraform")["properties"]
    assert instance["objectType"] == "BackupInstance"
    assert instance["protectionStatus"]["status"] == "ProtectionConfigured"
    terraform("DELETE", identity, None, "2023-01-31")
    with pytest.raises(SimulatorError, match="ResourceNotFound"):
        terraform("GET", identity, None, "2023-01-31")


def terraform_policy() -> dict[str, Any]:
    store = {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"}
    keep = {"deleteAfter": {"duration": "P7D", "objectType": "AbsoluteDeleteOption"}, "sourceDataStore": store}
    backup = {
        "objectType": "AzureBackupRule",
        "name": "BackupIntervals",
        "backupParameters": {"backupType": "Incremental", "objectType": "AzureBackupParams"},
        "dataStore": store,
        "trigger": {
            "objectType": "ScheduleBasedTriggerContext",
            "schedule": {"repeatingTimeIntervals": ["R/2026-01-05T06:00:00+00:00/PT4H"], "timeZone": ""},
            "taggingCriteria": [{"isDefault": True, "taggingPriority": 99, "tagInfo": {"tagName": "Default"}}],
        },
    }
    retention = {"objectType": "AzureRetentionRule", "name": "Default", "isDefault": True, "lifecycles": [keep]}
    kinds = ["Microsoft.Compute/disks"]
    return {"properties": {"objectType": "BackupPolicy", "datasourceTypes": kinds, "policyRules": [backup, retention]}}


@pytest.mark.parametrize("version", ["2023-11-01", "2024-02-01-preview", "2024-04-01", "2025-02-01", "2025-07-01"])
def test_every_published_version_is_taken(simulator: Simulator, version: str) -> None:
    vault = vault_path()
    simulator.arm("PUT", f"{vault}?api-version={version}", vault_body("On"))
    assert simulator.arm("GET", f"{vault}?api-version={version}")["name"]
    for unknown in ("2023-10-01", "2030-01-01", "latest"):
        with pytest.raises(SimulatorError, match="NoRegisteredProviderFound"):
            simulator.arm("GET", f"{vault}?api-version={unknown}")


def test_old_and_new_versions_delete_otherwise(simulator: Simulator) -> None:
    """With soft delete off an old version deletes for good; a new one never does."""
    vault = vault_path()
    simulator.arm("PUT", f"{vault}?api-version=2025-07-01", vault_body("Off"))
    with pytest.raises(SimulatorError, match="DppAlwaysOnSoftDeleteStateMandatory"):
        simulator.arm("PUT", f"{vault}?api-version=2026-06-01", vault_body("Off"))
    simulator.arm("PUT", f"{vault_path()}?api-version=2026-06-01", vault_body("AlwaysOn"))


def vault_path() -> str:
    return f"{ROOT}/resourceGroups/{VAULT_GROUP}/providers/Microsoft.DataProtection/backupVaults/v{uuid.uuid4().hex}"


def vault_body(soft_delete: str) -> dict[str, Any]:
    return {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}],
            "securitySettings": {"softDeleteSettings": {"state": soft_delete, "retentionDurationInDays": 14.0}},
        },
    }
