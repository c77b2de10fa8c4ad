"""What Azure Backup works on: resource groups, disks, role assignments."""

from __future__ import annotations

import re
from urllib.parse import unquote

from azure_simulator.http import wire
from azure_simulator.http.call import Call
from azure_simulator.http.messages import Response
from azure_simulator.model.disk import Disk
from azure_simulator.model.faults import AzureFault, OperationFault


def get_group(call: Call) -> Response:
    return Response(200, wire.group(call.azure.cloud.group(call.parts["s"], call.parts["g"])))


def put_group(call: Call) -> Response:
    location = call.request.json.get("location")
    if not isinstance(location, str):
        raise AzureFault("LocationRequired", "The location property is required.")
    tags = call.request.json.get("tags")
    group, new = call.azure.cloud.put_group(call.parts["s"], call.parts["g"], location, tags)
    return Response(201 if new else 200, wire.group(group))


def patch_group(call: Call) -> Response:
    group = call.azure.cloud.group(call.parts["s"], call.parts["g"])
    group.tags = call.request.json.get("tags", group.tags)
    return Response(200, wire.group(group))


def delete_group(call: Call) -> Response:
    """It takes along what is in it, in the end; a vault with backups keeps it."""
    cloud = call.azure.cloud
    group = cloud.group(call.parts["s"], call.parts["g"])

    def end() -> OperationFault | None:
        vaults = call.azure.vaults.in_group(group.subscription, group.name)
        if any(vault.instances for vault in vaults):
            text = f"The resource group '{group.name}' holds backup vaults that are not empty."
            return OperationFault("ResourceGroupDeletionBlocked", text)
        for vault in vaults:
            call.azure.vaults.forget(vault)
        for each in cloud.disks_and_snapshots_in(group):
            cloud.remove(each.id)
        cloud.remove(group.id)
        return None

    operation = cloud.operations.start(cloud.knobs.span("change"), end)
    location = f"{call.base}/subscriptions/{group.subscription}/operationresults/{operation.id}"
    return Response(202, None, {"Location": f"{location}?api-version={call.version()}", "Retry-After": "15"})


def deletion_result(call: Call) -> Response:
    """How the deletion of a group goes, as Resource Manager tells it: by the status alone."""
    operation = call.azure.cloud.operations.get(unquote(call.parts["o"]))
    if operation.ended is None:
        return Response(202, None, {"Location": f"{call.base}{call.request.url}", "Retry-After": "15"})
    if operation.fault is not None:
        raise AzureFault(operation.fault.code, operation.fault.message)
    return Response(200)


def head_group(call: Call) -> Response:
    found = call.azure.cloud.find_group(f"/subscriptions/{call.parts['s']}/resourceGroups/{call.parts['g']}")
    return Response(204 if found else 404)


def list_groups(call: Call) -> Response:
    call.azure.cloud.check_subscription(call.parts["s"])
    mine = [each for each in call.azure.cloud.groups.values() if each.subscription.lower() == call.parts["s"].lower()]
    return Response(200, {"value": [wire.group(each) for each in mine]})


def get_disk(call: Call) -> Response:
    disk = call.azure.cloud.disk(call.parts["s"], call.parts["g"], call.parts["d"])
    return Response(200, wire.disk(disk))


def list_all_disks(call: Call) -> Response:
    call.azure.cloud.check_subscription(call.parts["s"])
    mine = f"/subscriptions/{call.parts['s']}/".lower()
    disks = [each for each in call.azure.cloud.disks.values() if each.id.lower().startswith(mine)]
    return Response(200, {"value": [wire.disk(each) for each in disks]})


# As recorded; these limits are not simulated.
_OF_COMPUTE = "Microsoft.Compute/DeleteDisks3Min;2997,Microsoft.Compute/DeleteDisks30Min;23995"
# What a client cannot set, or what is kept elsewhere.
_SET_BY_AZURE = {"diskSizeGB", "diskSizeBytes", "timeCreated", "provisioningState", "diskState", "uniqueId"}


def put_disk(call: Call) -> Response:
    """Make a disk, or change its size, SKU and tags; what a disk is made from is not simulated."""
    cloud, given = call.azure.cloud, call.request.json
    group = cloud.group(call.parts["s"], call.parts["g"])
    known = cloud.find_disk(f"{group.id}/providers/Microsoft.Compute/disks/{call.parts['d']}")
    properties = given.get("properties") or {}
    if known is None and not (given.get("location") and properties.get("creationData")):
        raise AzureFault("InvalidParameter", "Required parameter 'location' or 'creationData' is missing (null).")
    size = int(properties.get("diskSizeGB") or (known.size_gib if known else 0))
    if size < (known.size_gib if known else 1):
        raise AzureFault("InvalidParameter", "The disk size cannot be decreased, and must be at least 1 GB.")
    sku = (given.get("sku") or {}).get("name") or (known.sku if known else "Standard_LRS")
    location = str(given.get("location") or (known.location if known else group.location))
    if known is None:
        known = cloud.add_disk(group.subscription, group.name, call.parts["d"], location, size, sku)
    known.size_gib, known.sku = size, sku
    known.tags = given.get("tags", known.tags)
    known.zones = _zones(known, given)
    known.settings |= {name: value for name, value in properties.items() if name not in _SET_BY_AZURE}
    return Response(200, wire.disk(known))


