"""Vaults and the policies in them."""

from __future__ import annotations

from azure_simulator.http import wire
from azure_simulator.http.call import Call, paged
from azure_simulator.http.messages import Response
from azure_simulator.model import policies
from azure_simulator.model.faults import AzureFault


def put_vault(call: Call) -> Response:
    vault, operation = call.azure.vaults.put(
        call.parts["s"], call.parts["g"], call.parts["v"], call.request.json, call.version()
    )
    headers = call.polling(operation, vault) if operation else {}
    # Also where it was there before (recorded): nothing else tells a change.
    return Response(201 if operation else 200, wire.vault(vault, call.azure.cloud), headers)


def patch_vault(call: Call) -> Response:
    vault = call.vault
    call.azure.vaults.patch(vault, call.request.json, call.version())
    return Response(200, wire.vault(vault, call.azure.cloud))


def get_vault(call: Call) -> Response:
    return Response(200, wire.vault(call.vault, call.azure.cloud))


def list_vaults(call: Call) -> Response:
    vaults = call.azure.vaults.in_group(call.parts["s"], call.parts["g"])
    return paged(call, [wire.vault(vault, call.azure.cloud) for vault in vaults])


def list_all_vaults(call: Call) -> Response:
    call.azure.cloud.check_subscription(call.parts["s"])
    mine = f"/subscriptions/{call.parts['s']}/".lower()
    vaults = [each for each in call.azure.vaults.all.values() if each.id.lower().startswith(mine)]
    return paged(call, [wire.vault(vault, call.azure.cloud) for vault in vaults])


def delete_vault(call: Call) -> Response:
    try:
        vault = call.vault
    except AzureFault as fault:
        if fault.code == "ResourceNotFound":
            return Response(204)
        raise
    operation = call.azure.vaults.delete(vault, call.version())
    return Response(202, None, call.polling(operation, vault, place="location"))


def put_policy(call: Call) -> Response:
    policy = policies.put_policy(call.vault, call.parts["p"], call.request.json)
    return Response(200, wire.policy(policy, call.vault))


def get_policy(call: Call) -> Response:
    return Response(200, wire.policy(policies.get_policy(call.vault, call.parts["p"]), call.vault))


def list_policies(call: Call) -> Response:
    vault = call.vault
    return paged(call, [wire.policy(policy, vault) for policy in vault.policies.values()])


def delete_policy(call: Call) -> Response:
    return Response(200 if policies.delete_policy(call.vault, call.parts["p"]) else 204)
