"""Another writer undoes what is put back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.contest import Correction, given_up, note
from azdiskbackup.core.rules.verdicts import Plan, Progress, Rules, Verdict, act, correct, evaluate

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def plan(verdict: Verdict[Any]) -> Plan[Any]:
    rules: Rules = ((reasons.SYNCED, lambda desired, observed, now: verdict),)
    found = evaluate(rules, None, None, NOW)
    assert isinstance(found, Plan)
    return found


WANTED = plan(correct(reasons.DRIFT_CORRECTED, "The tag differs.", "put-tag"))
NEEDED = plan(act("resume", reasons.DRIFT_CORRECTED, "It was stopped."))


@pytest.mark.parametrize(
    ("count", "pause"),
    [(1, 0), (2, 0), (3, 1), (4, 2), (5, 4), (7, 16), (8, 24), (400, 24)],
)
def test_what_is_undone_is_put_back_ever_more_rarely(count: int, pause: int) -> None:
    corrections = (Correction("resume", count, NOW - timedelta(days=1), NOW),)
    until = NOW + timedelta(hours=pause)
    assert given_up(NEEDED, corrections, until) is None
    held = given_up(NEEDED, corrections, until - timedelta(seconds=1)) if pause else None
    assert (held is not None) is (pause > 0)
    if held is not None:
        assert held.step is None and held.verdict.requeue_at == until and f"{count} times" in held.verdict.message


@pytest.mark.parametrize(("before", "progress"), [(WANTED, Progress.DONE), (NEEDED, Progress.STALLED)])
def test_what_is_needed_waits_for_a_person_and_what_is_wanted_for_nobody(before: Plan[Any], progress: Progress) -> None:
    held = given_up(before, (Correction(before.step, 3, NOW, NOW),), NOW)
    assert held is not None and held.ready is before.ready and held.verdict.progress is progress
    finding = held.findings[0]
    assert (finding.status, finding.reason) == ("False", reasons.DRIFT_DETECTED)
    assert finding.message == held.verdict.message


def test_what_is_no_correction_is_not_held_back() -> None:
    asked = plan(act("resume", reasons.CHANGING_PROTECTION, "The spec says so."))
    assert given_up(asked, (Correction("resume", 9, NOW, NOW),), NOW) is None


def test_a_correction_that_lasted_is_forgotten_and_another_step_has_its_own_count() -> None:
    known = note(note((), "a", NOW), "a", NOW + timedelta(hours=1))
    assert known == (Correction("a", 2, NOW, NOW + timedelta(hours=1)),)
    assert note(known, "b", NOW + timedelta(hours=2))[0] == known[0]
    assert note(known, "a", NOW + timedelta(days=3)) == (
        Correction("a", 1, NOW + timedelta(days=3), NOW + timedelta(days=3)),
    )
    many = known
    for name in "bcdefgh":
        many = note(many, name, NOW)
    assert len(many) == 4 and many[-1].step == "h"
