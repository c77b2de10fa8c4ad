"""Queries to Resource Graph: understood or refused, counted, filtered by rights, in pages."""

from __future__ import annotations

import base64
import json
from typing import Any

from azure_simulator.graph.language import QueryError, parse
from azure_simulator.graph.values import json_value
from azure_simulator.http.call import Call
from azure_simulator.http.messages import Response
from azure_simulator.model.faults import AzureFault

MOST_ROWS = 1000
_VAULTS = "Microsoft.DataProtection/backupVaults"
# By type of the rows, what a caller must be allowed to do to be shown one.
READ = {
    "microsoft.compute/disks": "Microsoft.Compute/disks/read",
    "microsoft.compute/snapshots": "Microsoft.Compute/snapshots/read",
    "microsoft.dataprotection/backupvaults": f"{_VAULTS}/read",
    "microsoft.dataprotection/backupvaults/backupinstances": f"{_VAULTS}/backupInstances/read",
    "microsoft.dataprotection/backupvaults/backupjobs": f"{_VAULTS}/backupJobs/read",
    "microsoft.dataprotection/backupvaults/backuppolicies": f"{_VAULTS}/backupPolicies/read",
}


def query(call: Call) -> Response:
    allowed, headers = call.quota.take(call.caller.client, call.azure.cloud.now)
    if not allowed:
        return _refused(429, "RateLimiting", "Client application has been throttled.", headers)
    given = call.request.json
    wanted = {str(each).lower() for each in given.get("subscriptions") or []}
    if not wanted & call.azure.cloud.subscriptions:
        return _refused(400, "NoValidSubscriptionsInQueryRequest", "There must be at least one subscription.", headers)
    try:
        asked = parse(str(given.get("query") or ""))
        found = asked.run(lambda table: _seen(call, table, wanted), call.azure.cloud.now)
    except (QueryError, KeyError) as error:
        return _refused(400, "InvalidQuery", f"Query is invalid: {error}.", headers)
    options = given.get("options") or {}
    most = min(int(options.get("$top", MOST_ROWS)), MOST_ROWS)
    skip = _skipped(options.get("$skipToken"), str(given["query"])) + int(options.get("$skip", 0))
    overlap = int(call.azure.cloud.knobs.graph_overlap) if skip else 0
    page = found[skip - overlap : skip - overlap + most]
    body: dict[str, Any] = {
        "totalRecords": len(found),
        "count": len(page),
        "data": [{name: json_value(value) for name, value in row.items()} for row in page],
        "facets": [],
        "resultTruncated": "false",
    }
    if len(found) > skip - overlap + most:
        body["$skipToken"] = _token(skip - overlap + most, str(given["query"]))
    return Response(200, body, headers)


def _seen(call: Call, table: str, wanted: set[str]) -> list[dict[str, Any]]:
    return [each for each in call.index.rows(table, wanted) if _visible(call, each)]


def actions_of(text: str) -> list[str]:
    """Return which rights a query needs to show all that it asks for."""
    return [action for type_, action in READ.items() if f"'{type_}'" in text.lower()]


def _visible(call: Call, row: dict[str, Any]) -> bool:
    """Who lacks the right to read something gets no row of it, and no error."""
    return call.caller.sees(READ[row["type"]], row["id"])


def _token(skip: int, text: str) -> str:
    return base64.b64encode(json.dumps([skip, hash_of(text)]).encode()).decode()


def _skipped(token: str | None, text: str) -> int:
    if not token:
        return 0
    try:
        skip, of = json.loads(base64.b64decode(token))
    except ValueError:
        raise AzureFault("BadRequest", "The skip token is invalid.") from None
    if of != hash_of(text):
        raise AzureFault("BadRequest", "The skip token belongs to another query.")
    return int(skip)


def hash_of(text: str) -> int:
    """Return a number that stands for a query; the same in every life of the simulator."""
    return sum(ord(character) * position for position, character in enumerate(text, start=1)) % 1_000_003


def _refused(status: int, code: str, message: str, headers: dict[str, str]) -> Response:
    """Resource Graph says what is wrong in the details of an error that says nothing."""
    outer = "RateLimiting" if status == 429 else "BadRequest"
    said = "Please provide below info when asking for support: timestamp, correlationId."
    return Response(
        status,
        {"error": {"code": outer, "message": said, "details": [{"code": code, "message": message}]}},
        headers,
    )
