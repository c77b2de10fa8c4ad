"""How rules decide: a list of rules in order, of which the first that is not satisfied decides the pass.

Each kind has its lists in ``core/<kind>/rules`` and ``core/<kind>/deletion.py``; this is the machine that they share.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.backoff import RECHECKED
from azdiskbackup.core.rules.intervals import RECHECK_INTERVAL
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched, NotFound
from azdiskbackup.errors import OperatorError

ConditionStatus = Literal["True", "False", "Unknown"]

StepT = TypeVar("StepT")
DesiredT = TypeVar("DesiredT")
ObservedT = TypeVar("ObservedT")
FactT = TypeVar("FactT")


class Progress(Enum):
    """What a person may expect of an object."""

    DONE = "nothing to do"
    RECONCILING = "in progress, or waiting"
    STALLED = "stalled until the spec or Azure is changed"


@dataclass(frozen=True, slots=True)
class Verdict(Generic[StepT]):
    """What one rule says.

    Attributes:
        satisfied: whether the next rule may speak.
        reason: constant for programs; one of ``core.rules.reasons``.
        message: whole sentences for a person.
        step: the one thing to do about it in this pass.
        requeue_at: when to look again if nothing happens before.
        recheck_every: how soon to look again at first, if no time is named; the pass puts that off the longer it lasts,
            and where all that decided is watched.
        is_error: whether a request failed without which the rule cannot decide: of that no watch tells.
        progress: what a person may expect.
        is_warning: whether a satisfied rule does not hold all the same: its condition is False, and the pass continues.
            Its step is taken once the rules after it hold.
        keeps_ready: whether Ready may be True in spite of the warning.
        hint: what to do, in words, when the step fails.
        refusal_reason: the reason when Azure refuses the step, if that was to be expected: somebody has to allow it.
    """

    satisfied: bool
    reason: str
    message: str
    step: StepT | None = None
    requeue_at: datetime | None = None
    progress: Progress = Progress.RECONCILING
    is_warning: bool = False
    keeps_ready: bool = True
    hint: str | None = None
    refusal_reason: str | None = None
    recheck_every: timedelta | None = None
    is_error: bool = False


def satisfied(reason: str, message: str) -> Verdict[StepT]:
    """Say that the rule holds."""
    return Verdict(True, reason, message, progress=Progress.DONE)


def allow_with_warning(reason: str, message: str, *, keeps_ready: bool) -> Verdict[StepT]:
    """Say that the rule does not hold, and that what was begun goes on all the same."""
    return Verdict(True, reason, message, progress=Progress.DONE, is_warning=True, keeps_ready=keeps_ready)


def correct(reason: str, message: str, step: StepT | None = None, requeue_at: datetime | None = None) -> Verdict[StepT]:
    """Say that something differs which is put back, or is about to, and which keeps nobody from working meanwhile."""
    return Verdict(True, reason, message, step, requeue_at, is_warning=True)


def housekeeping(reason: str, message: str, step: StepT | None, requeue_at: datetime | None = None) -> Verdict[StepT]:
    """Say that the rule holds, and that there is something to tidy up, or to look at later."""
    return Verdict(True, reason, message, step, requeue_at, Progress.DONE)


def act(
    step: StepT, reason: str, message: str, requeue_at: datetime | None = None, hint: str | None = None
) -> Verdict[StepT]:
    """Say what to do about it; without ``requeue_at`` the next pass follows at once."""
    return Verdict(False, reason, message, step, requeue_at, hint=hint)


def wait(
    reason: str, message: str, until: datetime | None = None, every: timedelta = RECHECK_INTERVAL
) -> Verdict[StepT]:
    """Say that time, or another object, has to do it; without ``until`` it is rechecked."""
    return Verdict(False, reason, message, None, until, recheck_every=every if until is None else None)


def stalled(reason: str, message: str) -> Verdict[StepT]:
    """Say that somebody has to do it; it is rechecked, since that may be elsewhere than in the object."""
    return Verdict(False, reason, message, progress=Progress.STALLED, recheck_every=RECHECK_INTERVAL)


def parked(reason: str, message: str) -> Verdict[StepT]:
    """Say that nothing goes on before an object is edited."""
    return Verdict(False, reason, message, progress=Progress.STALLED)


@dataclass(frozen=True, slots=True)
class Need:
    """A rule cannot decide before a fact is fetched.

    Attributes:
        fact: which; each has exactly one fetcher.
        of: what it is about, where a kind has several of them, such as the resource group.
    """

    fact: Enum
    of: tuple[Hashable, ...] = ()


class Undecided(Exception):
    """Ends a rule that cannot decide, either before a fact is fetched or because its source answered with an error."""

    def __init__(self, because: Need | OperatorError) -> None:
        super().__init__(because)
        self.because = because


def need(fact: Enum, *of: Hashable) -> Undecided:
    """Return what a rule raises that needs a fact first."""
    return Undecided(Need(fact, of))


def fetched(value: FactT | NotFetched | FetchFailed, fact: Enum, *of: Hashable) -> FactT:
    """Return a fact that a rule cannot do without.

    Raises:
        Undecided: it has yet to be fetched, or could not be.
    """
    match value:
        case NotFetched():
            raise need(fact, *of)
        case FetchFailed(error):
            raise Undecided(error)
        case _:
            return value


def looked_up(value: FactT | NotFound | NotFetched | FetchFailed, fact: Enum, *of: Hashable) -> FactT | NotFound:
    """Return a fact that may be ``NotFound``; otherwise like ``fetched``, for which mypy cannot tell the type of it."""
    return value if isinstance(value, NotFound) else fetched(value, fact, *of)


Rule = Callable[[DesiredT, ObservedT, datetime], Verdict[StepT]]
Rules: TypeAlias = Sequence[tuple[str, Callable[[Any, Any, datetime], Verdict[Any]]]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said about one condition."""

    type: str
    status: ConditionStatus
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan(Generic[StepT]):
    """What one pass does and says.

    Attributes:
        findings: one for each condition of the way, in its order.
        verdict: the verdict that decided, or the last one when all rules hold.
        condition: the condition that the deciding rule speaks about.
        blocking_warning: what keeps Ready from being True although every rule is satisfied.
    """

    findings: tuple[Finding, ...]
    verdict: Verdict[StepT]
    condition: str
    blocking_warning: Finding | None = None

    @property
    def ready(self) -> bool:
        """Return whether every rule holds."""
        return self.verdict.satisfied

    @property
    def step(self) -> StepT | None:
        """Return the one thing to do."""
        return self.verdict.step


