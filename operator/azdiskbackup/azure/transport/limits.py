"""What Azure allows: Resource Manager's published limits, and those that Azure Backup showed in recorded answers.

All are first guesses: what the answers themselves say counts (``learned_limit``). In January 2026 Azure Backup began to
count down from 1,100 for reads and 800 for the rest, whatever the type.

Sources: the documentation of Resource Manager's throttling (token buckets for each subscription and principal), of
Resource Graph (15 queries in 5 seconds), and the ``x-ms-ratelimit-remaining-subscription-resource-requests`` of first
answers of Azure Backup. How long its window is nobody says: five minutes is a guess on the safe side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest

WINDOW = timedelta(minutes=5)
GRAPH_WINDOW = timedelta(seconds=5)
# So many requests that could be sent and are not are more than who comes late to his turn.
SPARE = 2

# Resource Manager: how many at once, and how many more a second.
_MANAGER = {"read": (250, 25.0), "write": (200, 10.0), "delete": (200, 10.0)}
_VAULT = "microsoft.dataprotection/backupvaults"
_PLACE = "microsoft.dataprotection/locations"
# Azure Backup: how many in a window.
_BACKUP = {
    (f"{_VAULT}/backupinstances", "read"): 2000,
    (f"{_VAULT}/backupinstances", "write"): 200,
    (f"{_VAULT}/backupinstances", "delete"): 200,
    (f"{_VAULT}/backupinstances/recoverypoints", "read"): 100,
    (f"{_VAULT}/deletedbackupinstances", "read"): 2000,
    (f"{_VAULT}/deletedbackupinstances/undelete", "write"): 2000,
    (f"{_VAULT}/operationstatus", "read"): 1000,
    (f"{_PLACE}/operationstatus", "read"): 15000,
    (f"{_PLACE}/operationresults", "read"): 200,
    (f"{_VAULT}/backupjobs", "read"): 200,
    (f"{_VAULT}/backuppolicies", "read"): 200,
    (f"{_VAULT}/backuppolicies", "write"): 200,
    (f"{_VAULT}/backuppolicies", "delete"): 50,
    (_VAULT, "read"): 500,
    (_VAULT, "write"): 100,
    (_VAULT, "delete"): 100,
}
_GRAPH = ("microsoft.resourcegraph/resources", "write")
# The code of a 429 that throttles nothing: it is about one vault alone, whose identity is being changed.
NOT_THROTTLED = "FailedIdentityOperation"
_REMAINING = "x-ms-ratelimit-remaining-subscription-"

_PATH = re.compile(r"^(?:/subscriptions/(?P<subscription>[^/]+))?(?P<rest>.*)$", re.IGNORECASE)

# Subscription, type of what is asked for (empty for all), and how: read, write or delete.
RequestClass: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Limit:
    """Our share of one limit.

    Attributes:
        name: what is limited.
        header: where Azure says how much is left of the whole.
        most: how many requests Azure allows at once.
        burst: how many of them are ours.
        per_second: how many more are ours with each second.
        window: in which time Azure counts; None where its count goes up again with each second.
    """

    name: str
    header: str
    most: int
    burst: float
    per_second: float
    window: timedelta | None = None

    @property
    def in_the_long_run(self) -> float:
        """How many more are ours with each second where what may come at once was sent long ago.

        A window then sees what was in hand at its beginning, less than ``SPARE``, and what came in since: never more
        than our share.
        """
        assert self.window is not None, "where there is none, all that comes in is ours from the beginning"
        return self.per_second + max(0.0, self.burst - SPARE) / self.window.total_seconds()

    def of(self, most: int) -> Limit:
        """Return our share if Azure allows as many as this.

        Requests that keep coming in stay as they are documented, where there is no window. One request a window is
        always ours: without an answer nothing more would ever be learned.
        """
        ratio = most / self.most
        per_second = self.per_second * (ratio if self.window else min(1.0, ratio))
        slowest = 1 / (self.window or WINDOW).total_seconds()
        return replace(self, most=most, burst=max(1.0, self.burst * ratio), per_second=max(per_second, slowest))


def target_of(request: PipelineRequest[Any]) -> tuple[str, str]:
    """Return method and path of a request."""
    return str(request.http_request.method), urlsplit(str(request.http_request.url)).path


def key_of(method: str, path: str) -> RequestClass:
    """Return what a request is counted as: subscription, type of resource, and read, write or delete."""
    match = _PATH.match(path)
    assert match is not None, "the pattern matches everything"
    how = {"GET": "read", "DELETE": "delete"}.get(method, "write")
    _, found, provided = match["rest"].lower().rpartition("/providers/")
    parts = provided.split("/") if found else ["resourcegroups"]
    kind = "/".join([parts[0], *parts[1::2]])
    return (match["subscription"] or "").lower(), kind, how


def limits_of(kind: str, how: str, share: float) -> Iterator[Limit]:
    """Yield our shares of the limits that a request counts against."""
    if (kind, how) == _GRAPH:
        yield _windowed(f"queries of {kind}", "x-ms-user-quota-remaining", 15, GRAPH_WINDOW, share)
        return
    at_once, per_second = _MANAGER[how]
    yield Limit(f"{how}s", f"{_REMAINING}{how}s", at_once, at_once * share, per_second * share)
    most = _BACKUP.get((kind, how))
    if most is not None:
        yield _windowed(f"{how}s of {kind}", f"{_REMAINING}resource-requests", most, WINDOW, share)


def _windowed(name: str, header: str, most: int, window: timedelta, share: float) -> Limit:
    """Return our share of a limit for a window: some at once and the rest evenly, so that no window ever sees more."""
    ours = most * share
    # What may come at once is missing later: with thousands of disks what counts is how many in the long run.
    at_once = 0.5 if window == GRAPH_WINDOW else 0.1
    return Limit(name, header, most, max(1.0, ours * at_once), (1 - at_once) * ours / window.total_seconds(), window)


def remaining(headers: Mapping[str, str], limit: Limit) -> int | None:
    """Return how much of a limit is left, as Azure says."""
    text = headers.get(limit.header, "")
    return int(text[:9]) if text.isascii() and text.isdecimal() else None
