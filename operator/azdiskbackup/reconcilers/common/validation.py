"""Following a validation that Azure runs: of a disk for backup, or of a restore."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.azure.gateways.operations import Failed, Operations, Succeeded
from azdiskbackup.core.protected_disk.validation import NeverRun, Passed, Running, Validation, next_refusal
from azdiskbackup.core.rules.intervals import OPERATION_ENDS_WITHIN, OPERATION_READABLE_WITHIN, VALIDATION_TAKES
from azdiskbackup.core.rules.lookup import FetchFailed
from azdiskbackup.reconcilers.common.step_runner import GONE

# Refusals of a validation after which a role assignment is looked at again: somebody may have revoked it since.
RECHECK_ROLE_AFTER_TRIES = 5


async def follow_validation(
    operations: Operations, running: Running, now: datetime, failing_since: datetime | None
) -> Validation:
    """Return how far a validation got; to ask earlier than it takes is a wasted call.

    Args:
        operations: where operations tell how far they got.
        running: the validation.
        now: the time.
        failing_since: since when validations were refused before this process began, if status says so.
    """
    if now < running.since + VALIDATION_TAKES:
        return running
    state = await capture_error(operations.check(running.operation))
    match state:
        case Succeeded():
            return Passed()
        case Failed(error=error):
            return next_refusal(running.refused, error, now, failing_since)
        case FetchFailed(error) if error.code in GONE or now >= running.since + OPERATION_READABLE_WITHIN:
            # An operation that cannot be read for so long never will be: ask anew.
            return NeverRun()
        case _:
            return running if now < running.since + OPERATION_ENDS_WITHIN else NeverRun()
