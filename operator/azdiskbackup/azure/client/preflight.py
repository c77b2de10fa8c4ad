"""What has to hold before it is of any use to start: a token can be had, and the subscription can be seen."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.client.credential import UNREACHABLE
from azdiskbackup.azure.client.identity import log_in
from azdiskbackup.azure.transport.https_network import HttpsNetwork
from azdiskbackup.errors import AccessDenied, CannotStart, Exit, InvalidRequest, OperatorError, Retryable, Unavailable
from azdiskbackup.settings import Settings

_SUBSCRIPTIONS = "2022-12-01"
# A name server that was just asked for the first time, a node whose network comes up.
_TRIES, _PAUSE_SECONDS = 4, 2.0
# The Job that runs before an installation has two minutes to say what is wrong.
_TOKEN_WITHIN_SECONDS = 75.0
# "No matching federated identity record found": a new credential takes minutes until the authority knows it.
_NOT_FEDERATED_YET = re.compile(r"AADSTS7002(1|11|12|13)\b")
_LOOK_EVERY_SECONDS = 5.0

_log = structlog.get_logger("azdiskbackup")


async def check(settings: Settings, wait_seconds: float = 0, monotonic: Callable[[], float] = time.monotonic) -> str:
    """Ask Azure who we are and look at the subscription; return a sentence that says how it went.

    Args:
        settings: those of the process.
        wait_seconds: for how long to look again while a right is missing that may have been given a moment ago.
        monotonic: real time in seconds: nothing else runs yet.

    Raises:
        CannotStart: no token, or no subscription; the sentence says why.
    """
    until = monotonic() + wait_seconds
    while True:
        try:
            asked = AzureConnection(settings, lambda: datetime.now(UTC), HttpsNetwork(settings), log_in)
            async with asked as connection:
                await _token_in_time(connection, settings)
                return await _subscription(connection, settings)
        except OperatorError as error:
            left = until - monotonic()
            if left <= 0 or not _may_be_on_its_way(error):
                raise CannotStart(Exit.AZURE, _sentence(error, settings)) from error
            _log.info("waiting for role assignments", seconds_left=round(left), why=_sentence(error, settings))
        await asyncio.sleep(min(_LOOK_EVERY_SECONDS, left))


def _may_be_on_its_way(error: OperatorError) -> bool:
    """Return whether a right is missing that Azure may only not know of yet."""
    if not isinstance(error, AccessDenied):
        return False
    return error.code != "NoToken" or bool(_NOT_FEDERATED_YET.search(error.message))


def _sentence(error: OperatorError, settings: Settings) -> str:
    if error.code in ("NoToken", UNREACHABLE):
        return error.user_message
    return f"The identity cannot read the subscription {settings.subscription_id}: {error.user_message}"


async def _token_in_time(connection: AzureConnection, settings: Settings) -> None:
    # As a whole: the SDK's own time-out begins anew with each address of a host, and with each of its tries.
    try:
        async with asyncio.timeout(_TOKEN_WITHIN_SECONDS):
            await _token(connection, settings)
    except TimeoutError as error:
        told = f"Cannot get a token: no response within {_TOKEN_WITHIN_SECONDS:.0f} s"
        raise Unavailable(UNREACHABLE, told) from error


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
            await asyncio.sleep(_PAUSE_SECONDS)


async def _subscription(connection: AzureConnection, settings: Settings) -> str:
    path = f"/subscriptions/{settings.subscription_id}"
    try:
        response = await connection.send("GET", path, _SUBSCRIPTIONS)
    except Retryable as error:
        # Azure is away for a while. What is there is shown by the objects, and goes on when it is back.
        return f"Azure does not respond; the operator retries: {error.user_message}"
    try:
        name = response.json()["displayName"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest("NotResourceManager", f"{settings.arm_endpoint} does not answer as Azure does") from error
    return f"Subscription {name} ({settings.subscription_id}) is readable."
