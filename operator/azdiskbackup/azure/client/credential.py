"""What proves to Azure who we are; when no token can be had, the error says so, and not what the token was for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncSupportsTokenInfo, AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import AsyncHttpTransport

from azdiskbackup.errors import AccessDenied, Unavailable
from azdiskbackup.settings import Settings

# The authority gave no answer at all: a wrong address, a name nobody knows, a network without a way out.
UNREACHABLE = "AuthorityUnreachable"
# Returns the credential of an SDK, by the settings and what carries its requests.
Login: TypeAlias = Callable[[Settings, AsyncHttpTransport[Any, Any]], Any]


class Credential(AsyncTokenCredential, AsyncSupportsTokenInfo):
    """A credential with errors of ours.

    Args:
        source: the one that does the work.
    """

    def __init__(self, source: Any) -> None:
        self.source = source

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
