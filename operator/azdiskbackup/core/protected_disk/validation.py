"""How far Azure's validation got, of a disk or of a restore: kept in memory only, since asking again harms nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from azdiskbackup.core.objects.operation import GONE, Failed, OperationState, Succeeded
from azdiskbackup.core.rules.intervals import OPERATION_ENDS_WITHIN, OPERATION_READABLE_WITHIN, VALIDATION_TAKES
from azdiskbackup.core.rules.lookup import FetchFailed
from azdiskbackup.errors import OperatorError


@dataclass(frozen=True, slots=True)
class NeverRun:
    """Azure has not been asked."""


@dataclass(frozen=True, slots=True)
class Running:
    """Azure is validating. ``operation`` is the URL of its state; ``refused`` is how it ended last time."""

    operation: str
    since: datetime
    refused: ValidationRefused | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """Azure accepts the disk."""


@dataclass(frozen=True, slots=True)
class ValidationRefused:
    """Azure refused the disk, ``tries`` times since ``first``."""

    error: OperatorError
    at: datetime
    first: datetime
    tries: int


Validation: TypeAlias = NeverRun | Running | Passed | ValidationRefused


def next_refusal(
    before: ValidationRefused | None, error: OperatorError, now: datetime, since: datetime | None
) -> ValidationRefused:
    """Return the refusal that follows another one, or is the first of this process; ``since`` is from status."""
    if before is None:
        return ValidationRefused(error, now, since or now, 1)
    return ValidationRefused(error, now, before.first, before.tries + 1)


# Longer than role assignments take to propagate: by then somebody has to look.
PROPAGATES_WITHIN = timedelta(minutes=45)


def is_overdue(refusal: ValidationRefused) -> bool:
    """Return whether a role has been missing for longer than an assignment takes to propagate."""
    return refusal.at - refusal.first >= PROPAGATES_WITHIN


def permission_pause(refusal: ValidationRefused) -> timedelta:
    """Return how long to wait before the next validation: 1, 2, 3, 4, then 5 minutes, and 10 in the end."""
    return timedelta(minutes=10) if is_overdue(refusal) else timedelta(minutes=min(refusal.tries, 5))


# Refusals after which a role assignment is looked at again: somebody may have revoked it since.
RECHECK_ROLE_AFTER_TRIES = 5


def is_answer_due(running: Running, now: datetime) -> bool:
    """Return whether Azure may have an answer: to ask earlier is a wasted call."""
    return now >= running.since + VALIDATION_TAKES


def after_look(
    running: Running, answer: OperationState | FetchFailed, now: datetime, failing_since: datetime | None
) -> Validation:
    """Return how far a validation got, by what its operation says.

    Args:
        running: the validation.
        answer: of its operation.
        now: the time.
        failing_since: since when validations were refused before this process began, if status says so.
    """
    match answer:
        case Succeeded():
            return Passed()
        case Failed(error=error):
            return next_refusal(running.refused, error, now, failing_since)
        case FetchFailed(error) if error.code in GONE or now >= running.since + OPERATION_READABLE_WITHIN:
            # An operation that cannot be read for so long never will be: ask anew.
            return NeverRun()
        case _:
            return running if now < running.since + OPERATION_ENDS_WITHIN else NeverRun()
