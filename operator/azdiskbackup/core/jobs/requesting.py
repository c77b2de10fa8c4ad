"""What is said of a request until its job is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from azdiskbackup.core.formatting import span
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.backoff import pauses_at_most
from azdiskbackup.core.rules.intervals import JOB_APPEARS_WITHIN
from azdiskbackup.core.rules.verdicts import Progress, Verdict, wait
from azdiskbackup.errors import OperatorError, Throttled, Unavailable


def requesting(what: str, error: OperatorError | None, requeue_at: datetime) -> Verdict[Any]:
    """Return what is told until the job is known: the last error, in the same words at each try: it is no news.

    Args:
        what: is requested: a backup, a restore.
        error: how the last request failed; None while none did.
        requeue_at: when to look again.
    """
    if error is None:
        return wait(reasons.STARTING, f"Requesting the {what} from Azure.", requeue_at)
    # After an answer that was lost, the job is looked for first.
    longest = pauses_at_most(error) + (JOB_APPEARS_WITHIN if isinstance(error, Unavailable) else timedelta())
    tries = "when Azure allows it" if isinstance(error, Throttled) else f"at least every {span(longest)}"
    verdict: Verdict[Any] = wait(error.reason, f"{error.user_message} The operator retries {tries}.", requeue_at)
    return verdict if error.is_transient else replace(verdict, progress=Progress.STALLED)
