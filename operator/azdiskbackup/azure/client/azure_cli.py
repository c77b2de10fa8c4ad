"""The login of the Azure CLI, for a command that brings none of the SDK's own ways to log in."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from typing import Any

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

from azdiskbackup.daemon_threads import DaemonThreads
from azdiskbackup.errors import AccessDenied, Unavailable

UNUSABLE = "AzureCliUnusable"
# It is a Python program of its own; as long as the SDK's credential of the same name waits.
_WITHIN_SECONDS = 10


class AzureCli:
    """A credential of the SDKs' protocols: `az account get-access-token`, which is documented for scripts.

    Args:
        within_seconds: how long the Azure CLI may take.
    """

    def __init__(self, within_seconds: float = _WITHIN_SECONDS) -> None:
        self._within_seconds = within_seconds

    async def get_token(self, *scopes: str, tenant_id: str | None = None, **_: Any) -> AccessToken:
        """Return a token.

        Args:
            scopes: one scope.
            tenant_id: the tenant that Azure names when it asks for a token of another one.

        Raises:
            AccessDenied: the Azure CLI is not installed, too old, or has no login.
            Unavailable: it did not answer in time.
        """
        found = await self.get_token_info(*scopes, options={"tenant_id": tenant_id} if tenant_id else None)
        return AccessToken(found.token, found.expires_on)

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return a token, and what is known of it; otherwise as ``get_token``."""
        tenant = (options or {}).get("tenant_id")
        words = ["account", "get-access-token", "--output", "json", "--scope", *scopes]
        words += ["--tenant", tenant] if tenant else []
        loop = asyncio.get_running_loop()
        return _token(await loop.run_in_executor(DaemonThreads(), self._printed, words))

    async def close(self) -> None:
        """Let go of nothing."""

    def _printed(self, words: list[str]) -> str:
        program = shutil.which("az")
        if program is None:
            raise AccessDenied(UNUSABLE, "The Azure CLI (`az`) is not installed, or not on the PATH: install it.")
        try:
            done = subprocess.run(  # noqa: S603 - what a person has on the PATH, and words of ours
                [program, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=self._within_seconds,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable("AzureCliTimeout", f"`az` did not answer within {self._within_seconds:g} s.") from None
        if done.returncode:
            raise AccessDenied("NoToken", " ".join(done.stderr.split())[:1000] or "`az` gave no token.")
        return done.stdout


def _token(printed: str) -> AccessTokenInfo:
    try:
        answer = json.loads(printed)
        return AccessTokenInfo(answer["accessToken"], int(answer["expires_on"]), token_type=answer["tokenType"])
    except (ValueError, LookupError, TypeError):
        words = "The Azure CLI (`az`) printed no token: update it, since versions before 2.54 do not say when one ends."
        raise AccessDenied(UNUSABLE, words) from None
