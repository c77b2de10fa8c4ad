"""The token endpoint: what proves an identity against an access token that names it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote

from azure_simulator.http.messages import Response
from azure_simulator.http.rights import Caller, Callers

LASTS_SECONDS = 3599
_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Nobody must be kept out; only what was not made here is to be told apart.
_KEY = b"the simulator's own"


def token_for(client: str, audience: str | None = None, tenant: str = "") -> str:
    """Return the access token of a client: a JWT, since some clients read in it who they are."""
    now = int(time.time())
    claims: dict[str, Any] = {"appid": client, "oid": client, "sub": client, "tid": tenant, "ver": "1.0"}
    claims |= {"iat": now, "nbf": now, "exp": now + LASTS_SECONDS, "idtyp": "app"}
    if audience:
        claims["aud"] = audience
    head = f"{_encoded({'typ': 'JWT', 'alg': 'HS256'})}.{_encoded(claims)}"
    return f"{head}.{_signature(head)}"


def client_of(token: str, audience: str | None = None) -> str | None:
    """Return the client that a token was made for; None for one that is not ours, not for us, or too old."""
    claims = _claims(token)
    if claims is None:
        return None
    meant = str(claims.get("aud") or audience or "").rstrip("/")
    if audience is not None and meant != audience.rstrip("/"):
        return None
    return str(claims["appid"]) if float(claims["exp"]) > time.time() else None


@lru_cache(maxsize=1024)
def _claims(token: str) -> Mapping[str, Any] | None:
    """Return what a token says, None if it was not made here; a client shows the same one at each request."""
    head, _, signature = token.rpartition(".")
    if not head or not hmac.compare_digest(signature, _signature(head)):
        return None
    return _decoded(head.split(".")[1])


def exchange(form: str, callers: Callers, tenant: str) -> Response:
    """Answer a request for a token, of the first version of the endpoint (``resource``) or the second (``scope``)."""
    fields = {name: values[0] for name, values in parse_qs(form).items()}
    client = fields.get("client_id", "")
    caller = callers.get(client)
    if caller is None:
        return _refused("unauthorized_client", f"AADSTS700016: Application '{client}' not found.")
    if fields.get("grant_type", "client_credentials") != "client_credentials":
        return _refused("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
    objection = _objection(fields, caller)
    if objection is not None:
        return objection
    wanted = unquote(fields.get("resource") or fields.get("scope", "").split(" ")[0])
    audience = wanted.removesuffix("/.default").rstrip("/")
    body = {"token_type": "Bearer", "expires_in": LASTS_SECONDS, "ext_expires_in": LASTS_SECONDS}
    if "resource" in fields:
        body |= {"resource": fields["resource"], "expires_on": int(time.time()) + LASTS_SECONDS}
    return Response(200, body | {"access_token": token_for(client, audience or None, tenant)})


def _objection(fields: dict[str, str], caller: Caller) -> Response | None:
    if "client_secret" in fields:
        if caller.secret is not None and fields["client_secret"] == caller.secret:
            return None
        return _refused("invalid_client", "AADSTS7000215: Invalid client secret provided.")
    if fields.get("client_assertion_type") != _BEARER:
        return _refused("invalid_client", "AADSTS7000216: client_assertion is required.")
    if not _is_service_account_token(fields.get("client_assertion", "")):
        return _refused("invalid_client", "AADSTS50027: The token is not of a service account.")
    return None


def _is_service_account_token(token: str) -> bool:
    parts = token.split(".")
    if len(parts) != 3:
        return False
    try:
        claims = _decoded(parts[1])
    except ValueError:
        return False
    return str(claims.get("sub", "")).startswith("system:serviceaccount:")


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _signature(head: str) -> str:
    digest = hmac.new(_KEY, head.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _refused(code: str, description: str) -> Response:
    return Response(401, {"error": code, "error_description": description, "error_codes": []})
