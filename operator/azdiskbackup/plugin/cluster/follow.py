"""Objects that run once, followed until they have ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons
from azdiskbackup.errors import Throttled, Unavailable
from azdiskbackup.kube.watched import WatchedResource
from azdiskbackup.plugin.cluster.client import Cluster
from azdiskbackup.plugin.output.formatting import duration
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode

LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Followed:
    """What is followed, and how a person follows it.

    Attributes:
        noun: what it is, such as ``backup``.
        deleted: what becomes of it when its object is deleted.
        again: the command that follows it.
    """

    what: WatchedResource
    noun: str
    deleted: str
    again: str


def has_ended(found: Resource) -> bool:
    """Return whether it is decided how an object that runs once ended."""
    return found.condition(reasons.SUCCEEDED).get("status") in ("True", "False")


async def follow(
    cluster: Cluster, made: Resource, followed: Followed, tell: Callable[[Resource, float], None], within: float
) -> Resource:
    """Wait for the end of an object, and tell how it goes.

    Args:
        cluster: where it is.
        made: the object.
        followed: what it is.
        tell: is told the object, and the seconds that were waited, at every look.
        within: seconds to wait.

    Raises:
        CliError: it takes too long, or somebody deleted the object.
    """
    began = time.monotonic()
    while True:
        try:
            found = await cluster.get_or_none(followed.what, made.namespace, made.name)
        except CliError as trouble:
            if not isinstance(trouble.__cause__, Unavailable | Throttled) or time.monotonic() - began > within:
                raise
            # It continues while the API server is away for a moment.
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            continue
        if found is None or found.uid != made.uid:
            raise CliError(f"{followed.what.kind} {made.namespace}/{made.name} was deleted. {followed.deleted}")
        waited = time.monotonic() - began
        tell(found, waited)
        if has_ended(found):
            return found
        if waited > within:
            reason = str(found.condition(reasons.SUCCEEDED).get("reason", ""))
            raise CliError(
                f"The {followed.noun} has not ended after {duration(waited)} ({reason}). It continues; to follow it: "
                f"{followed.again}",
                ExitCode.TIMED_OUT,
            )
        await asyncio.sleep(LOOK_EVERY_SECONDS)
