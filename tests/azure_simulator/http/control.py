"""What a test may do to the cloud: seed it, turn its knobs, plant faults, read the log."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from azure_simulator.http.knobs import KNOBS
from azure_simulator.http.messages import Request, Response
from azure_simulator.http.planted import PlantedFault
from azure_simulator.http.service import Service
from azure_simulator.model.cloud import Knobs
from azure_simulator.model.faults import AzureFault, OperationFault

PREFIX = "/__control/"


def control(service: Service, request: Request) -> Response:
    """Answer a request under ``/__control/``; the clock is not here, since it is the server's."""
    what = (request.method, request.path.removeprefix(PREFIX))
    if what not in COMMANDS:
        return Response(404, {"error": f"no control {what}"})
    try:
        return Response(200, COMMANDS[what].run(service, request) or {})
    except (AzureFault, TypeError, KeyError, ValueError) as fault:
        return Response(400, {"error": str(fault)})


def _set_state(service: Service, request: Request) -> None:
    service.azure.instances.find(request.json["instance"]).state = str(request.json["state"])


def _fail_backups(service: Service, request: Request) -> None:
    given = request.json
    fault = OperationFault(given["code"], given["message"], [given["action"]]) if given["code"] else None
    service.azure.backups.failing = fault
    service.azure.backups.failing_disks = re.compile(given.get("disks", ""), re.IGNORECASE)


def _lose(service: Service, request: Request) -> None:
    service.tables.lost = re.compile(request.json["pattern"], re.IGNORECASE) if request.json["pattern"] else None


def _turn(turn: Callable[..., None], service: Service, request: Request) -> None:
    turn(service, **request.json)


def _requests(service: Service, request: Request) -> dict[str, Any]:
    return {"value": service.entries(int(request.query.get("since", "0")))}


def _no_faults(service: Service, request: Request) -> None:
    service.faults.clear()
    service.azure.cloud.operations.end_endless()


def _lacking(service: Service, request: Request) -> dict[str, Any]:
    caller = service.callers.get(request.query["client"])
    return dict(caller.lacking) if caller is not None else {}


def _points(service: Service, request: Request) -> dict[str, Any]:
    instances = [each for vault in service.azure.vaults.all.values() for each in vault.instances.values()]
    return {"count": sum(len(each.points) for each in instances)}


def _seed_disk(service: Service, disk: dict[str, Any]) -> str:
    found = service.azure.cloud.add_disk(
        disk["subscription"],
        disk["group"],
        disk["name"],
        disk["location"],
        disk.get("sizeGiB", 32),
        disk.get("sku", "StandardSSD_LRS"),
    )
    found.tags = disk.get("tags")
    found.zones = tuple(disk.get("zones", ()))
    found.settings = dict(disk.get("properties", {}))
    return found.id


def _seed(service: Service, seed: dict[str, Any]) -> dict[str, Any]:
    """Make what a person would have made before: subscriptions, groups, disks, identities."""
    cloud = service.azure.cloud
    for subscription in seed.get("subscriptions", []):
        cloud.add_subscription(subscription)
    for group in seed.get("groups", []):
        cloud.put_group(group["subscription"], group["name"], group["location"])
    disks = [_seed_disk(service, disk) for disk in seed.get("disks", [])]
    for caller in seed.get("callers", []):
        service.callers.seed(caller)
    for identity in seed.get("identities", []):
        cloud.put_identity(identity["subscription"], identity["group"], identity["name"])
    for clones in seed.get("clones", []):
        service.azure.instances.clone(clones["of"], int(clones["count"]))
    return {"tenant": cloud.tenant, "disks": disks}


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        about: what it does, for ``--help``; empty for what only the tests' own client asks.
    """

    run: Callable[[Service, Request], dict[str, Any] | None]
    about: str = ""


def _read(run: Callable[[Service, Request], dict[str, Any]]) -> Command:
    return Command(run)


COMMANDS: dict[tuple[str, str], Command] = {
    ("POST", "seed"): Command(
        lambda service, request: _seed(service, request.json),
        "make subscriptions, groups, disks, callers, identities, clones of an instance",
    ),
    ("POST", "knobs"): Command(
        lambda service, request: service.azure.cloud.knobs.set(request.json),
        f"how long things take, in seconds: {', '.join(sorted(each.name for each in fields(Knobs)))}",
    ),
    ("POST", "faults"): Command(
        lambda service, request: service.faults.append(PlantedFault(**request.json)),
        f"plant an answer: {', '.join(each.name for each in fields(PlantedFault) if each.init)}",
    ),
    ("DELETE", "faults"): Command(_no_faults, "plant no answer any more; operations that never end do"),
    ("POST", "state"): Command(_set_state, "instance, state: what Azure says of an instance"),
    ("POST", "failing"): Command(
        _fail_backups,
        "code, message, action, disks: how backups fail, of disks whose ids fit; no code: none does",
    ),
    ("POST", "lost"): Command(_lose, "pattern: ids of the rows that Resource Graph leaves out"),
    ("DELETE", "things"): Command(
        lambda service, request: service.azure.cloud.remove(request.query["id"]), "?id=: delete a disk, a group"
    ),
    **{("POST", name): Command(partial(_turn, turn), about) for name, (turn, about) in KNOBS.items()},
    ("GET", "requests"): _read(_requests),
    ("GET", "points/count"): _read(_points),
    ("GET", "lacking"): _read(_lacking),
    ("GET", "requests/count"): _read(lambda service, request: {"count": len(service.log)}),
}


def described() -> str:
    """Return what the commands do, a line each."""
    return "\n".join(
        f"  {method:6} {PREFIX}{path:17} {command.about}"
        for (method, path), command in COMMANDS.items()
        if command.about
    )
