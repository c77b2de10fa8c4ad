"""Taking steps: one operation at a time, its end read, failures paced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from azdiskbackup.azure.gateways.operations import Operations
from azdiskbackup.core.objects.operation import Failed, OperationState, Pending, Succeeded
from azdiskbackup.core.rules.verdicts import Finding, Plan, Progress, act, satisfied
from azdiskbackup.errors import IdentityNotFound, InvalidRequest, OperatorError, Unavailable
from azdiskbackup.reconcilers.common.step_runner import StepRunner

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CHANGE = timedelta(seconds=20)
URL = "https://localhost/operations/1"


@dataclass(frozen=True)
class Stop:
    """A step."""


@dataclass(frozen=True)
class Resume:
    """Another one."""


def wanting(step: object, now: datetime) -> Plan[object]:
    finding = Finding("Protected", "False", "ChangingProtection", "Changing.")
    return Plan((finding,), act(step, "ChangingProtection", "Changing.", now + CHANGE), "Protected")


@dataclass
class Azure:
    """Answers as it is told, and counts."""

    state: OperationState | OperatorError = field(default_factory=Pending)
    refuses: OperatorError | None = None
    url: str | None = URL
    sent: list[str] = field(default_factory=list)
    checks: int = 0
    steps: StepRunner = field(default_factory=StepRunner)

    async def check(self, url: str) -> OperationState:
        assert url == URL
        self.checks += 1
        if isinstance(self.state, OperatorError):
            raise self.state
        return self.state

    async def act(self, step: object) -> str | None:
        self.sent.append(type(step).__name__)
        if self.refuses is not None:
            raise self.refuses
        return self.url

    async def take(self, step: object, seconds: float = 0, generation: int = 1) -> Plan[object]:
        now = START + timedelta(seconds=seconds)
        act: Callable[[object], Awaitable[str | None]] = self.act
        return await self.steps.run(
            wanting(step, now), act, cast("Operations", cast("Any", self)), generation=generation, now=now, jitter=1.0
        )


async def test_nothing_else_is_asked_while_an_operation_runs() -> None:
    azure = Azure()
    await azure.take(Stop())
    waiting = await azure.take(Stop(), 3)
    assert (azure.sent, azure.checks) == (["Stop"], 0), "too early to ask"
    assert waiting.step is None and waiting.verdict.requeue_at == START + CHANGE
    assert waiting.findings[0].message == "Changing.", "and so no status is written"
    await azure.take(Resume(), 20, generation=2)
    assert (azure.sent, azure.checks) == (["Stop"], 1), "whatever the spec says now"


async def test_what_became_of_an_operation_is_only_asked_when_its_effect_is_not_seen() -> None:
    azure = Azure()
    await azure.take(Stop())
    done: Plan[object] = Plan((), satisfied("Stopped", "It is."), "Protected")
    await azure.steps.run(done, azure.act, cast("Operations", azure), generation=1, now=START, jitter=1)
    assert azure.checks == 0 and azure.steps.operation is None


async def test_an_operation_that_fails_is_told_and_tried_again_later() -> None:
    azure = Azure()
    await azure.take(Stop())
    azure.state = Failed(Unavailable("CloudInternalError", "Try later"))
    told = await azure.take(Stop(), 20)
    assert "CloudInternalError" in told.findings[0].message and azure.sent == ["Stop"]
    azure.state = Pending()
    await azure.take(Stop(), 22)
    assert azure.sent == ["Stop", "Stop"]
    azure.state = Failed(Unavailable("CloudInternalError", "Try later"))
    await azure.take(Stop(), 43)
    assert azure.steps.failures == 2, "taken by Azure is no success"


async def test_an_operation_that_fails_each_time_is_told_as_failed_while_it_is_tried_again() -> None:
    azure = Azure()
    first = await azure.take(Stop())
    assert first.findings[0].message == "Changing."
    for second in (20, 22, 23, 43, 47, 48, 68):
        azure.state = Failed(Unavailable("CloudInternalError", "Try later"))
        told = await azure.take(Stop(), second)
        assert "CloudInternalError" in told.findings[0].message, second
        assert (told.verdict.reason, told.findings[0].reason) == ("Unavailable", "Unavailable"), second
    assert azure.sent == ["Stop"] * 3
    await azure.take(Stop(), 80)
    azure.state = Succeeded(None)
    waiting = await azure.take(Stop(), 101)
    assert waiting.findings[0].message == "Changing.", "it had an effect, which is not seen yet"


async def test_another_step_does_not_inherit_the_failure() -> None:
    azure = Azure()
    await azure.take(Stop())
    azure.state = Failed(InvalidRequest("UserErrorX", "No."))
    plan = await azure.take(Resume(), 20, generation=2)
    assert azure.sent == ["Stop", "Resume"] and "UserErrorX" not in plan.findings[0].message


async def test_success_without_effect_is_looked_at_again_before_it_is_asked_again() -> None:
    azure = Azure()
    await azure.take(Stop())
    azure.state = Succeeded(None)
    waiting = await azure.take(Stop(), 20)
    assert azure.sent == ["Stop"] and waiting.verdict.requeue_at == START + timedelta(seconds=50)
    await azure.take(Stop(), 50)
    assert azure.sent == ["Stop", "Stop"]
    waiting = await azure.take(Stop(), 71)
    assert waiting.verdict.requeue_at == START + timedelta(seconds=71 + 60), "slower each time"


async def test_an_operation_that_cannot_be_read_is_forgotten_in_the_end() -> None:
    azure = Azure(state=Unavailable("Gone", "?"))
    await azure.take(Stop())
    await azure.take(Stop(), 60)
    assert azure.sent == ["Stop"]
    await azure.take(Stop(), 1900)
    assert azure.sent == ["Stop", "Stop"]


async def test_an_operation_that_never_ends_is_not_waited_for_for_ever() -> None:
    azure = Azure(state=Pending())
    await azure.take(Stop())
    await azure.take(Stop(), 5 * 3600)
    assert azure.sent == ["Stop"]
    await azure.take(Stop(), 6 * 3600)
    assert azure.sent == ["Stop", "Stop"]


async def test_an_identity_that_stays_unknown_is_a_persons_affair() -> None:
    azure = Azure(refuses=IdentityNotFound("PrincipalNotFound", "No."), url=None)
    first = await azure.take(Stop())
    assert first.verdict.progress is Progress.RECONCILING
    late = await azure.take(Stop(), 46 * 60)
    assert late.verdict.progress is Progress.STALLED and late.verdict.reason == "IdentityNotFound"


async def test_a_refusal_is_told_until_its_next_try_is_due() -> None:
    azure = Azure(refuses=InvalidRequest("UserErrorX", "No."), url=None)
    for second in (0, 10, 20):
        told = await azure.take(Stop(), second)
        assert "UserErrorX" in told.findings[0].message
    assert azure.sent == ["Stop"]
    await azure.take(Stop(), 21, generation=2)
    assert azure.sent == ["Stop", "Stop"], "an edit deserves a try at once"


async def test_what_is_done_at_once_is_not_sent_again_while_reads_lag() -> None:
    azure = Azure(url=None)
    await azure.take(Stop())
    waiting = await azure.take(Stop(), 0)
    assert azure.sent == ["Stop"] and waiting.verdict.requeue_at == START + timedelta(seconds=30)
    await azure.take(Stop(), 30)
    assert azure.sent == ["Stop", "Stop"]
    await azure.take(Resume(), 31)
    assert azure.sent[-1] == "Resume", "another step starts anew"
