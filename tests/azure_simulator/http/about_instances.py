"""Backup instances, living and deleted."""

from __future__ import annotations

from azure_simulator.http import wire
from azure_simulator.http.call import Call, paged
from azure_simulator.http.messages import Response
from azure_simulator.model.faults import AzureFault
from azure_simulator.model.operations import Operation
from azure_simulator.model.vaults import check_soft_delete


def validate(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.instances.validate(vault, call.request.json)
    return Response(202, None, call.polling(operation, vault))


def put_instance(call: Call) -> Response:
    vault = call.vault
    check_soft_delete(vault.properties, call.version())
    instance, operation = call.azure.instances.put(vault, call.parts["i"], call.request.json)
    headers = call.polling(operation, vault) | {"Retry-After": "15"}
    return Response(201, wire.instance(instance, vault), headers)


def get_instance(call: Call) -> Response:
    return Response(200, wire.instance(call.instance, call.vault))


def list_instances(call: Call) -> Response:
    vault = call.vault
    return paged(call, [wire.instance(each, vault) for each in vault.instances.values()])


def delete_instance(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.instances.delete(vault, call.parts["i"], call.version())
    if operation is None:
        return Response(204)
    return Response(202, None, call.polling(operation, vault, place="both"))


def accepted(call: Call, operation: Operation | None) -> Response:
    if operation is None:
        return Response(200)
    return Response(202, None, call.polling(operation, call.vault, place="both"))


def stop(call: Call) -> Response:
    return accepted(call, call.azure.instances.set_state(call.instance, "ProtectionStopped"))


def suspend(call: Call) -> Response:
    return accepted(call, call.azure.instances.set_state(call.instance, "BackupsSuspended"))


def sync(call: Call) -> Response:
    kind = call.request.json.get("syncType")
    if kind not in (None, "Default", "ForceResync"):
        raise AzureFault("UserErrorInvalidRequestParameter", f"The sync type '{kind}' is invalid.")
    response = accepted(call, call.azure.instances.sync(call.vault, call.instance))
    response.headers["Retry-After"] = "30"
    return response


def list_of_disk(call: Call) -> Response:
    """All backup instances of a disk, in whichever vault."""
    disk = call.parts["disk"].lower()
    found = [
        wire.instance(each, vault)
        for vault in call.azure.vaults.all.values()
        for each in vault.instances.values()
        if each.disk_id.lower() == disk
    ]
    return paged(call, found)


def resume(call: Call) -> Response:
    return accepted(call, call.azure.instances.resume(call.vault, call.instance))


def list_deleted(call: Call) -> Response:
    vault = call.vault
    return paged(call, [wire.deleted_instance(each, vault) for each in vault.deleted.values()])


def get_deleted(call: Call) -> Response:
    vault = call.vault
    found = call.azure.instances.deleted(vault, call.parts["i"])
    return Response(200, wire.deleted_instance(found, vault))


def undelete(call: Call) -> Response:
    call.azure.instances.undelete(call.vault, call.parts["i"])
    return Response(200)
