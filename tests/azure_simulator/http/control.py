"""What a test may do to the cloud: seed it, turn its knobs, plant faults, read the log."""

from __future__ import annotations

from typing import Any

from azure_simulator.http.messages import Request, Response
from azure_simulator.http.service import PlantedFault, Service
from azure_simulator.model.faults import AzureFault

PREFIX = "/__control/"


def control(service: Service, request: Request) -> Response:
    """Answer a request under ``/__control/``; the clock is not here, since it is the server's."""
    what = request.path.removeprefix(PREFIX)
    try:
        match request.method, what:
            case "POST", "seed":
                return Response(200, _seed(service, request.json))
            case "POST", "knobs":
                service.azure.cloud.knobs.set(request.json)
                return Response(200, {})
            case "POST", "faults":
                service.faults.append(PlantedFault(**request.json))
                return Response(200, {})
            case "DELETE", "faults":
                service.faults.clear()
                return Response(200, {})
            case "DELETE", "things":
                service.azure.cloud.remove(request.query["id"])
                return Response(200, {})
            case "GET", "requests":
                since = int(request.query.get("since", "0"))
                return Response(200, {"value": service.entries(since)})
            case _:
                return Response(404, {"error": f"no control {request.method} {what}"})
    except (AzureFault, TypeError, KeyError, ValueError) as fault:
        return Response(400, {"error": str(fault)})


def _seed(service: Service, seed: dict[str, Any]) -> dict[str, Any]:
    """Make what a person would have made before: subscriptions, groups, disks, identities."""
    cloud = service.azure.cloud
    for subscription in seed.get("subscriptions", []):
        cloud.add_subscription(subscription)
    for group in seed.get("groups", []):
        cloud.put_group(group["subscription"], group["name"], group["location"])
    disks = [
        cloud.add_disk(
            disk["subscription"],
            disk["group"],
            disk["name"],
            disk["location"],
            disk.get("sizeGiB", 32),
            disk.get("sku", "StandardSSD_LRS"),
        ).id
        for disk in seed.get("disks", [])
    ]
    for caller in seed.get("callers", []):
        service.callers.seed(caller)
    for identity in seed.get("identities", []):
        cloud.add_identity(identity["subscription"], identity["group"], identity["name"])
    return {"tenant": cloud.tenant, "disks": disks}
