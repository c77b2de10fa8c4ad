"""What proves to Azure who we are; when no token can be had, the error says so, and not what the token was for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncSupportsTokenInfo, AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential, WorkloadIdentityCredential

from azdiskbackup.errors import AccessDenied, Unavailable
from azdiskbackup.settings import Settings

# The authority gave no answer at all: a wrong address, a name nobody knows, a network without a way out.
UNREACHABLE = "AuthorityUnreachable"
_FEDERATED_FILE = "AZURE_FEDERATED_TOKEN_FILE"


class Credential(AsyncTokenCredential, AsyncSupportsTokenInfo):
    """The credential of the environment, with errors of ours."""

    def __init__(self, settings: Settings, transport: AsyncHttpTransport[Any, Any]) -> None:
        # The one of the SDK that does the work.
        self.source: Any = _of(settings, transport)

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token."""
        with _translated():
            token: AccessToken = await self.source.get_token(*scopes, **options)
        return token

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return a token and what is known of it."""
        with _translated():
            token: AccessTokenInfo = await self.source.get_token_info(*scopes, options=options)
        return token

    async def close(self) -> None:
        """Let go of what the credential holds."""
        await self.source.close()

    async def __aexit__(self, *_: object) -> None:
        """Let go of what the credential holds."""
        await self.close()


def _of(settings: Settings, transport: AsyncHttpTransport[Any, Any]) -> Any:
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


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        answered = error.response.status_code if error.response is not None else None
        status = error.status_code or answered or 401
        # A time-out of the authority, or too many requests, heals by itself.
        kind = Unavailable if status >= 500 or status in (408, 429) else AccessDenied
        raise kind("NoToken", f"Cannot get a token: {_words(error)}") from error
    except AzureError as error:
        raise Unavailable(UNREACHABLE, f"Cannot get a token: {_words(error)}") from error
    except (OSError, ValueError) as error:
        # The file of the federated token is missing or empty.
        raise AccessDenied("NoToken", f"Cannot get a token: {error}") from error


def _words(error: AzureError) -> str:
    return " ".join(str(error.message).split())[:1000]
