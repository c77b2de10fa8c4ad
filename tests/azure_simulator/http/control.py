"""What a test may do to the cloud: seed it, turn its knobs, plant faults, read the log."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from azure_simulator.http.messages import Request, Response
from azure_simulator.http.service import PlantedFault, Service
from azure_simulator.model.faults import AzureFault, OperationFault

PREFIX = "/__control/"


def control(service: Service, request: Request) -> Response:
    """Answer a request under ``/__control/``; the clock is not here, since it is the server's."""
    what = (request.method, request.path.removeprefix(PREFIX))
    if what not in _COMMANDS:
        return Response(404, {"error": f"no control {what}"})
    try:
        return Response(200, _COMMANDS[what](service, request) or {})
    except (AzureFault, TypeError, KeyError, ValueError) as fault:
        return Response(400, {"error": str(fault)})


def _set_state(service: Service, request: Request) -> None:
    service.azure.instances.find(request.json["instance"]).state = str(request.json["state"])


def _fail_backups(service: Service, request: Request) -> None:
    given = request.json
    fault = OperationFault(given["code"], given["message"], [given["action"]]) if given["code"] else None
    service.azure.backups.failing = fault


def _lose(service: Service, request: Request) -> None:
    service.tables.lost = re.compile(request.json["pattern"], re.IGNORECASE) if request.json["pattern"] else None


def _requests(service: Service, request: Request) -> dict[str, Any]:
    return {"value": service.entries(int(request.query.get("since", "0")))}


def _lacking(service: Service, request: Request) -> dict[str, Any]:
    caller = service.callers.get(request.query["client"])
    return dict(caller.lacking) if caller is not None else {}


def _points(service: Service, request: Request) -> dict[str, Any]:
    instances = [each for vault in service.azure.vaults.all.values() for each in vault.instances.values()]
    return {"count": sum(len(each.points) for each in instances)}


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
        cloud.put_identity(identity["subscription"], identity["group"], identity["name"])
    for clones in seed.get("clones", []):
        service.azure.instances.clone(clones["of"], int(clones["count"]))
    return {"tenant": cloud.tenant, "disks": disks}


_COMMANDS: dict[tuple[str, str], Callable[[Service, Request], dict[str, Any] | None]] = {
    ("POST", "seed"): lambda service, request: _seed(service, request.json),
    ("POST", "knobs"): lambda service, request: service.azure.cloud.knobs.set(request.json),
    ("POST", "faults"): lambda service, request: service.faults.append(PlantedFault(**request.json)),
    ("DELETE", "faults"): lambda service, request: service.faults.clear(),
    ("POST", "state"): _set_state,
    ("POST", "failing"): _fail_backups,
    ("POST", "lost"): _lose,
    ("DELETE", "things"): lambda service, request: service.azure.cloud.remove(request.query["id"]),
    ("GET", "requests"): _requests,
    ("GET", "points/count"): _points,
    ("GET", "lacking"): _lacking,
    ("GET", "requests/count"): lambda service, request: {"count": len(service.log)},
}
