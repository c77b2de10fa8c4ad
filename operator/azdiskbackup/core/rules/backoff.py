"""How long to wait after failures in a row; jitter comes in as an argument."""

from __future__ import annotations

from datetime import timedelta

from azdiskbackup.core.formatting import span
from azdiskbackup.core.rules.intervals import RECHECK_INTERVAL, SLOW_RECHECK_INTERVAL
from azdiskbackup.errors import (
    Blocked,
    Conflict,
    IdentityNotFound,
    NoEffectYet,
    OperatorError,
    Retryable,
    ServiceFloodGuard,
    Terminal,
    Throttled,
)

FAST_INITIAL = timedelta(seconds=1)
FAST_MAX = timedelta(minutes=5)
BUSY_INITIAL = timedelta(seconds=20)
SLOW_INITIAL = timedelta(seconds=30)
SLOW_MAX = timedelta(minutes=10)
TERMINAL_RECHECK = timedelta(hours=1)
FLOOD_INITIAL = timedelta(hours=1)
FLOOD_MAX = timedelta(hours=4)

# How often what is held up is looked at again, for messages.
RECHECKED = f"at intervals of {span(RECHECK_INTERVAL)} to {span(SLOW_RECHECK_INTERVAL)}"
# How often what somebody has to heal is tried again, likewise.
RETRIED_SLOWLY = f"at intervals of {span(SLOW_MAX)} to {span(SLOW_RECHECK_INTERVAL)}"


def pause(error: BaseException, failures: int, jitter: float, lasted: timedelta = timedelta()) -> timedelta:
    """Return how long to wait before the next try.

    Args:
        error: what went wrong this time; its class says how fast it may heal.
        failures: failures in a row, this one included; at least 1.
        jitter: uniformly random from 0 to 1; spreads the tries of many objects.
        lasted: for how long it has failed, where that is known: what nobody heals is tried ever more rarely.
    """
    if isinstance(error, Throttled) and error.retry_after is not None:
        return error.retry_after * (1 + jitter / 10)
    first, most = _range(error)
    full = min(most, first * float(2 ** min(failures - 1, 16)))
    if most == SLOW_MAX:
        full = recheck_pause(full, lasted)
    spread = full if first == most else full / 2 + full / 2 * jitter
    return max(spread, _asked(error) * (1 + jitter / 10))


def retry_interval(error: BaseException, failures: int) -> str | None:
    """Return in words how often it is tried once the same words fit every try; None before, or by Azure's word.

    From then on none of the tries is worth a write of status.
    """
    if isinstance(error, Throttled) and error.retry_after is not None:
        return None
    first, most = _range(error)
    if not first * float(2 ** min(failures - 1, 16)) >= most >= _asked(error):
        return None
    return RETRIED_SLOWLY if most == SLOW_MAX else f"every {span(most)}"


def recheck_pause(every: timedelta, lasted: timedelta) -> timedelta:
    """Return how long until what waits for Azure, or for somebody, is looked at again: a twelfth of how long it lasted.

    Args:
        every: the shortest pause, which is that of the first eleven or so.
        lasted: for how long the same has held it up.
    """
    return max(every, min(lasted / 12, SLOW_RECHECK_INTERVAL))


def _asked(error: BaseException) -> timedelta:
    """Return how long the service asks to wait at least: of any answer, not of a throttled one alone.

    So Resource Manager wants its clients to read `Retry-After` (azure-resource-manager-rpc, Addendum).
    """
    return (error.retry_after if isinstance(error, Retryable) else None) or timedelta()


def pauses_at_most(error: BaseException) -> timedelta:
    """Return the longest pause between two tries, which is reached after a while."""
    most = _range(error)[1]
    return SLOW_RECHECK_INTERVAL if most == SLOW_MAX else most


def _range(error: BaseException) -> tuple[timedelta, timedelta]:
    """Return the first pause and the longest one; each is twice the one before."""
    if isinstance(error, Terminal):
        # Parked until somebody edits; a rare look all the same, since Azure may have been edited.
        return TERMINAL_RECHECK, TERMINAL_RECHECK
    if isinstance(error, Conflict):
        # What is in the way takes its time; asking each second does not make it shorter.
        return BUSY_INITIAL, FAST_MAX
    if isinstance(error, ServiceFloodGuard):
        return FLOOD_INITIAL, FLOOD_MAX
    if isinstance(error, NoEffectYet | Blocked):
        return SLOW_INITIAL, TERMINAL_RECHECK
    if isinstance(error, IdentityNotFound):
        return FAST_INITIAL, TERMINAL_RECHECK
    if isinstance(error, OperatorError) and not isinstance(error, Retryable):
        return SLOW_INITIAL, SLOW_MAX
    return FAST_INITIAL, FAST_MAX
