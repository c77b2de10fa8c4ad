"""How far Azure's validate-for-backup got for one disk: kept in memory only, since asking again harms nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from azdiskbackup.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Never:
    """Azure was not asked."""


@dataclass(frozen=True, slots=True)
class Running:
    """Azure checks. ``operation`` is where it tells; ``refused`` is how it ended last time."""

    operation: str
    since: datetime
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """Azure accepts the disk."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Azure refused the disk, ``tries`` times since ``first``."""

    error: OperatorError
    at: datetime
    first: datetime
    tries: int


Validation: TypeAlias = Never | Running | Passed | Refused


def refused(before: Refused | None, error: OperatorError, now: datetime, since: datetime | None) -> Refused:
    """Return the refusal that follows another one, or is the first of this life; ``since`` is what status remembers."""
    if before is None:
        return Refused(error, now, since or now, 1)
    return Refused(error, now, before.first, before.tries + 1)


# Longer than rights take to spread: by then somebody has to look.
SPREAD_WITHIN = timedelta(minutes=45)


def overdue(refusal: Refused) -> bool:
    """Return whether rights have been missing for longer than they take to spread."""
    return refusal.at - refusal.first >= SPREAD_WITHIN


def permission_pause(refusal: Refused) -> timedelta:
    """Return how long to wait for rights before asking again: 1, 2, 3, 4, then 5 minutes, and 10 in the end."""
    return timedelta(minutes=10) if overdue(refusal) else timedelta(minutes=min(refusal.tries, 5))
