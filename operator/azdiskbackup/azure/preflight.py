"""What has to hold before it is of any use to start: a token can be had, and the subscription can be seen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from azdiskbackup.azure.connection import AzureConnection
from azdiskbackup.azure.credential import UNREACHABLE
from azdiskbackup.errors import CannotStart, Exit, OperatorError, Retryable, Unavailable
from azdiskbackup.settings import Settings

_SUBSCRIPTIONS = "2022-12-01"
# A name server that was just asked for the first time, a node whose network comes up.
_TRIES, _PAUSE_SECONDS = 4, 2.0


async def check(settings: Settings) -> str:
    """Ask Azure who we are and look at the subscription; return a sentence that says how it went.

    Raises:
        CannotStart: no token, or no subscription; the sentence says why.
    """
    try:
        async with AzureConnection(settings, lambda: datetime.now(UTC)) as connection:
            await _token(connection, settings)
            return await _subscription(connection, settings)
    except OperatorError as error:
        raise CannotStart(Exit.AZURE, error.sentence) from error


async def _token(connection: AzureConnection, settings: Settings) -> None:
    for left in reversed(range(_TRIES)):
        try:
            await connection.credential.get_token(settings.arm_scope)
            return
        except Unavailable as error:
            if error.code != UNREACHABLE:
                # The authority is there, and ill for a while.
                return
            if not left:
                raise
            # Real time, on purpose: nothing else runs yet.
            await asyncio.sleep(_PAUSE_SECONDS)


async def _subscription(connection: AzureConnection, settings: Settings) -> str:
    path = f"/subscriptions/{settings.subscription_id}"
    try:
        response = await connection.send("GET", path, _SUBSCRIPTIONS)
    except Retryable as error:
        # Azure is away for a while. What is there is shown by the objects, and goes on when it is back.
        return f"Azure gives no answer for now, and is asked again: {error.sentence}"
    except OperatorError as error:
        raise CannotStart(
            Exit.AZURE, f"The identity cannot see the subscription {settings.subscription_id}: {error.sentence}"
        ) from error
    return f"Subscription {response.json().get('displayName', '?')} ({settings.subscription_id}) is seen."