def evaluate(
    rules: Sequence[tuple[str, Rule[DesiredT, ObservedT, StepT]]],
    desired: DesiredT,
    observed: ObservedT,
    now: datetime,
) -> Plan[StepT] | Need:
    """Ask the rules in order; those before the first that is not satisfied report True, those after it Unknown.

    Args:
        rules: pairs of condition type and rule; rules of one condition stand together.
        desired: what the object wants.
        observed: what was gathered so far.
        now: the time.

    Returns:
        What to do and to report; or the fact without which a rule cannot decide.
    """
    findings: dict[str, Finding] = {}
    verdicts: list[tuple[str, Verdict[StepT]]] = []
    for type_, rule in rules:
        if verdicts and not verdicts[-1][1].satisfied:
            unknown = f"Not checked until {verdicts[-1][0]} holds."
            findings.setdefault(type_, Finding(type_, "Unknown", reasons.NOT_YET_KNOWN, unknown))
            continue
        verdict = _ask(rule, desired, observed, now)
        if isinstance(verdict, Need):
            return verdict
        verdicts.append((type_, verdict))
        holds = verdict.satisfied and not verdict.is_warning
        if not holds or type_ not in findings or findings[type_].status == "True":
            # What an earlier rule of the same condition warned of stays reported.
            findings[type_] = Finding(type_, "True" if holds else "False", verdict.reason, verdict.message)
    condition, deciding = _deciding(verdicts)
    warned = [type_ for type_, verdict in verdicts if verdict.is_warning and not verdict.keeps_ready]
    return Plan(tuple(findings.values()), deciding, condition, findings[warned[-1]] if warned else None)


def _deciding(verdicts: Sequence[tuple[str, Verdict[StepT]]]) -> tuple[str, Verdict[StepT]]:
    """Return the verdict that decides: the last one, or a correction that nobody waits for when all rules hold."""
    pending = (each for each in verdicts if each[1].step is not None or each[1].progress is Progress.RECONCILING)
    return next(pending, verdicts[-1]) if verdicts[-1][1].satisfied else verdicts[-1]


def _ask(
    rule: Rule[DesiredT, ObservedT, StepT], desired: DesiredT, observed: ObservedT, now: datetime
) -> Verdict[StepT] | Need:
    try:
        verdict = rule(desired, observed, now)
    except Undecided as undecided:
        if isinstance(undecided.because, Need):
            return undecided.because
        error = undecided.because
        # Without a time, which would be a write of status at each look.
        told = f"{error.user_message} The operator retries {RECHECKED}."
        return Verdict(False, error.reason, told, recheck_every=RECHECK_INTERVAL, is_error=True)
    return verdict
