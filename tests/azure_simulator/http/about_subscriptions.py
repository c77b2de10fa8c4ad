"""What clients ask before they do anything: subscriptions, registered providers, roles by name, what is in a group."""

from __future__ import annotations

import re

from azure_simulator.http import wire
from azure_simulator.http.call import Call
from azure_simulator.http.messages import Response
from azure_simulator.model.faults import AzureFault

PROVIDERS = {
    "Microsoft.Authorization": ["roleAssignments", "roleDefinitions"],
    "Microsoft.Compute": ["disks"],
    "Microsoft.DataProtection": ["backupVaults", "operations"],
    "Microsoft.ManagedIdentity": ["userAssignedIdentities"],
    "Microsoft.ResourceGraph": ["resources"],
    "Microsoft.Resources": ["resourceGroups", "subscriptions"],
}
_ROLE_NAME = re.compile(r"rolename eq '(?P<name>[^']+)'", re.IGNORECASE)


def list_tenants(call: Call) -> Response:
    tenant = call.azure.cloud.tenant
    row = {"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": "Simulated", "defaultDomain": "sim.invalid"}
    return Response(200, {"value": [row]})


def list_subscriptions(call: Call) -> Response:
    cloud = call.azure.cloud
    return Response(200, {"value": [wire.subscription(each, cloud) for each in sorted(cloud.subscriptions)]})


def get_subscription(call: Call) -> Response:
    call.azure.cloud.check_subscription(call.parts["s"])
    return Response(200, wire.subscription(call.parts["s"], call.azure.cloud))


def list_providers(call: Call) -> Response:
    call.azure.cloud.check_subscription(call.parts["s"])
    return Response(200, {"value": [_provider(call, each) for each in PROVIDERS]})


def get_provider(call: Call) -> Response:
    call.azure.cloud.check_subscription(call.parts["s"])
    name = next((each for each in PROVIDERS if each.lower() == call.parts["n"].lower()), None)
    if name is None:
        raise AzureFault("InvalidResourceNamespace", f"The resource namespace '{call.parts['n']}' is invalid.")
    return Response(200, _provider(call, name))


def _provider(call: Call, name: str) -> wire.Json:
    types = [
        {"resourceType": each, "locations": ["West Europe"], "apiVersions": sorted(call.versions(name), reverse=True)}
        for each in PROVIDERS[name]
    ]
    return {
        "id": f"/subscriptions/{call.parts['s']}/providers/{name}",
        "namespace": name,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": types,
    }


def list_role_definitions(call: Call) -> Response:
    match = _ROLE_NAME.search(call.request.query.get("$filter", ""))
    wanted = match["name"].lower() if match else None
    found = [each for each in call.azure.cloud.access.roles.values() if wanted in (None, each.name.lower())]
    return Response(200, {"value": [wire.role_definition(each, call.parts["scope"] or "") for each in found]})


def get_role_definition(call: Call) -> Response:
    guid = call.parts["n"].lower()
    role = call.azure.cloud.access.roles.get(guid)
    if role is None:
        raise AzureFault(
            "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{guid}' does not exist."
        )
    return Response(200, wire.role_definition(role, call.parts.get("scope") or ""))


def list_resources(call: Call) -> Response:
    """Everything in a resource group, as clients read it before they delete one."""
    cloud = call.azure.cloud
    group = cloud.group(call.parts["s"], call.parts["g"])
    disks = [wire.disk(each) for each in cloud.disks_in(group)]
    vaults = call.azure.vaults.in_group(call.parts["s"], call.parts["g"])
    rows = [*disks, *(wire.vault(each, cloud) for each in vaults)]
    kept = ("id", "name", "type", "location", "tags")
    return Response(200, {"value": [{key: row[key] for key in kept if key in row} for row in rows]})
