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


def refused(before: Refused | None, error: OperatorError, now: datetime) -> Refused:
    """Return the refusal that follows another one, or is the first."""
    if before is None:
        return Refused(error, now, now, 1)
    return Refused(error, now, before.first, before.tries + 1)


def permission_pause(tries: int) -> timedelta:
    """Return how long to wait for rights to spread before asking again: 1, 2, 3, 4, then every 5 minutes."""
    return timedelta(minutes=min(tries, 5))
