"""Taking the one step of a pass: never while Azure still works on the last one, nor too soon after it failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.azure.gateways.operations import Operations
from azdiskbackup.core.objects.operation import GONE, Failed, Succeeded
from azdiskbackup.core.rules.backoff import pause, recheck_pause, retry_interval
from azdiskbackup.core.rules.conditions import after_failure, tell
from azdiskbackup.core.rules.contest import DRIFT, Correction, given_up, note
from azdiskbackup.core.rules.intervals import OPERATION_ENDS_WITHIN, OPERATION_POLL, OPERATION_READABLE_WITHIN
from azdiskbackup.core.rules.lookup import FetchFailed
from azdiskbackup.core.rules.verdicts import Plan, Verdict
from azdiskbackup.errors import NoEffectYet, OperatorError

StepT = TypeVar("StepT")

# What a step that succeeded, but changed nothing that can be seen, is paced like.
_NO_EFFECT = NoEffectYet("NoEffect", "Azure reports success, and shows no change yet.")


@dataclass(frozen=True, slots=True)
class PendingOperation:
    """What Azure still does for us; it takes no other request for the same thing meanwhile.

    Attributes:
        url: where Azure tells how far it got.
        step: the kind of step that it does.
        look_at: before this, asking is a wasted call.
    """

    url: str
    step: type
    since: datetime
    look_at: datetime


@dataclass(slots=True)
class StepRunner:
    """One kind of step of one object, as often as it was tried in a row; forgotten when the spec changes.

    Attributes:
        step: the step as it was tried last; another one, of the same kind too, starts anew.
        last_completed: the step that Azure carried out at once; wanted again, it had no effect that can be seen yet.
        failures: tries in a row that did not lead to what was wanted.
        failing_since: when the first of them was.
        error: how the last try failed; None when Azure took it.
        told: what was said of the last failure. It stays said while Azure is at the next try, which is no news yet.
        operation: what Azure still does for the last try, as far as we know. A restart forgets it, which costs one
            request that Azure refuses.
        corrections: what was put back of late; kept when the step changes, since that shows another writer.
    """

    step: object = None
    generation: int = 0
    last_completed: object = None
    failures: int = 0
    failing_since: datetime | None = None
    error: OperatorError | None = None
    told: Verdict[Any] | None = None
    not_before: datetime | None = None
    operation: PendingOperation | None = None
    corrections: tuple[Correction, ...] = ()

    async def run(
        self,
        plan: Plan[StepT],
        act: Callable[[StepT], Awaitable[str | None]],
        operations: Operations,
        *,
        generation: int,
        now: datetime,
        jitter: float,
    ) -> Plan[StepT]:
        """Take the step of a plan; return the plan as it looks afterwards.

        Args:
            plan: what the rules want.
            act: sends the step to Azure and returns the URL of the operation that it started, None if it is done.
            operations: where operations tell how far they got.
            generation: of the object's spec.
            now: the time.
            jitter: uniformly random from 0 to 1.
        """
        step = plan.step
        if step is None:
            if plan.ready:
                self._start(None, 0)
                self.operation = None
            return plan
        self._switch_to(step, generation, now, jitter)
        if self.operation is not None:
            self.operation = await self._follow(self.operation, operations, now, jitter)
        held_back = self._held_back(plan, now)
        if held_back is not None:
            return held_back
        try:
            url = await act(step)
        except OperatorError as error:
            self.error = error
            self._pause_after(error, now, jitter)
            return self._failed_plan(plan, error, now)
        self.error, self.not_before = None, None
        if plan.verdict.reason in DRIFT:
            self.corrections = note(self.corrections, step, now)
        if url is None:
            self.last_completed, self.told = step, None
            return plan
        self.operation = PendingOperation(url, type(step), now, plan.verdict.requeue_at or now + OPERATION_POLL)
        return self._as_told(plan)

    def _held_back(self, plan: Plan[StepT], now: datetime) -> Plan[StepT] | None:
        """Return the plan as it looks while its step may not be taken; None if it may."""
        if self.operation is not None:
            return self._as_told(_waiting(plan, self.operation.look_at))
        if self.not_before is not None and now < self.not_before:
            return self._failed_plan(plan, self.error, now) if self.error else _waiting(plan, self.not_before)
        return given_up(plan, self.corrections, now)

    def _failed_plan(self, plan: Plan[StepT], error: OperatorError, now: datetime) -> Plan[StepT]:
        assert self.not_before is not None and self.failing_since is not None, "a failure has its pause"
        is_overdue = error.heals_within is not None and now - self.failing_since >= error.heals_within
        interval = retry_interval(error, self.failures)
        failed = after_failure(plan, error, self.not_before, interval, is_overdue=is_overdue)
        self.told = failed.verdict
        return failed

    def _as_told(self, plan: Plan[StepT]) -> Plan[StepT]:
        if self.told is None or plan.ready:
            return plan
        return tell(plan, replace(self.told, step=plan.step, requeue_at=plan.verdict.requeue_at))

    def _switch_to(self, step: object, generation: int, now: datetime, jitter: float) -> None:
        if (self.step, self.generation) != (step, generation):
            self._start(step, generation)
        elif self.last_completed is not None:
            # Wanted again at once: to send it once more is a write for nothing while reads lag behind.
            self.last_completed = None
            self._pause_after(_NO_EFFECT, now, jitter)

    def _start(self, step: object, generation: int) -> None:
        self.step, self.generation, self.last_completed = step, generation, None
        self.failures, self.failing_since, self.error, self.told, self.not_before = 0, None, None, None, None

    async def _follow(
        self, running: PendingOperation, operations: Operations, now: datetime, jitter: float
    ) -> PendingOperation | None:
        """Return the operation if Azure is still at it, as far as can be known."""
        if now < running.look_at:
            return running
        state = await capture_error(operations.check(running.url))
        match state:
            case Failed() | Succeeded():
                if running.step is type(self.step):
                    self.error = state.error if isinstance(state, Failed) else None
                    self.told = self.told if self.error else None
                    # After success: seen before it was over, or not to be seen yet; one more look before the next try.
                    self._pause_after(self.error or _NO_EFFECT, now, jitter)
                return None
            case FetchFailed(error) if error.code in GONE or now >= running.since + OPERATION_READABLE_WITHIN:
                return None
            case _ if now >= running.since + OPERATION_ENDS_WITHIN:
                return None
            case _:
                return replace(running, look_at=now + recheck_pause(OPERATION_POLL, now - running.since))

    def _pause_after(self, error: OperatorError, now: datetime, jitter: float) -> None:
        self.failures += 1
        self.failing_since = self.failing_since or now
        self.not_before = now + pause(error, self.failures, jitter, now - self.failing_since)

    @property
    def failed(self) -> bool:
        """Return whether the last try failed."""
        return self.error is not None


def _waiting(plan: Plan[StepT], until: datetime) -> Plan[StepT]:
    return replace(plan, verdict=replace(plan.verdict, step=None, requeue_at=until))
