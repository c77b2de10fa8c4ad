"""When another writer undoes what the operator puts back: it is put back ever more rarely, and reported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from azdiskbackup.core.formatting import clock_time
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.conditions import with_message
from azdiskbackup.core.rules.verdicts import Plan, Progress, StepT

# So often the same correction is nobody's habit yet.
_UNCONTESTED = 3
_FIRST_PAUSE = timedelta(hours=1)
_LONGEST_PAUSE = timedelta(days=1)
_FORGOTTEN_AFTER = timedelta(days=2)
_MOST = 4
DRIFT = (reasons.DRIFT_DETECTED, reasons.DRIFT_CORRECTED, reasons.ADOPTING)


@dataclass(frozen=True, slots=True)
class Correction:
    """One step by which something was put back, and how often it was."""

    step: object
    count: int
    since: datetime
    last: datetime

    @property
    def next(self) -> datetime:
        """Return when it may be taken again."""
        if self.count < _UNCONTESTED:
            return self.last
        return self.last + min(_LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(self.count - _UNCONTESTED, 16)))


def note(corrections: tuple[Correction, ...], step: object, now: datetime) -> tuple[Correction, ...]:
    """Return the corrections with one more; those that lasted are forgotten."""
    kept = tuple(each for each in corrections if now - each.last < _FORGOTTEN_AFTER)
    known = next((each for each in kept if each.step == step), Correction(step, 0, now, now))
    others = tuple(each for each in kept if each.step != step)
    return (*others[1 - _MOST :], replace(known, count=known.count + 1, last=now))


def given_up(plan: Plan[StepT], corrections: tuple[Correction, ...], now: datetime) -> Plan[StepT] | None:
    """Return the plan without its step while another writer undoes it again and again; None if it may be taken."""
    # The same step may be what a person asks for here by an edit of the spec: that is no correction, and not held back.
    mine = (each for each in corrections if each.step == plan.step and plan.verdict.reason in DRIFT)
    known = next(mine, None)
    if known is None or now >= known.next:
        return None
    progress = Progress.DONE if plan.ready else Progress.STALLED
    verdict = replace(plan.verdict, step=None, reason=reasons.DRIFT_DETECTED, requeue_at=known.next, progress=progress)
    message = (
        f"{plan.verdict.message} Another client has undone that {known.count} times since {clock_time(known.since)}. "
        f"Next attempt at {clock_time(known.next)}; find the client in Azure's activity log (an assignment of Azure "
        "Policy can be one), and stop it or set here what it sets."
    )
    return with_message(replace(plan, verdict=verdict), message)
