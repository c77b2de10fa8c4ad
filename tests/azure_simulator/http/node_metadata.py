"""The metadata service of a node (IMDS): tokens for the managed identities that were assigned to it."""

from __future__ import annotations

import time

from azure_simulator.http.messages import Request, Response
from azure_simulator.http.rights import Callers
from azure_simulator.http.tokens import LASTS_SECONDS, token_for

PATH = "/metadata/identity/oauth2/token"


def exchange(request: Request, callers: Callers, tenant: str) -> Response:
    """Answer a request for a token of a user-assigned identity; its numbers are texts, unlike the authority's."""
    if request.headers.get("metadata", "").lower() != "true":
        return _refused("Required metadata header not specified")
    if request.query.get("api-version") != "2018-02-01" or "resource" not in request.query:
        return _refused("Required query variable not specified")
    client = request.query.get("client_id", "")
    caller = callers.get(client)
    if caller is None or not caller.on_node:
        return _refused("Identity not found")
    resource = request.query["resource"]
    now = int(time.time())
    body = {
        "access_token": token_for(client, resource.rstrip("/"), tenant),
        "client_id": client,
        "expires_in": str(LASTS_SECONDS),
        "expires_on": str(now + LASTS_SECONDS),
        "ext_expires_in": str(LASTS_SECONDS),
        "not_before": str(now),
        "resource": resource,
        "token_type": "Bearer",
    }
    return Response(200, body)


def _refused(description: str) -> Response:
    return Response(400, {"error": "invalid_request", "error_description": description})
