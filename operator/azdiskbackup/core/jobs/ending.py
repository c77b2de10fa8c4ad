"""What happens to an object whose job has ended: nothing, and after a while it goes, where that was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from azdiskbackup.core.jobs.recorded import Recorded
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.intervals import RECHECK_INTERVAL
from azdiskbackup.core.rules.verdicts import Finding, Verdict, act, housekeeping, satisfied

_LONGEST_TTL = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Delete the finished object, whose time to live is over."""


class _Spec(Protocol):
    @property
    def ttl_seconds_after_finished(self) -> int | None: ...


class _Desired(Protocol):
    @property
    def deleting(self) -> bool: ...

    @property
    def spec(self) -> _Spec: ...


class _Observed(Protocol):
    @property
    def recorded(self) -> Recorded: ...


def undecided(finding: Finding) -> Finding:
    """Succeeded is Unknown until the end, since False would be final; Ready mirrors it."""
    mirrors = finding.type in (reasons.SUCCEEDED, reasons.READY)
    return replace(finding, status="Unknown") if mirrors and finding.status == "False" else finding


def time_to_live(desired: _Desired, observed: _Observed, now: datetime) -> Verdict[Any]:
    """A finished object is deleted after a while, where that was asked for; nothing else ever happens to it."""
    ttl, over = desired.spec.ttl_seconds_after_finished, observed.recorded.over
    if over is None:
        return satisfied(reasons.IN_PROGRESS, "The object is deleted before its job has ended.")
    if ttl is None or desired.deleting:
        return satisfied(over.reason, over.message)
    left = timedelta(seconds=ttl) - (now - over.completed)
    if left <= timedelta():
        # Once: the watch tells when it is gone.
        return act(DeleteObject(), over.reason, over.message, now + RECHECK_INTERVAL)
    # Who wrote another time of completion than we do may have written the end of all calendars.
    return housekeeping(over.reason, over.message, None, now + min(left, _LONGEST_TTL))


FINISHED_RULES = ((reasons.SUCCEEDED, time_to_live),)
