"""How far a validation of Azure got, by what its operation says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.core.objects.operation import Failed, Pending, Succeeded
from azdiskbackup.core.protected_disk.validation import (
    NeverRun,
    Passed,
    Running,
    ValidationRefused,
    after_look,
    is_answer_due,
)
from azdiskbackup.core.rules.intervals import OPERATION_ENDS_WITHIN, OPERATION_READABLE_WITHIN, VALIDATION_TAKES
from azdiskbackup.core.rules.lookup import FetchFailed
from azdiskbackup.errors import PermissionsMissing, Unavailable

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RUNNING = Running("url", NOW)
ERROR = PermissionsMissing("Code", "Words")
A_WHILE = VALIDATION_TAKES
LOST = FetchFailed(Unavailable("OperationNotFound", "It is not known."))
AWAY = FetchFailed(Unavailable("503", "It does not answer."))


def test_azure_is_not_asked_before_it_may_have_an_answer() -> None:
    assert not is_answer_due(RUNNING, NOW + VALIDATION_TAKES - timedelta(seconds=1))
    assert is_answer_due(RUNNING, NOW + VALIDATION_TAKES)


@pytest.mark.parametrize(
    ("answer", "after", "expected"),
    [
        (Succeeded(None), A_WHILE, Passed()),
        (Pending(), A_WHILE, RUNNING),
        (Pending(), OPERATION_ENDS_WITHIN, NeverRun()),
        (LOST, A_WHILE, NeverRun()),
        (AWAY, A_WHILE, RUNNING),
        (AWAY, OPERATION_READABLE_WITHIN, NeverRun()),
    ],
)
def test_what_an_answer_means(answer: Any, after: timedelta, expected: object) -> None:
    assert after_look(RUNNING, answer, NOW + after, None) == expected


def test_a_refusal_counts_on_from_the_one_before() -> None:
    first = after_look(RUNNING, Failed(ERROR), NOW, None)
    assert first == ValidationRefused(ERROR, NOW, NOW, 1)
    before = NOW - timedelta(hours=1)
    assert after_look(RUNNING, Failed(ERROR), NOW, before) == ValidationRefused(ERROR, NOW, before, 1)
    assert isinstance(first, ValidationRefused)
    later = NOW + timedelta(minutes=2)
    second = after_look(Running("url", NOW, first), Failed(ERROR), later, None)
    assert second == ValidationRefused(ERROR, later, NOW, 2)
