"""The token endpoint: a federated token of Kubernetes against an access token that names the client."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

from azure_simulator.http.messages import Response
from azure_simulator.http.rights import Callers

_PREFIX = "simulated."
_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def token_for(client: str) -> str:
    """Return the access token of a client."""
    return _PREFIX + base64.urlsafe_b64encode(client.encode()).decode()


def client_of(token: str) -> str | None:
    """Return the client that a token was made for."""
    if not token.startswith(_PREFIX):
        return None
    return base64.urlsafe_b64decode(token.removeprefix(_PREFIX)).decode(errors="replace")


def exchange(form: str, callers: Callers) -> Response:
    """Answer a request for a token."""
    fields = {name: values[0] for name, values in parse_qs(form).items()}
    client = fields.get("client_id", "")
    caller = callers.get(client)
    if caller is None:
        return _refused("unauthorized_client", f"AADSTS700016: Application '{client}' not found.")
    if fields.get("client_assertion_type") != _BEARER:
        return _refused("invalid_client", "AADSTS7000216: client_assertion is required.")
    if not _is_service_account_token(fields.get("client_assertion", "")):
        return _refused("invalid_client", "AADSTS50027: The token is not of a service account.")
    return Response(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token_for(client)})


def _is_service_account_token(token: str) -> bool:
    parts = token.split(".")
    if len(parts) != 3:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return False
    return str(claims.get("sub", "")).startswith("system:serviceaccount:")


def _refused(code: str, description: str) -> Response:
    return Response(401, {"error": code, "error_description": description})
