"""The contract of the keyed queue, line by line."""

import asyncio
from datetime import timedelta

import pytest

from azdiskbackup.engine.queue import WorkQueue
from harness.clock import ManualClock, settle


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def queue(clock: ManualClock) -> WorkQueue[str]:
    return WorkQueue(clock, backlog_at_once=2)


async def test_key_added_several_times_is_taken_once(queue: WorkQueue[str]) -> None:
    for _ in range(3):
        queue.add("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert not list(queue.ready)


async def test_key_in_work_is_not_taken_by_another_worker_but_once_more_after_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert not list(queue.ready)
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert queue.is_idle


async def test_key_for_later_is_taken_at_its_time_and_not_before(queue: WorkQueue[str], clock: ManualClock) -> None:
    queue.add_at("a", clock.now() + timedelta(minutes=5))
    taken = asyncio.create_task(queue.get())
    await clock.advance(minutes=4, seconds=59)
    assert not taken.done()
    await clock.advance(seconds=1)
    assert taken.done() and taken.result() == "a"


async def test_earliest_of_several_later_times_counts(queue: WorkQueue[str], clock: ManualClock) -> None:
    queue.add_at("a", clock.now() + timedelta(minutes=5))
    queue.add_at("a", clock.now() + timedelta(minutes=2))
    queue.add_at("a", clock.now() + timedelta(minutes=9))
    assert queue.next_due == clock.now() + timedelta(minutes=2)
    taken = asyncio.create_task(queue.get())
    await clock.advance(minutes=2)
    assert taken.done()
    queue.done("a")
    await clock.advance(minutes=20)
    assert not list(queue.ready), "the later times were forgotten"


async def test_key_for_now_forgets_its_later_time(queue: WorkQueue[str], clock: ManualClock) -> None:
    queue.add_at("a", clock.now() + timedelta(minutes=5))
    queue.add("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert queue.next_due is None


async def test_time_that_has_passed_is_now(queue: WorkQueue[str], clock: ManualClock) -> None:
    queue.add_at("a", clock.now())
    assert len(list(queue.ready)) == 1


async def test_who_has_just_changed_comes_before_a_backlog(queue: WorkQueue[str]) -> None:
    for key in ("x", "y", "z"):
        queue.add_backlog(key)
    queue.add("a")
    queue.add("z")
    queue.add_backlog("a")
    assert len(list(queue.ready)) == 4 and not queue.is_idle
    assert [await queue.get() for _ in range(4)] == ["a", "z", "x", "y"]
    queue.add_backlog("x")
    for key in "axyz":
        queue.done(key)
    assert queue.is_idle, "one that is in work has been looked at"


async def test_a_backlog_comes_to_its_end_however_much_happens(queue: WorkQueue[str]) -> None:
    for key in ("x", "y"):
        queue.add_backlog(key)
    for number in range(30):
        queue.add(str(number))
    taken = [await queue.get() for _ in range(20)]
    assert (taken.index("x"), taken.index("y")) == (9, 19)


async def test_of_a_backlog_only_so_many_are_in_work_at_once(queue: WorkQueue[str]) -> None:
    for key in ("w", "x", "y", "z"):
        queue.add_backlog(key)
    assert [await queue.get(), await queue.get()] == ["w", "x"]
    third = asyncio.create_task(queue.get())
    await settle()
    assert not third.done() and not queue.is_idle
    queue.add("a")
    assert await third == "a", "one who comes meanwhile finds a worker"
    queue.done("a")
    third = asyncio.create_task(queue.get())
    await settle()
    assert not third.done()
    queue.done("x")
    assert await third == "y"
    for key in ("w", "y"):
        queue.done(key)
    assert await queue.get() == "z"


async def test_a_backlog_forgets_a_later_time(queue: WorkQueue[str], clock: ManualClock) -> None:
    queue.add_at("a", clock.now() + timedelta(minutes=5))
    queue.add_backlog("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert queue.next_due is None


async def test_failures_are_counted_until_forgotten(queue: WorkQueue[str]) -> None:
    assert [queue.fail("a"), queue.fail("a"), queue.fail("b")] == [1, 2, 1]
    queue.forget("a")
    assert queue.fail("a") == 1


async def test_idle_means_nothing_ready_and_nothing_in_work(queue: WorkQueue[str], clock: ManualClock) -> None:
    assert queue.is_idle
    queue.add("a")
    assert not queue.is_idle and not clock.idle
    await queue.get()
    assert not queue.is_idle and not clock.idle
    queue.done("a")
    assert queue.is_idle and clock.idle


async def test_who_waits_for_real_time_lets_no_simulated_time_pass(clock: ManualClock) -> None:
    held_up = ["a"]
    queue = WorkQueue[str](clock, lambda: bool(held_up))
    queue.add_at("a", clock.now())
    assert not queue.is_idle and not clock.idle
    queue.done(await queue.get())
    assert not clock.idle
    held_up.clear()
    queue.add("a")
    queue.done(await queue.get())
    assert queue.is_idle and clock.idle


async def test_reports_what_is_due_next(queue: WorkQueue[str], clock: ManualClock) -> None:
    when = clock.now() + timedelta(minutes=7)
    queue.add_at("a", when)
    assert clock.due == when and clock.idle


async def test_waiting_ends_when_a_key_comes(queue: WorkQueue[str]) -> None:
    taken = asyncio.create_task(queue.get())
    await settle()
    assert not taken.done()
    queue.add("a")
    await settle()
    assert taken.result() == "a"


async def test_keys_are_taken_in_the_order_in_which_they_became_ready(
    queue: WorkQueue[str], clock: ManualClock
) -> None:
    queue.add_at("late", clock.now() + timedelta(minutes=1))
    queue.add("first")
    queue.add("second")
    await clock.advance(minutes=1)
    assert [await queue.get() for _ in range(3)] == ["first", "second", "late"]


async def test_key_for_later_that_is_ready_already_stays_ready(queue: WorkQueue[str], clock: ManualClock) -> None:
    queue.add("a")
    queue.add_at("a", clock.now() + timedelta(minutes=5))
    assert queue.next_due is None and await queue.get() == "a"
