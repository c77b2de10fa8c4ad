"""Which path means what: a table of method, path, name and what answers it.

A name such as ``backupInstances.backup`` is what the log of requests counts by.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from azure_simulator.http import wire
from azure_simulator.http.messages import Request, Response
from azure_simulator.model.azure import Azure
from azure_simulator.model.faults import AzureFault
from azure_simulator.model.instances import Instance
from azure_simulator.model.operations import Operation
from azure_simulator.model.policies import delete_policy, get_policy, put_policy
from azure_simulator.model.vaults import Vault, check_soft_delete

PAGE = 200
# What a caller would have to keep and send back: the real ones are some 3,300 characters long.
_SIGNATURE = "&t=638772786972628059&c=" + "MIIHhzCCBm" * 290 + "&s=" + "x" * 340 + "&h=simulated"

_RG = r"/subscriptions/(?P<s>[^/]+)/resourcegroups/(?P<g>[^/]+)"
_DP = _RG + r"/providers/microsoft\.dataprotection"
_V = _DP + r"/backupvaults/(?P<v>[^/]+)"
_I = _V + r"/backupinstances/(?P<i>[^/]+)"
_RA = (
    r"(?P<scope>/subscriptions/.+)/providers/microsoft\.authorization"
    r"/roleassignments/(?P<n>[^/]+)"
)
_LOC = (
    r"/subscriptions/(?P<s>[^/]+)(?:/resourcegroups/[^/]+)?/providers/microsoft\.dataprotection"
    r"/locations/(?P<l>[^/]+)"
)


@dataclass(frozen=True)
class Route:
    """One kind of request.

    Attributes:
        budget: what the service says remains before the first request of a client.
    """

    method: str
    pattern: re.Pattern[str]
    name: str
    provider: str
    budget: int
    answer: Callable[[Call], Response]


@dataclass(frozen=True)
class Call:
    """A request on its way to an answer, with the parts of its path."""

    azure: Azure
    request: Request
    parts: dict[str, str]
    base: str
    activity: str

    @property
    def vault(self) -> Vault:
        return self.azure.vaults.get(self.parts["s"], self.parts["g"], self.parts["v"])

    @property
    def instance(self) -> Instance:
        return self.azure.instances.get(self.vault, self.parts["i"])

    def version(self) -> str:
        return self.request.query.get("api-version", "")

    def polling(self, operation: Operation, vault: Vault, *, place: str = "vault") -> dict[str, str]:
        """Return the headers by which an operation is followed."""
        tail = f"?api-version={self.version()}{_SIGNATURE}"
        provider = "providers/Microsoft.DataProtection"
        location = f"{self.base}/subscriptions/{vault.subscription}/{provider}/locations/{vault.location}"
        status = f"{self.base}{vault.id}/operationStatus/{operation.id}{tail}"
        if place == "location":
            group = f"{self.base}/subscriptions/{vault.subscription}/resourceGroups/{vault.group}"
            status = f"{group}/{provider}/locations/{vault.location}/operationStatus/{operation.id}{tail}"
        headers = {"Azure-AsyncOperation": status, "Retry-After": "10"}
        if operation.carries_result or place in ("location", "both"):
            headers["Location"] = f"{location}/operationResults/{operation.id}{tail}"
        return headers


def _paged(call: Call, items: list[wire.Json]) -> Response:
    skip = int(call.request.query.get("$skipToken", "0") or 0)
    body: wire.Json = {"value": items[skip : skip + PAGE]}
    if len(items) > skip + PAGE:
        body["nextLink"] = f"{call.base}{call.request.path}?api-version={call.version()}&$skipToken={skip + PAGE}"
    return Response(200, body)


# --- groups, disks, role assignments --------------------------------------------------------------


def _get_group(call: Call) -> Response:
    return Response(200, wire.group(call.azure.cloud.group(call.parts["s"], call.parts["g"])))


def _put_group(call: Call) -> Response:
    location = call.request.json.get("location")
    if not isinstance(location, str):
        raise AzureFault("LocationRequired", "The location property is required.")
    group, new = call.azure.cloud.put_group(call.parts["s"], call.parts["g"], location)
    return Response(201 if new else 200, wire.group(group))


def _get_disk(call: Call) -> Response:
    disk = call.azure.cloud.disk(call.parts["s"], call.parts["g"], call.parts["d"])
    return Response(200, wire.disk(disk))


def _put_assignment(call: Call) -> Response:
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


def _get_assignment(call: Call) -> Response:
    found = call.azure.cloud.access.get(call.parts["scope"], call.parts["n"])
    return Response(200, wire.assignment(found))


def _delete_assignment(call: Call) -> Response:
    found = call.azure.cloud.access.revoke(call.parts["scope"], call.parts["n"])
    return Response(200, wire.assignment(found)) if found else Response(204)


# --- vaults ---------------------------------------------------------------------------------------


def _put_vault(call: Call) -> Response:
    before = call.azure.vaults.all.keys() | set()
    vault, operation = call.azure.vaults.put(
        call.parts["s"], call.parts["g"], call.parts["v"], call.request.json, call.version()
    )
    new = len(call.azure.vaults.all) > len(before)
    headers = call.polling(operation, vault) if operation else {}
    return Response(201 if new else 200, wire.vault(vault, call.azure.cloud), headers)


def _patch_vault(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.vaults.patch(vault, call.request.json, call.version())
    return Response(200, wire.vault(vault, call.azure.cloud), call.polling(operation, vault))


def _get_vault(call: Call) -> Response:
    return Response(200, wire.vault(call.vault, call.azure.cloud))


def _list_vaults(call: Call) -> Response:
    vaults = call.azure.vaults.in_group(call.parts["s"], call.parts["g"])
    return _paged(call, [wire.vault(vault, call.azure.cloud) for vault in vaults])


def _delete_vault(call: Call) -> Response:
    try:
        vault = call.vault
    except AzureFault as fault:
        if fault.code == "ResourceNotFound":
            return Response(204)
        raise
    operation = call.azure.vaults.delete(vault)
    return Response(202, None, call.polling(operation, vault, place="location"))


# --- policies -------------------------------------------------------------------------------------


def _put_policy(call: Call) -> Response:
    policy = put_policy(call.vault, call.parts["p"], call.request.json)
    return Response(200, wire.policy(policy, call.vault))


def _get_policy(call: Call) -> Response:
    return Response(200, wire.policy(get_policy(call.vault, call.parts["p"]), call.vault))


def _list_policies(call: Call) -> Response:
    vault = call.vault
    return _paged(call, [wire.policy(policy, vault) for policy in vault.policies.values()])


def _delete_policy(call: Call) -> Response:
    return Response(200 if delete_policy(call.vault, call.parts["p"]) else 204)


# --- instances ------------------------------------------------------------------------------------


def _validate(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.instances.validate(vault, call.request.json)
    return Response(202, None, call.polling(operation, vault))


def _put_instance(call: Call) -> Response:
    vault = call.vault
    check_soft_delete(vault.properties, call.version())
    instance, operation, new = call.azure.instances.put(vault, call.parts["i"], call.request.json)
    headers = call.polling(operation, vault) | {"Retry-After": "15"}
    return Response(201 if new else 200, wire.instance(instance, vault), headers)


def _get_instance(call: Call) -> Response:
    return Response(200, wire.instance(call.instance, call.vault))


def _list_instances(call: Call) -> Response:
    vault = call.vault
    return _paged(call, [wire.instance(each, vault) for each in vault.instances.values()])


def _delete_instance(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.instances.delete(vault, call.parts["i"])
    if operation is None:
        return Response(204)
    return Response(202, None, call.polling(operation, vault, place="both"))


def _accepted(call: Call, operation: Operation | None) -> Response:
    if operation is None:
        return Response(200)
    return Response(202, None, call.polling(operation, call.vault))


def _stop(call: Call) -> Response:
    return _accepted(call, call.azure.instances.set_state(call.instance, "ProtectionStopped"))


def _suspend(call: Call) -> Response:
    return _accepted(call, call.azure.instances.set_state(call.instance, "BackupsSuspended"))


def _resume(call: Call) -> Response:
    return _accepted(call, call.azure.instances.resume(call.vault, call.instance))


def _list_deleted(call: Call) -> Response:
    vault = call.vault
    return _paged(call, [wire.deleted_instance(each, vault) for each in vault.deleted.values()])


def _get_deleted(call: Call) -> Response:
    vault = call.vault
    found = call.azure.instances.deleted(vault, call.parts["i"])
    return Response(200, wire.deleted_instance(found, vault))


def _undelete(call: Call) -> Response:
    return _accepted(call, call.azure.instances.undelete(call.vault, call.parts["i"]))


# --- backups --------------------------------------------------------------------------------------


def _backup(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.backups.backup(vault, call.instance, call.request.json, call.activity)
    assert operation.job_id is not None
    operation.job_id = f"{vault.id}/backupJobs/{operation.job_id}"
    return Response(202, None, call.polling(operation, vault))


def _get_job(call: Call) -> Response:
    vault = call.vault
    job = call.azure.backups.job(vault, call.parts["j"])
    return Response(200, wire.job(job, vault, call.azure.cloud.now, listed=False))


def _list_jobs(call: Call) -> Response:
    vault = call.vault
    now = call.azure.cloud.now
    jobs = call.azure.backups.jobs(vault)
    return _paged(call, [wire.job(each, vault, now, listed=True) for each in jobs])


_FILTER = re.compile(r"startDate eq '(?P<start>[^']+)' and endDate eq '(?P<end>[^']+)'")


def _list_points(call: Call) -> Response:
    text = call.request.query.get("$filter", "").strip()
    start = end = None
    if text:
        match = _FILTER.fullmatch(text)
        if match is None:
            raise AzureFault("UserErrorInvalidRequestParameter", "The filter is invalid.")
        start, end = (_net_time(match[name]) for name in ("start", "end"))
    vault, instance = call.vault, call.instance
    found = call.azure.backups.points(instance, start, end)
    return _paged(call, [wire.point(each, instance, vault, None) for each in found])


def _net_time(text: str) -> datetime:
    # Seven digits after the point are one too many for Python.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def _get_point(call: Call) -> Response:
    instance = call.instance
    found = call.azure.backups.point(instance, call.parts["r"])
    return Response(200, wire.point(found, instance, call.vault, call.azure.cloud))


# --- operations -----------------------------------------------------------------------------------


def _operation(call: Call) -> Operation:
    if "h" not in call.request.query:
        raise AzureFault("AuthorizationFailed", "The signature of the operation URL is missing.")
    return call.azure.cloud.operations.get(unquote(call.parts["o"]))


def _operation_status(call: Call) -> Response:
    return Response(200, wire.operation(_operation(call), unquote(call.request.path)))


def _operation_result(call: Call) -> Response:
    operation = _operation(call)
    if operation.ended is None:
        return Response(202, None, {"Retry-After": "10"})
    if operation.fault is not None:
        return Response(400, {"error": wire.operation_error(operation.fault)})
    if not operation.carries_result:
        return Response(204)
    body: wire.Json = {"objectType": "OperationJobExtendedInfo"}
    if operation.job_id:
        body = {"jobId": operation.job_id, **body}
    location = (
        f"{call.base}/subscriptions/{call.parts['s']}/providers/Microsoft.DataProtection/locations"
        f"/{call.parts['l']}/operationStatus/{operation.id}?api-version={call.version()}{_SIGNATURE}"
    )
    return Response(200, body, {"Azure-AsyncOperation": location})


_DATA_PROTECTION = "Microsoft.DataProtection"
_TABLE: list[tuple[str, str, str, str, int, Callable[[Call], Response]]] = [
    ("GET", _RG, "resourceGroups.get", "Microsoft.Resources", 11999, _get_group),
    ("PUT", _RG, "resourceGroups.put", "Microsoft.Resources", 11999, _put_group),
    (
        "GET",
        _RG + r"/providers/microsoft\.compute/disks/(?P<d>[^/]+)",
        "disks.get",
        "Microsoft.Compute",
        11999,
        _get_disk,
    ),
    ("PUT", _RA, "roleAssignments.put", "Microsoft.Authorization", 11999, _put_assignment),
    ("GET", _RA, "roleAssignments.get", "Microsoft.Authorization", 11999, _get_assignment),
    ("DELETE", _RA, "roleAssignments.delete", "Microsoft.Authorization", 11999, _delete_assignment),
    *(
        (method, pattern, name, _DATA_PROTECTION, budget, answer)
        for method, pattern, name, budget, answer in (
            ("PUT", _V, "backupVaults.put", 100, _put_vault),
            ("PATCH", _V, "backupVaults.patch", 100, _patch_vault),
            ("GET", _V, "backupVaults.get", 500, _get_vault),
            ("DELETE", _V, "backupVaults.delete", 100, _delete_vault),
            ("GET", _DP + r"/backupvaults", "backupVaults.list", 500, _list_vaults),
            ("PUT", _V + r"/backuppolicies/(?P<p>[^/]+)", "backupPolicies.put", 200, _put_policy),
            ("GET", _V + r"/backuppolicies/(?P<p>[^/]+)", "backupPolicies.get", 200, _get_policy),
            ("GET", _V + r"/backuppolicies", "backupPolicies.list", 200, _list_policies),
            (
                "DELETE",
                _V + r"/backuppolicies/(?P<p>[^/]+)",
                "backupPolicies.delete",
                50,
                _delete_policy,
            ),
            ("POST", _V + r"/validateforbackup", "backupVaults.validateForBackup", 0, _validate),
            ("PUT", _I, "backupInstances.put", 200, _put_instance),
            ("GET", _I, "backupInstances.get", 2000, _get_instance),
            ("GET", _V + r"/backupinstances", "backupInstances.list", 2000, _list_instances),
            ("DELETE", _I, "backupInstances.delete", 200, _delete_instance),
            ("POST", _I + r"/backup", "backupInstances.backup", 0, _backup),
            ("POST", _I + r"/stopprotection", "backupInstances.stopProtection", 0, _stop),
            ("POST", _I + r"/suspendbackups", "backupInstances.suspendBackups", 0, _suspend),
            ("POST", _I + r"/resumeprotection", "backupInstances.resumeProtection", 0, _resume),
            ("GET", _I + r"/recoverypoints", "recoveryPoints.list", 100, _list_points),
            ("GET", _I + r"/recoverypoints/(?P<r>[^/]+)", "recoveryPoints.get", 100, _get_point),
            ("GET", _V + r"/backupjobs", "backupJobs.list", 200, _list_jobs),
            ("GET", _V + r"/backupjobs/(?P<j>[^/]+)", "backupJobs.get", 200, _get_job),
            (
                "GET",
                _V + r"/deletedbackupinstances",
                "deletedBackupInstances.list",
                2000,
                _list_deleted,
            ),
            (
                "GET",
                _V + r"/deletedbackupinstances/(?P<i>[^/]+)",
                "deletedBackupInstances.get",
                2000,
                _get_deleted,
            ),
            (
                "POST",
                _V + r"/deletedbackupinstances/(?P<i>[^/]+)/undelete",
                "deletedBackupInstances.undelete",
                2000,
                _undelete,
            ),
            (
                "GET",
                _V + r"/operationstatus/(?P<o>[^/]+)",
                "operations.status",
                1000,
                _operation_status,
            ),
            (
                "GET",
                _LOC + r"/operationstatus/(?P<o>[^/]+)",
                "operations.status",
                15000,
                _operation_status,
            ),
            (
                "GET",
                _LOC + r"/operationresults/(?P<o>[^/]+)",
                "operations.result",
                200,
                _operation_result,
            ),
        )
    ),
]
ROUTES = [
    Route(method, re.compile(pattern, re.IGNORECASE), name, provider, budget, answer)
    for method, pattern, name, provider, budget, answer in _TABLE
]


def find(request: Request) -> tuple[Route | None, dict[str, str]]:
    """Return the route of a request and the parts of its path."""
    for route in ROUTES:
        if route.method == request.method:
            match = route.pattern.fullmatch(request.path)
            if match:
                return route, match.groupdict()
    return None, {}
