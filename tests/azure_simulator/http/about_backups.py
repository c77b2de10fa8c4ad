"""Backups, their jobs and points, and long-running operations."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import unquote

from azure_simulator.http import wire, wire_backups
from azure_simulator.http.call import SIGNATURE, Call, paged
from azure_simulator.http.messages import Response
from azure_simulator.model.faults import AzureFault
from azure_simulator.model.operations import Operation


def backup(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.backups.backup(vault, call.instance, call.request.json, call.activity)
    assert operation.job_id is not None
    operation.job_id = f"{vault.id}/backupJobs/{operation.job_id}"
    return Response(202, None, call.polling(operation, vault))


def restore(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.restores.restore(vault, call.instance, call.request.json, call.activity)
    if operation.job_id is not None:
        operation.job_id = f"{vault.id}/backupJobs/{operation.job_id}"
    return Response(202, None, call.polling(operation, vault))


def validate_restore(call: Call) -> Response:
    vault = call.vault
    operation = call.azure.restores.validate(vault, call.instance, call.request.json)
    return Response(202, None, call.polling(operation, vault))


def get_job(call: Call) -> Response:
    vault = call.vault
    job = call.azure.backups.job(vault, call.parts["j"])
    return Response(200, wire_backups.job(job, vault, call.azure.cloud.now, listed=False))


def list_jobs(call: Call) -> Response:
    vault = call.vault
    now = call.azure.cloud.now
    jobs = call.azure.backups.jobs(vault)
    return paged(call, [wire_backups.job(each, vault, now, listed=True) for each in jobs])


# A start alone is what az sends for --start-time; the answer to it was not recorded.
_FILTER = re.compile(r"startDate eq '(?P<start>[^']+)'(?: and endDate eq '(?P<end>[^']+)')?")


def list_points(call: Call) -> Response:
    text = call.request.query.get("$filter", "").strip()
    start = end = None
    if text:
        match = _FILTER.fullmatch(text)
        if match is None:
            raise AzureFault("UserErrorInvalidRequestParameter", "The filter is invalid.")
        start, end = (_net_time(match[name]) if match[name] else None for name in ("start", "end"))
    vault, instance = call.vault, call.instance
    found = call.azure.backups.points(instance, start, end)
    return paged(call, [wire_backups.point(each, instance, vault, single=False) for each in found])


def _net_time(text: str) -> datetime:
    # Seven digits after the point are one too many for Python.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def get_point(call: Call) -> Response:
    instance = call.instance
    found = call.azure.backups.point(instance, call.parts["r"])
    return Response(200, wire_backups.point(found, instance, call.vault, single=True))


def _followed(call: Call) -> Operation:
    if "h" not in call.request.query:
        raise AzureFault("AuthorizationFailed", "The signature of the operation URL is missing.")
    return call.azure.cloud.operations.get(unquote(call.parts["o"]))


def operation_status(call: Call) -> Response:
    return Response(200, wire.operation(_followed(call), unquote(call.request.path)))


def operation_result(call: Call) -> Response:
    operation = _followed(call)
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
        f"/{call.parts['l']}/operationStatus/{operation.id}?api-version={call.version()}{SIGNATURE}"
    )
    return Response(200, body, {"Azure-AsyncOperation": location})
