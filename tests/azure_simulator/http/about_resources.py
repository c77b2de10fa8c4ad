"""What Azure Backup works on: resource groups, disks, role assignments."""

from __future__ import annotations

import re

from azure_simulator.http import wire
from azure_simulator.http.call import Call
from azure_simulator.http.messages import Response
from azure_simulator.model.faults import AzureFault


def get_group(call: Call) -> Response:
    return Response(200, wire.group(call.azure.cloud.group(call.parts["s"], call.parts["g"])))


def put_group(call: Call) -> Response:
    location = call.request.json.get("location")
    if not isinstance(location, str):
        raise AzureFault("LocationRequired", "The location property is required.")
    group, new = call.azure.cloud.put_group(call.parts["s"], call.parts["g"], location)
    return Response(201 if new else 200, wire.group(group))


def get_disk(call: Call) -> Response:
    disk = call.azure.cloud.disk(call.parts["s"], call.parts["g"], call.parts["d"])
    return Response(200, wire.disk(disk))


def put_assignment(call: Call) -> Response:
    given = call.request.json.get("properties") or {}
    wanted = ("roleDefinitionId", "principalId")
    if not all(isinstance(given.get(name), str) for name in wanted):
        raise AzureFault("InvalidRequestContent", "The properties of the assignment are invalid.")
    assignment, new = call.azure.cloud.access.assign(
        call.parts["scope"],
        call.parts["n"],
        given["roleDefinitionId"],
        given["principalId"],
        given.get("principalType", "User"),
    )
    return Response(201 if new else 200, wire.assignment(assignment))


def get_assignment(call: Call) -> Response:
    found = call.azure.cloud.access.get(call.parts["scope"], call.parts["n"])
    return Response(200, wire.assignment(found))


_PRINCIPAL = re.compile(r"principalid eq '(?P<id>[^']+)'", re.IGNORECASE)


def list_assignments(call: Call) -> Response:
    """At the scope and above it; of one principal below it too, unless ``atScope()`` is asked for."""
    text = call.request.query.get("$filter", "")
    match = _PRINCIPAL.search(text)
    below = "atscope()" not in text.lower()
    found = call.azure.cloud.access.at_scope(call.parts["scope"], match["id"] if match else None, below=below)
    return Response(200, {"value": [wire.assignment(each) for each in found]})


def delete_assignment(call: Call) -> Response:
    found = call.azure.cloud.access.revoke(call.parts["scope"], call.parts["n"])
    return Response(200, wire.assignment(found)) if found else Response(204)