def _zones(known: Disk, given: wire.Json) -> tuple[str, ...]:
    """A disk stays in its zone; what a request does not say changes nothing."""
    zones = tuple(given.get("zones") or known.zones)
    if known.zones and zones != known.zones:
        raise AzureFault(
            "ResourceAvailabilityZonesCannotBeModified",
            f"The zones of the disk {known.name} cannot be changed from {list(known.zones)} to {list(zones)}.",
        )
    return zones


def patch_disk(call: Call) -> Response:
    call.azure.cloud.disk(call.parts["s"], call.parts["g"], call.parts["d"])
    return put_disk(call)


def delete_disk(call: Call) -> Response:
    cloud = call.azure.cloud
    group = cloud.group(call.parts["s"], call.parts["g"])
    known = cloud.find_disk(f"{group.id}/providers/Microsoft.Compute/disks/{call.parts['d']}")
    if known is None:
        return Response(204)
    disk_id = known.id
    operation = cloud.operations.start(cloud.knobs.span("disk_deletion"), lambda: cloud.remove(disk_id))
    there = (
        f"{call.base}/subscriptions/{group.subscription}/providers/Microsoft.Compute/locations/{known.location}"
        f"/DiskOperations/{operation.id}?p=11111111&api-version={call.version()}"
    )
    headers = {"Azure-AsyncOperation": there, "Location": f"{there}&monitor=true", "Retry-After": "2"}
    return Response(202, None, headers | {"x-ms-ratelimit-remaining-resource": _OF_COMPUTE})


def disk_operation(call: Call) -> Response:
    operation = call.azure.cloud.operations.get(unquote(call.parts["o"]))
    if "monitor" in call.request.query:
        return Response(200) if operation.ended else Response(202, None, {"Location": f"{call.base}{call.request.url}"})
    body = {"startTime": wire.time(operation.started), "status": operation.status.replace("Inp", "InP")}
    if operation.ended is not None:
        body["endTime"] = wire.time(operation.ended)
    return Response(200, body | {"name": operation.id})


def list_disks(call: Call) -> Response:
    group = call.azure.cloud.group(call.parts["s"], call.parts["g"])
    return Response(200, {"value": [wire.disk(each) for each in call.azure.cloud.disks_in(group)]})


def put_identity(call: Call) -> Response:
    location = call.request.json.get("location")
    if not isinstance(location, str):
        raise AzureFault("LocationRequired", "The location property is required.")
    cloud = call.azure.cloud
    found, new = cloud.put_identity(call.parts["s"], call.parts["g"], call.parts["u"], location)
    found.tags = call.request.json.get("tags") or {}
    return Response(201 if new else 200, wire.identity(found, cloud))


def get_identity(call: Call) -> Response:
    found = call.azure.cloud.find_identity(call.parts["s"], call.parts["g"], call.parts["u"])
    if found is None:
        name = f"Microsoft.ManagedIdentity/userAssignedIdentities/{call.parts['u']}"
        raise AzureFault(
            "ResourceNotFound",
            f"The Resource '{name}' under resource group '{call.parts['g']}' was not found. For more details please "
            "go to https://aka.ms/ARMResourceNotFoundFix",
        )
    return Response(200, wire.identity(found, call.azure.cloud))


def delete_identity(call: Call) -> Response:
    found = call.azure.cloud.find_identity(call.parts["s"], call.parts["g"], call.parts["u"])
    if found is None:
        return Response(204)
    call.azure.cloud.remove(found.id)
    return Response(200)


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
        given.get("principalType"),
    )
    return Response(201 if new else 200, wire.assignment(assignment))


def get_assignment(call: Call) -> Response:
    found = call.azure.cloud.access.get(call.parts["scope"], call.parts["n"])
    return Response(200, wire.assignment(found))


_PRINCIPAL = re.compile(r"(?:principalid eq |(?P<groups>assignedto)\()'(?P<id>[^']+)'", re.IGNORECASE)


def list_assignments(call: Call) -> Response:
    """At the scope and above it; below it too, unless ``atScope()`` is asked for; ``assignedTo`` counts groups."""
    text = call.request.query.get("$filter", "")
    match = _PRINCIPAL.search(text)
    below = "atscope()" not in text.lower()
    by_groups = match is not None and match["groups"] is not None
    found = call.azure.cloud.access.at_scope(
        call.parts["scope"], match["id"] if match else None, below=below, by_groups=by_groups
    )
    return Response(200, {"value": [wire.assignment(each) for each in found]})


def delete_assignment(call: Call) -> Response:
    found = call.azure.cloud.access.revoke(call.parts["scope"], call.parts["n"])
    return Response(200, wire.assignment(found)) if found else Response(204)
