"""Snapshots that others than Azure Backup take of disks, as a CSI driver and scripts do."""

from __future__ import annotations

from azure_simulator.http import wire
from azure_simulator.http.call import Call
from azure_simulator.http.messages import Response
from azure_simulator.model.faults import AzureFault
from azure_simulator.model.snapshot import Snapshot


def put_snapshot(call: Call) -> Response:
    """Take a snapshot of a disk; it is there at once."""
    cloud, given = call.azure.cloud, call.request.json
    group = cloud.group(call.parts["s"], call.parts["g"])
    properties = given.get("properties") or {}
    creation = properties.get("creationData") or {}
    if not given.get("location") or creation.get("createOption") != "Copy":
        raise AzureFault("InvalidParameter", "Required parameter 'location' or 'creationData' is missing (null).")
    source = cloud.find_disk(str(creation.get("sourceResourceId")))
    if source is None:
        raise AzureFault("NotFound", f"Disk {creation.get('sourceResourceId')} is not found.")
    made = Snapshot(
        id=f"{group.id}/providers/Microsoft.Compute/snapshots/{call.parts['n']}",
        name=call.parts["n"],
        subscription=group.subscription,
        location=str(given["location"]),
        source=source.id,
        incremental=bool(properties.get("incremental")),
        created=cloud.now,
    )
    cloud.snapshots[made.id.lower()] = made
    return Response(200, wire.snapshot(made))


def delete_snapshot(call: Call) -> Response:
    """Delete a snapshot; it is gone at once."""
    group = call.azure.cloud.group(call.parts["s"], call.parts["g"])
    call.azure.cloud.remove(f"{group.id}/providers/Microsoft.Compute/snapshots/{call.parts['n']}")
    return Response(204)
