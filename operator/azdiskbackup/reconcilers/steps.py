"""Taking the one step of a pass, and not taking it again too soon after it failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from azdiskbackup.core.backoff import pause
from azdiskbackup.core.conditions import after_failure
from azdiskbackup.core.verdicts import Plan
from azdiskbackup.errors import OperatorError

StepT = TypeVar("StepT")


@dataclass(slots=True)
class Attempts:
    """The failures in a row of one kind of step of one object; forgotten when the spec changes."""

    step: type | None = None
    generation: int = 0
    failures: int = 0
    error: OperatorError | None = None
    not_before: datetime | None = None

    async def take(
        self,
        plan: Plan[StepT],
        act: Callable[[StepT], Awaitable[None]],
        *,
        generation: int,
        now: datetime,
        jitter: float,
    ) -> Plan[StepT]:
        """Take the step of a plan; return the plan as it looks afterwards."""
        step = plan.step
        if step is None:
            return plan
        if (self.step, self.generation) != (type(step), generation):
            self.step, self.generation = type(step), generation
            self.failures, self.error, self.not_before = 0, None, None
        if self.error is not None and self.not_before is not None and now < self.not_before:
            return after_failure(plan, self.error, self.not_before)
        try:
            await act(step)
        except OperatorError as error:
            self.failures += 1
            self.error = error
            self.not_before = now + pause(error, self.failures, jitter)
            return after_failure(plan, error, self.not_before)
        self.failures, self.error, self.not_before = 0, None, None
        return plan

    @property
    def failed(self) -> bool:
        """Return whether the last try failed."""
        return self.error is not None
