"""The keyed queue.

Its contract, tested line by line:

- A key that is added several times before it is taken is taken once.
- A key is in the hands of at most one worker; added meanwhile, it is taken once more after ``done``.
- A key added for later is taken at that time, and not before; the earliest of several times counts.
- A key added for now does not wait for a later time, and the later time is forgotten.
- Failures of a key are counted until ``forget``.
- ``is_idle`` is true exactly when no key is ready, in work or held up; ``next_due`` is the earliest later time.
- ``get`` waits without polling, on the injected clock.
- Keys are taken in the order in which they became ready; those of a backlog come after all others, but for one in ten.
- Of a backlog only so many are in work at once: one who comes meanwhile finds a worker.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from azdiskbackup.engine.clock import Clock

KeyT = TypeVar("KeyT", bound=Hashable)

# So many others at most are taken before one of the backlog.
_BEFORE_BACKLOG = 9
_NEVER = datetime.max.replace(tzinfo=UTC)


class WorkQueue(Generic[KeyT]):
    """See the module's docstring for the contract.

    Args:
        clock: by which keys become ready.
        is_held_up: whether some wait for real time, while which a simulated clock must not run on.
        backlog_at_once: how many keys of the backlog are in work at once, at most.
    """

    def __init__(
        self, clock: Clock, is_held_up: Callable[[], bool] = lambda: False, *, backlog_at_once: int = 1
    ) -> None:
        self._clock = clock
        self._is_held_up = is_held_up
        self._backlog_at_once = backlog_at_once
        self._ready: deque[KeyT] = deque()
        self._backlog: OrderedDict[KeyT, None] = OrderedDict()
        self._backlog_in_work: set[KeyT] = set()
        self._before_backlog = 0
        # Since when, in real time.
        self._waiting: dict[KeyT, float] = {}
        # For how many seconds the key that was taken last had been ready.
        self.waited = 0.0
        self._in_work: set[KeyT] = set()
        self._again: set[KeyT] = set()
        self._later: dict[KeyT, datetime] = {}
        self._heap: list[tuple[datetime, int, KeyT]] = []
        self._order = 0
        self._failures: dict[KeyT, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: KeyT) -> None:
        """Have a key taken as soon as possible."""
        self._later.pop(key, None)
        if key in self._in_work:
            self._again.add(key)
        elif key not in self._waiting or key in self._backlog:
            self._backlog.pop(key, None)
            self._waiting.setdefault(key, time.monotonic())
            self._ready.append(key)
        self._tell()

    def add_backlog(self, key: KeyT) -> None:
        """Have a key taken once nothing that happens meanwhile is to be done first."""
        if key not in self._in_work and key not in self._waiting:
            self._later.pop(key, None)
            self._waiting[key] = time.monotonic()
            self._backlog[key] = None
        self._tell()

    def add_at(self, key: KeyT, when: datetime) -> None:
        """Have a key taken at a time, unless it is taken before."""
        if when <= self._clock.now():
            self.add(key)
            return
        if key in self._waiting or key in self._again:
            return
        known = self._later.get(key)
        if known is None or when < known:
            self._later[key] = when
            self._order += 1
            heapq.heappush(self._heap, (when, self._order, key))
            self._tell()

    async def get(self) -> KeyT:
        """Take the next key; it is in work until ``done``."""
        while True:
            self._promote()
            if self._ready or self._may_take_backlog:
                key = self._take()
                self.waited = time.monotonic() - self._waiting.pop(key)
                self._in_work.add(key)
                return key
            self._changed.clear()
            await self._wait()

    def is_of_backlog(self, key: KeyT) -> bool:
        """Return whether a key that is in work was taken from the backlog."""
        return key in self._backlog_in_work

    @property
    def _may_take_backlog(self) -> bool:
        return bool(self._backlog) and len(self._backlog_in_work) < self._backlog_at_once

    def _take(self) -> KeyT:
        """Take a key out: however much happens, the backlog comes to its end."""
        if self._ready and (not self._may_take_backlog or self._before_backlog < _BEFORE_BACKLOG):
            self._before_backlog += bool(self._backlog)
            return self._ready.popleft()
        self._before_backlog = 0
        key = self._backlog.popitem(last=False)[0]
        self._backlog_in_work.add(key)
        return key

    def done(self, key: KeyT) -> None:
        """Give a key back."""
        self._in_work.discard(key)
        self._backlog_in_work.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        self._tell()

    def fail(self, key: KeyT) -> int:
        """Count a failure of a key; return how many there were in a row."""
        self._failures[key] = self._failures.get(key, 0) + 1
        return self._failures[key]

    def forget(self, key: KeyT) -> None:
        """Start counting failures of a key anew."""
        self._failures.pop(key, None)

    @property
    def ready(self) -> Iterable[KeyT]:
        """Return the keys that are ready."""
        return [*self._ready, *self._backlog]

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is ready and nothing is in work."""
        return not self._ready and not self._backlog and not self._in_work and not self._is_held_up()

    @property
    def next_due(self) -> datetime | None:
        """Return the earliest later time."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def _drop_stale(self) -> None:
        while self._heap and self._later.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def _promote(self) -> None:
        now = self._clock.now()
        while (due := self.next_due) is not None and due <= now:
            self.add(heapq.heappop(self._heap)[2])

    def _tell(self) -> None:
        self._changed.set()
        self._clock.report(idle=self.is_idle, due=self.next_due)

    async def _wait(self) -> None:
        """Wait for a change or for the clock; a clock that jumps wakes this even when nothing is due."""
        due = self.next_due
        self._clock.report(idle=self.is_idle, due=due)
        tasks = [
            asyncio.create_task(self._changed.wait()),
            asyncio.create_task(self._clock.sleep_until(due or _NEVER)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            # Not each by itself with its cancellation suppressed: one of whoever waits here would be lost with it.
            await asyncio.wait(tasks)
