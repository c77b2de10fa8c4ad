"""What proves to Azure who we are; when no token can be had, the error says so, and not what the token was for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncSupportsTokenInfo, AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import DefaultAzureCredential, WorkloadIdentityCredential

from azdiskbackup.errors import AccessDenied, Unavailable

_FEDERATED_FILE = "AZURE_FEDERATED_TOKEN_FILE"


class Credential(AsyncTokenCredential, AsyncSupportsTokenInfo):
    """The credential of the environment, with errors of ours."""

    def __init__(self, transport: AioHttpTransport) -> None:
        # The one of the SDK that does the work.
        self.source: Any = _of_environment(transport)

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


def _of_environment(transport: AioHttpTransport) -> Any:
    if os.environ.get(_FEDERATED_FILE):
        # With an authority of its own (a sovereign cloud, the simulator) there is nothing to discover.
        return WorkloadIdentityCredential(
            transport=transport,
            disable_instance_discovery="AZURE_AUTHORITY_HOST" in os.environ,
            retry_total=0,
        )
    return DefaultAzureCredential(transport=transport)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        answered = error.response.status_code if error.response is not None else None
        status = error.status_code or answered or 401
        kind = Unavailable if status >= 500 else AccessDenied
        raise kind("NoToken", f"No token could be had: {_words(error)}") from error
    except AzureError as error:
        raise Unavailable("NoToken", f"No token could be had: {_words(error)}") from error
    except (OSError, ValueError) as error:
        # The file of the federated token is missing or empty.
        raise AccessDenied("NoToken", f"No token could be had: {error}") from error


def _words(error: AzureError) -> str:
    return " ".join(str(error.message).split())[:1000]
