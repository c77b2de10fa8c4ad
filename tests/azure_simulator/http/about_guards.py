"""The proxies that tie a vault to its Resource Guard, and the unlocking of what is deleted."""

from __future__ import annotations

from azure_simulator.http import wire
from azure_simulator.http.call import Call
from azure_simulator.http.messages import Response
from azure_simulator.model.faults import AzureFault, not_found
from azure_simulator.model.resource_guard import Guard

# A vault has one, of this name (Microsoft's PowerShell and the provider of Terraform write it).
_NAME = "DppResourceGuardProxy"


def _proxy(call: Call, guard: Guard) -> wire.Json:
    return {
        "properties": {
            "resourceGuardResourceId": guard.id,
            "resourceGuardOperationDetails": guard.details(),
            "lastUpdatedTime": wire.time(call.azure.cloud.now),
            "description": None,
        },
        "id": f"{call.vault.id}/backupResourceGuardProxies/{_NAME}",
        "name": _NAME,
        "type": "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies",
    }


def _guard(call: Call) -> Guard:
    guard = call.azure.cloud.guards.of(call.vault.id)
    if guard is None or call.parts["n"].lower() != _NAME.lower():
        raise not_found()
    return guard


def put_proxy(call: Call) -> Response:
    guard_id = (call.request.json.get("properties") or {}).get("resourceGuardResourceId")
    if not guard_id:
        raise AzureFault("UserErrorInvalidRequestParameter", "The property 'resourceGuardResourceId' is required.")
    call.azure.cloud.guards.protect(call.vault.id, guard_id, None)
    return Response(200, _proxy(call, _guard(call)))


def get_proxy(call: Call) -> Response:
    return Response(200, _proxy(call, _guard(call)))


def list_proxies(call: Call) -> Response:
    guard = call.azure.cloud.guards.of(call.vault.id)
    return Response(200, {"value": [_proxy(call, guard)] if guard else []})


def delete_proxy(call: Call) -> Response:
    call.azure.cloud.guards.release(call.vault.id)
    return Response(200)


def unlock(call: Call) -> Response:
    cloud = call.azure.cloud
    _guard(call)
    until = cloud.guards.unlock(call.vault.id, call.request.json, cloud.now)
    return Response(200, {"unlockDeleteExpiryTime": wire.time(until)})
