"""Whom to believe about a backup instance: the inventory's snapshot, the last GET, or only a new one.

A row that is missing from a snapshot proves nothing, and one that says otherwise may be older than what is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.rules.lookup import NotFound


class Trust(Enum):
    """Whom to believe."""

    SNAPSHOT = "what the snapshot shows"
    # The index has caught up: nothing is kept any more of what it now shows by itself.
    SNAPSHOT_FROM_NOW_ON = "what the snapshot shows, and forget the last GET"
    LAST_GET = "what the last GET returned"
    NEW_GET = "only a new GET"


@dataclass(frozen=True, slots=True)
class LastGet:
    """What a GET of an instance returned, and when."""

    instance: AzureInstance | NotFound
    at: datetime


def trusted_source(
    shown: AzureInstance | None,
    snapshot_at: datetime,
    last_get: LastGet | None,
    *,
    is_listed: bool,
    is_converged: bool,
) -> Trust:
    """Return whom to believe.

    Args:
        shown: the instance as the snapshot shows it, None where it shows none.
        snapshot_at: when the snapshot was taken.
        last_get: what the last GET returned, None while there is nothing to go by.
        is_listed: whether the snapshot comes from the vault itself, and not from an index that lags.
        is_converged: whether nothing would have to be done or reported if the instance were as shown.
    """
    if last_get is not None and snapshot_at < last_get.at:
        return Trust.LAST_GET
    if shown is None:
        return Trust.NEW_GET
    if is_listed and not shown.is_changing:
        return Trust.SNAPSHOT
    if last_get is None:
        return Trust.SNAPSHOT if is_converged else Trust.NEW_GET
    if isinstance(last_get.instance, AzureInstance) and shown.looks_like(last_get.instance):
        return Trust.SNAPSHOT_FROM_NOW_ON if is_converged else Trust.LAST_GET
    return Trust.NEW_GET
