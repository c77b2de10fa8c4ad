"""What anybody may read: the endpoints of this cloud, and where its identities get their tokens."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from azure_simulator.http.messages import Request, Response

_OPENID = re.compile(r"/(?P<tenant>[^/]+)/(?:v2\.0/)?\.well-known/openid-configuration", re.IGNORECASE)


def public(request: Request, base: str, tenant: str) -> Response | None:
    """Answer a request that needs no token; None if it is none of these."""
    path = request.path.lower()
    if request.method != "GET":
        return None
    if path == "/metadata/endpoints":
        return _endpoints(request, base)
    if path.endswith("/discovery/instance"):
        return Response(200, _instance(base, tenant))
    match = _OPENID.fullmatch(request.path)
    return Response(200, _openid(base, match["tenant"], "v2.0" in path)) if match else None


def _endpoints(request: Request, base: str) -> Response:
    environment: dict[str, Any] = {
        "name": "AzureCloud",
        "portal": base,
        "authentication": {
            "loginEndpoint": f"{base}/",
            "audiences": [base, f"{base}/"],
            # Anything but "common" is the mark of an Azure Stack, which some clients refuse.
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": f"{base}/",
        "graph": f"{base}/graph/",
        "graphAudience": f"{base}/graph/",
        "microsoftGraphResourceId": f"{base}/graph/",
        "gallery": f"{base}/",
        "media": base,
        "batch": base,
        "sqlManagement": f"{base}/",
        "activeDirectoryDataLake": f"{base}/",
        "vmImageAliasDoc": f"{base}/aliases.json",
        "suffixes": {
            "storage": "storage.invalid",
            "keyVaultDns": "vault.invalid",
            "acrLoginServer": "acr.invalid",
            "sqlServerHostname": "sql.invalid",
            "mysqlServerEndpoint": "mysql.invalid",
            "postgresqlServerEndpoint": "postgresql.invalid",
            "mariadbServerEndpoint": "mariadb.invalid",
        },
    }
    version = request.query.get("api-version", "")
    if version >= "2022":
        return Response(200, environment)
    if version < "2018":
        # The first version said less, and some of it under other names.
        old = {"galleryEndpoint": base, "graphEndpoint": f"{base}/graph/", "portalEndpoint": base}
        return Response(200, {**old, "authentication": environment["authentication"]})
    return Response(200, None, {}, [environment])


def _instance(base: str, tenant: str) -> dict[str, Any]:
    host = urlsplit(base).netloc
    return {
        "tenant_discovery_endpoint": f"{base}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }


def _openid(base: str, tenant: str, second: bool) -> dict[str, Any]:
    here = f"{base}/{tenant}"
    version = "/v2.0" if second else ""
    return {
        "issuer": f"{here}{version}",
        "authorization_endpoint": f"{here}/oauth2{version}/authorize",
        "token_endpoint": f"{here}/oauth2{version}/token",
        "device_authorization_endpoint": f"{here}/oauth2{version}/devicecode",
        "jwks_uri": f"{here}/discovery{version}/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code", "token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
        "tenant_region_scope": None,
        "cloud_instance_name": urlsplit(base).netloc,
    }
