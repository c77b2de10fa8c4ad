"""Which of the SDK's credentials is taken: by the setting, and by what the environment offers."""

from __future__ import annotations

import os
from typing import Any

from azure.core.pipeline.transport import AsyncHttpTransport
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential, WorkloadIdentityCredential

from azdiskbackup.errors import AccessDenied
from azdiskbackup.settings import Settings

_FEDERATED_FILE = "AZURE_FEDERATED_TOKEN_FILE"


def log_in(settings: Settings, transport: AsyncHttpTransport[Any, Any]) -> Any:
    """Return the credential.

    Raises:
        AccessDenied: a workload identity is asked for, and the environment has none.
    """
    if settings.identity == "ManagedIdentity":
        return ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID"), transport=transport)
    if settings.identity == "Any" and not os.environ.get(_FEDERATED_FILE):
        return DefaultAzureCredential(
            authority=settings.authority,
            transport=transport,
            disable_instance_discovery=not settings.has_public_authority,
        )
    missing = [name for name in (_FEDERATED_FILE, "AZURE_CLIENT_ID", "AZURE_TENANT_ID") if not os.environ.get(name)]
    if missing:
        raise AccessDenied(
            "NoToken",
            f"{' and '.join(missing)} not set: give the chart azure.clientID and azure.tenantID, or, without "
            "the latter, enable workload identity in the cluster, whose webhook sets them",
        )
    return WorkloadIdentityCredential(
        authority=settings.authority,
        transport=transport,
        # With an authority of its own (Azure Stack, the simulator) there is nothing to discover.
        disable_instance_discovery=not settings.has_public_authority,
        retry_total=0,
    )
