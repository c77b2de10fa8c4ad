"""The contract of the workers, line by line."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from azdiskbackup import correlation
from azdiskbackup.core.rules.backoff import pause
from azdiskbackup.engine import workers
from azdiskbackup.engine.cache import Key
from azdiskbackup.engine.clock import SystemClock
from azdiskbackup.engine.queue import WorkQueue
from azdiskbackup.engine.workers import Reconcile, Workers
from azdiskbackup.errors import RateLimited, Unavailable
from harness.clock import ManualClock, settle

A, B, C = (Key("Thing", "ns", name) for name in "abc")


class Bench:
    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.queue: WorkQueue[Key] = WorkQueue(clock)
        self.workers: Workers | None = None

    def start(self, reconcile: Reconcile, count: int = 2) -> None:
        self.workers = Workers(
            self.queue,
            self.clock,
            {"Thing": reconcile},
            lambda error, failures: pause(error, failures, 1.0),
            count,
        )
        self.workers.start()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    found = Bench(ManualClock())
    yield found
    assert found.workers is not None
    await found.workers.stop(0)


async def test_no_more_keys_in_work_than_workers(bench: Bench) -> None:
    running: set[Key] = set()
    most = 0
    gate = asyncio.Event()

    async def reconcile(key: Key) -> datetime | None:
        nonlocal most
        running.add(key)
        most = max(most, len(running))
        await gate.wait()
        running.discard(key)
        return None

    for key in (A, B, C):
        bench.queue.add(key)
    bench.start(reconcile, count=2)
    await settle()
    assert len(running) == 2
    assert bench.workers is not None
    assert set(bench.workers.running) == running and list(bench.queue.ready) == [C]
    gate.set()
    await settle()
    assert most == 2 and not running and bench.queue.is_idle


async def test_a_backlog_gives_way_to_those_who_come_right_after(bench: Bench) -> None:
    begun: list[Key] = []

    async def reconcile(key: Key) -> datetime | None:
        begun.append(key)
        return None

    bench.queue.add_backlog(A)
    bench.start(reconcile)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not list(bench.queue.ready) and not begun, "it is in work"
    bench.queue.add(B)
    await settle()
    assert begun == [B, A]


async def test_returned_time_brings_the_key_back_then(bench: Bench) -> None:
    passes: list[datetime] = []

    async def reconcile(key: Key) -> datetime | None:
        passes.append(bench.clock.now())
        return bench.clock.now() + timedelta(minutes=3) if len(passes) < 3 else None

    bench.queue.add(A)
    bench.start(reconcile)
    await settle()
    for _ in range(4):
        await bench.clock.advance(minutes=3)
    assert [(b - a).total_seconds() for a, b in pairwise(passes)] == [180, 180]
    assert bench.clock.idle and bench.clock.due is None


async def test_failure_pauses_longer_each_time_and_nobody_else_is_stopped(bench: Bench) -> None:
    passes: list[datetime] = []
    others = 0

    async def reconcile(key: Key) -> datetime | None:
        nonlocal others
        if key == B:
            others += 1
            return None
        passes.append(bench.clock.now())
        if len(passes) < 4:
            raise Unavailable("Down", "no answer")
        return None

    bench.queue.add(A)
    bench.start(reconcile)
    await settle()
    for _ in range(20):
        bench.queue.add(B)
        await bench.clock.advance(seconds=1)
    assert [(b - a).total_seconds() for a, b in pairwise(passes)] == [1, 2, 4]
    assert others == 20
    assert bench.queue.fail(A) == 1, "a success starts the count anew"


async def test_a_postponed_reconciler_failed_at_nothing(bench: Bench) -> None:
    passes: list[datetime] = []

    async def reconcile(key: Key) -> datetime | None:
        passes.append(bench.clock.now())
        if len(passes) < 3:
            raise RateLimited
        return None

    bench.queue.add(A)
    bench.start(reconcile)
    await settle()
    bench.queue.add(A)
    await settle()
    assert len(passes) == 2, "at the next event"
    await bench.clock.advance(minutes=61)
    assert len(passes) == 3, "or after an hour"


async def test_each_pass_has_an_id_of_its_own_that_ends_with_it(bench: Bench) -> None:
    ids = []

    async def reconcile(key: Key) -> datetime | None:
        before = correlation.current()
        await asyncio.sleep(0)
        assert correlation.current() == before
        ids.append(before)
        return None

    bench.start(reconcile)
    for key in (A, B, A):
        bench.queue.add(key)
        await settle()
    assert None not in ids and len(set(ids)) == 3
    assert correlation.current() is None


async def test_nothing_is_taken_before_start(bench: Bench) -> None:
    taken: list[Key] = []

    async def reconcile(key: Key) -> datetime | None:
        taken.append(key)
        return None

    bench.queue.add(A)
    await settle()
    assert not taken
    bench.start(reconcile)
    await settle()
    assert taken == [A]


async def test_stop_lets_what_is_in_work_come_to_its_end(bench: Bench) -> None:
    ended: list[Key] = []
    gate = asyncio.Event()

    async def reconcile(key: Key) -> datetime | None:
        await gate.wait()
        ended.append(key)
        return None

    bench.queue.add(A)
    bench.start(reconcile)
    await settle()
    assert bench.workers is not None and bench.workers.alive
    stopping = asyncio.create_task(bench.workers.stop(5))
    await settle()
    bench.queue.add(B)
    gate.set()
    await stopping
    assert ended == [A] and not bench.workers.alive


async def test_stop_ends_what_does_not_end_by_itself(bench: Bench) -> None:

    async def reconcile(key: Key) -> datetime | None:
        await asyncio.Event().wait()
        return None

    bench.queue.add(A)
    bench.start(reconcile)
    await settle()
    assert bench.workers is not None
    await bench.workers.stop(0)

    assert bench.queue.is_idle


async def test_a_pass_that_does_not_end_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def reconcile(key: Key) -> datetime | None:
        await asyncio.Event().wait()
        return None

    bench.start(reconcile)
    assert bench.workers is not None
    bench.queue.add(A)
    await settle()
    assert bench.workers.stuck_key is None
    monkeypatch.setattr(workers, "STUCK_AFTER", timedelta(0))
    assert bench.workers.stuck_key == A
    await bench.workers.stop(0)
    assert bench.workers.stuck_key is None


@pytest.mark.parametrize("turns", range(8))
async def test_stop_ends_whatever_the_dispatcher_was_at(turns: int) -> None:
    """Also when it was just tidying up after a wait: a cancellation that comes then must not get lost."""
    bench = Bench(ManualClock())

    async def reconcile(key: Key) -> datetime | None:
        return None

    bench.start(reconcile)
    assert bench.workers is not None
    await settle()
    bench.queue.add(A)
    for _ in range(turns):
        await asyncio.sleep(0)
    stopping = asyncio.create_task(bench.workers.stop(0))
    await settle()
    ended, alive = stopping.done(), bench.workers.alive
    stopping.cancel()
    assert ended and not alive


async def test_stop_before_start_is_nothing(bench: Bench) -> None:
    async def reconcile(key: Key) -> datetime | None:
        return None

    bench.workers = Workers(bench.queue, bench.clock, {"Thing": reconcile}, lambda error, failures: timedelta(), 1)
    assert not bench.workers.alive
    await bench.workers.stop(0)


async def test_the_clock_of_the_machine() -> None:
    clock = SystemClock()
    await clock.start()
    before = clock.now()
    await clock.sleep_until(before)
    clock.report(idle=True, due=None)
    await clock.stop()
    assert before <= clock.now() and before.tzinfo is UTC
