"""What is learned of a limit: never more than there is, and a fall at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azdiskbackup.azure.transport.learned_limit import LearnedLimit


@pytest.mark.parametrize(
    ("answers", "most"),
    [
        ([], 200),
        ([199], 200),
        ([199, 198, 197], 200),
        ([1099], 1100),
        ([799, 798, 797], 800),
        ([99], 100),
        ([99, 98, 97], 100),
        # Somebody else spends a little, then much.
        ([199, 190, 189], 192),
        ([199, 180, 179], 181),
        ([199, 60], 61),
        # And the next window is a whole one again.
        ([199, 60, 199], 200),
        # A limit that rises, and one that falls, in the middle of a window or with a new one.
        ([199, 198, 1099], 1100),
        ([1099, 1098, 99], 100),
        ([1099, *range(1098, 700, -1), 799], 800),
        ([1099, *range(1098, 700, -1), 650], 651),
        # Answers that overtake each other: as many too few as were on their way.
        ([198, 199, 196, 197], 199),
        ([198, 199, 196, 197, 199], 200),
        # Others leave nothing.
        ([199, 0], 1),
        ([199, 0, 199], 200),
    ],
)
def test_what_answers_teach(answers: list[int], most: int) -> None:
    limit = LearnedLimit(200)
    for left in answers:
        limit.learn(left)
    assert limit.most == most


@settings(deadline=None)
@given(
    guess=st.integers(1, 20_000),
    most=st.integers(1, 20_000),
    # Of each of our requests: what others sent since the last one, and whether a window began.
    steps=st.lists(st.tuples(st.integers(0, 500), st.booleans()), min_size=1, max_size=200),
)
def test_nothing_is_counted_on_that_is_not_there(guess: int, most: int, steps: list[tuple[int, bool]]) -> None:
    limit, used = LearnedLimit(guess), 0
    for others, begins in steps:
        used = min(most, (0 if begins else used + others) + 1)
        limit.learn(most - used)
        assert most - used < limit.most <= most


@settings(deadline=None)
@given(before=st.integers(100, 20_000), after=st.integers(1, 20_000), ours=st.integers(1, 90))
def test_another_limit_is_followed_at_the_first_answer_of_its_window(before: int, after: int, ours: int) -> None:
    limit = LearnedLimit(before)
    for used in range(1, ours + 1):
        limit.learn(before - used)
    assert limit.most == before
    limit.learn(after - 1)
    # As exactly as our own requests in flight allow to tell.
    assert after <= limit.most <= max(after, min(before, after + ours))
    if abs(after - before + ours) > 10:
        assert limit.most == after
