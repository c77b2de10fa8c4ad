"""The budget: never more than the share, in fair turns, people first."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from azdiskbackup.azure.transport.learned_limit import LearnedLimit, disorder
from azdiskbackup.azure.transport.limits import WINDOW
from azdiskbackup.azure.transport.rate_limiter import TURN_STAYS, RateLimiter
from azdiskbackup.azure.transport.request_scope import (
    Requester,
    atomic_batch,
    best_effort,
    in_background,
    request_scope,
)
from azdiskbackup.errors import RateLimited
from azdiskbackup.observability.operator_metrics import EngineState, StateCollector

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v"
POINTS = f"{VAULT}/backupInstances/i/recoveryPoints"
INSTANCE = f"{VAULT}/backupInstances/i"
BACKUP = f"{INSTANCE}/backup"
LEFT = "x-ms-ratelimit-remaining-subscription-resource-requests"


# The guess is 100.
_LIMITS = st.sampled_from([10, 30, 40, 60, 100, 150, 400])


class World:
    """A budget of 40 % with a clock, and who was woken."""

    def __init__(self, share: float = 0.4) -> None:
        self.now = START
        self.woken: list[Hashable] = []
        self.budget = RateLimiter(lambda: self.now, share, self.woken.append, lambda when: None)

    def ask(self, key: str, path: str = POINTS, method: str = "GET", flow: str = "f", **how: bool) -> bool:
        """Return whether a request may be sent."""
        try:
            with request_scope(Requester(key, flow, **how)):
                self.budget.acquire(method, path)
        except RateLimited:
            return False
        return True

    def drain(self, path: str = POINTS, method: str = "GET") -> int:
        """Take what can be had at once, waiting for nothing."""
        sent = 0
        while self.ask("drain", path, method, waits=False):
            sent += 1
        return sent

    def wait(self, seconds: float) -> None:
        """Let time pass, with a tick whenever one is due."""
        end = self.now + timedelta(seconds=seconds)
        while (due := self.budget.release_due()) is not None and due <= end:
            self.now = due
        self.now = end
        self.budget.release_due()


def _in_window(sent: list[datetime], moment: datetime) -> int:
    """Return how many moments, which are in order, are in the window that begins with one of them."""
    return bisect_left(sent, moment + WINDOW) - bisect_left(sent, moment)


# How long there is work without a break, and then none, in seconds.
_SPELLS = st.lists(st.tuples(st.floats(0, 1500), st.floats(0, 600)), min_size=1, max_size=5)


@settings(deadline=None, max_examples=30)
@given(pauses=st.lists(st.floats(min_value=0, max_value=60), max_size=200), spells=_SPELLS)
def test_no_window_ever_sees_more_than_the_share(pauses: list[float], spells: list[tuple[float, float]]) -> None:
    world, sent = World(), []
    for pause in [*pauses, *(each for busy, idle in spells for each in [*[1.0] * int(busy), idle])]:
        world.now += timedelta(seconds=pause)
        sent += [world.now] * world.drain()
    for moment in sent:
        assert _in_window(sent, moment) <= 40


def test_where_there_is_always_work_the_whole_share_is_used() -> None:
    world, sent = World(), []
    for _ in range(20 * 300):
        world.now += timedelta(seconds=1)
        sent += [world.now] * world.drain()
    assert max(_in_window(sent, moment) for moment in sent) <= 40
    assert len(sent) >= 20 * 40 * 0.95, "all but what is left for who comes late to his turn"
    # After a pause, so many at once again, and the rest of the window has them less.
    world.now += timedelta(seconds=300)
    assert world.drain() == 4


@settings(deadline=None, max_examples=30)
@given(
    most=st.tuples(_LIMITS, _LIMITS),
    pauses=st.lists(st.floats(min_value=0, max_value=60), min_size=30, max_size=80),
)
def test_the_share_is_of_what_azure_says(most: tuple[int, int], pauses: list[float]) -> None:
    """Whatever was guessed, and also when the limit becomes another one half way."""
    world, sent, limit, left = World(), [], 0, 0
    for number, pause in enumerate(pauses):
        world.now += timedelta(seconds=pause)
        changes = most[number >= len(pauses) // 2]
        if changes != limit:
            # One that begins about where the count of the old one stands cannot be told from it; see below.
            assume(limit == 0 or abs(changes - left) > disorder(limit))
            limit, begun, used, sent = changes, world.now, 0, []
        while world.ask("drain", waits=False):
            if world.now >= begun + WINDOW:
                begun, used = world.now, 0
            used += 1
            sent.append(world.now)
            left = max(0, limit - used)
            world.budget.note("GET", POINTS, {LEFT: str(left)})
    for moment in sent:
        # The first request of another limit is sent before anything of it is known.
        assert _in_window(sent, moment) <= max(0.4 * limit, 1) + 1


def test_a_limit_that_begins_where_the_old_count_stands_is_followed_in_the_next_window() -> None:
    learned = LearnedLimit(100)
    for left in range(99, 59, -1):
        learned.learn(left)
    # It is 60 now, and nothing tells it from the old one.
    for left in range(59, 30, -1):
        learned.learn(left)
        assert learned.most == 100
    # The next window.
    learned.learn(59)
    assert learned.most == 60


def test_a_limit_that_rises_and_falls_is_followed_at_the_first_answer() -> None:
    world = World()
    assert world.ask("first")
    world.budget.note("GET", POINTS, {LEFT: "1099"})
    world.wait(60)
    assert world.drain() == 44, "a tenth of 40 % of 1,100"
    world.budget.note("GET", POINTS, {LEFT: "19"})
    world.wait(600)
    assert world.drain() == 1, "a tenth of 40 % of 20, at least one"


def test_one_request_a_window_is_always_ours() -> None:
    """Others exhaust the limit: what is left is nothing, and somebody has to find out when there is more."""
    world = World()
    assert world.ask("first")
    world.budget.note("GET", POINTS, {LEFT: "0"})
    assert not world.ask("second")
    world.wait(1.2 * WINDOW.total_seconds())
    assert world.woken == ["second"] and world.ask("second")
    world.budget.note("GET", POINTS, {LEFT: "99"})
    world.wait(60)
    assert world.drain() == 4, "as before"


def test_a_bucket_refills() -> None:
    world = World()
    assert world.drain(BACKUP, "POST") == 80, "40 % of 200 at once"
    world.wait(10)
    assert world.drain(BACKUP, "POST") == 40, "40 % of 10 a second"


def test_other_subscriptions_and_classes_are_not_held_up() -> None:
    world = World()
    assert world.drain() == 4 and not world.ask("one")
    assert world.ask("one", INSTANCE) and world.ask("one", POINTS.replace("/s/", "/other/"))


def test_who_waits_is_woken_in_order_and_may_send_then() -> None:
    world = World()
    world.drain()
    keys = [f"disk-{number}" for number in range(5)]
    assert not any(world.ask(key) for key in keys)
    assert not world.ask("disk-0"), "asking again keeps the place, and takes no second one"
    world.wait(10.1)
    assert world.woken == ["disk-0"]
    assert not world.ask("newcomer"), "who has waited goes first"
    assert world.ask("disk-0") and not world.ask("disk-0")
    world.wait(60)
    assert world.woken == [*keys, "newcomer", "disk-0"]


def test_flows_take_turns() -> None:
    world = World()
    world.drain(BACKUP, "POST")
    for number in range(400):
        world.ask(f"flood-{number}", BACKUP, "POST", flow="flood")
    world.ask("single", BACKUP, "POST", flow="single")
    world.wait(1)
    assert "single" in world.woken, "one of another flow does not wait for a flood"
    world.wait(120)
    assert [key for key in world.woken if key != "single"] == [f"flood-{number}" for number in range(400)]


def test_who_has_just_come_goes_first_and_gains_nothing_by_coming_again() -> None:
    world = World()
    world.drain(BACKUP, "POST")
    for number in range(10):
        for flow in "abcd":
            world.ask(f"{flow}{number}", BACKUP, "POST", flow=flow)
    world.wait(2)
    so_far = len(world.woken)
    assert so_far == 8 and world.woken == ["a0", "b0", "c0", "d0", "a1", "b1", "c1", "d1"]
    world.ask("single-0", BACKUP, "POST", flow="single")
    world.wait(0.3)
    assert world.woken[so_far:] == ["single-0"]
    world.ask("single-1", BACKUP, "POST", flow="single")
    world.wait(60)
    assert world.woken[so_far + 1 : so_far + 7] == ["a2", "b2", "c2", "d2", "single-1", "a3"]
    world.ask("single-2", BACKUP, "POST", flow="single")
    assert len(world.woken) == 42, "whoever waited has had a turn"


def test_people_go_before_what_is_only_looked_at() -> None:
    world = World()
    world.drain()
    for number in range(3):
        with request_scope(Requester(f"sweep-{number}", "sweep")), in_background(), pytest.raises(RateLimited):
            world.budget.acquire("GET", POINTS)
    world.ask("person")
    world.wait(60)
    assert world.woken == ["person", "sweep-0", "sweep-1", "sweep-2"]


def test_what_one_can_do_without_takes_no_turn() -> None:
    world = World()
    world.drain()
    with request_scope(Requester("backup", "f")), best_effort(), pytest.raises(RateLimited):
        world.budget.acquire("GET", POINTS)
    with in_background():
        world.budget.acquire("GET", POINTS)  # in nobody's name
    world.wait(60)
    assert world.woken == []


def test_a_turn_that_is_not_taken_is_lost() -> None:
    world = World()
    world.drain()
    world.ask("gone")
    world.wait(30)
    assert world.woken == ["gone"]
    world.wait(TURN_STAYS.total_seconds() + 1)
    world.drain()
    assert not world.ask("gone")


def test_a_chain_of_pages_is_never_broken_off_and_paid_for_later() -> None:
    world = World()
    with request_scope(Requester("list", "f")):
        for page in range(20):
            world.budget.acquire("GET", POINTS, continues=page > 0)
    assert not world.ask("next")
    world.wait(130)
    assert world.woken == [], "sixteen too many were sent"
    world.wait(20)
    assert world.woken == ["next"]


def test_what_is_of_use_only_together_is_begun_when_it_is_its_turn_and_finished() -> None:
    world = World()
    world.drain()
    with request_scope(Requester("sweep", "f")), atomic_batch(), pytest.raises(RateLimited):
        world.budget.acquire("GET", POINTS)
    world.wait(11)
    assert world.woken == ["sweep"]
    with request_scope(Requester("sweep", "f")), atomic_batch():
        for _ in range(3):
            world.budget.acquire("GET", POINTS)
    assert not world.ask("next")
    world.wait(18)
    assert world.woken == ["sweep"], "two too many"
    world.wait(10)
    assert world.woken == ["sweep", "next"]


def test_what_others_used_is_not_there() -> None:
    world = World()
    world.ask("one")
    world.budget.note("GET", POINTS, {LEFT: "13"})
    assert world.drain() == 1, "a tenth of our share of 14 at once"
    world.wait(WINDOW.total_seconds())
    assert len(world.woken) == 0 and world.drain() == 1, "and the rest of it evenly"
    world.budget.note("GET", POINTS, {LEFT: "nonsense"})
    world.budget.note("GET", POINTS, {})
    assert Counter(world.woken) == {}


def test_a_starved_class_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.drain()
    for number in range(200):
        world.ask(f"disk-{number}")
    world.wait(1500)
    registry = CollectorRegistry()
    registry.register(StateCollector(lambda: True, lambda: EngineState(waiting=world.budget.waiting())))
    limit = "reads of microsoft.dataprotection/backupvaults/backupinstances/recoverypoints"
    labels = {"subscription": "s", "limit": limit}
    assert registry.get_sample_value("azdiskbackup_azure_requests_waiting", labels) == 13
    assert registry.get_sample_value("azdiskbackup_azure_requests_waiting_seconds", labels) == 1500
    status = [line for line in capsys.readouterr().out.splitlines() if "queued for a limit" in line]
    assert 1 < len(status) < 4 and "recoverypoints" in status[0]
