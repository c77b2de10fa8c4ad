"""The workers: they take keys from the queue and call the reconciler of the key's kind.

The contract, tested line by line:

- As many keys are in work at the same time as there are workers, and no more.
- A reconciler that returns a time is called again then; one that returns None, at the next event.
- A reconciler that raises is called again after a pause that grows with each failure in a row and shrinks to nothing
  after a success; the failure is logged and stops nobody else.
- A reconciler that is postponed failed at nothing; it is called again at the next event, or after an hour.
- A key of a backlog gives way, some turns of the event loop, before its reconciler is called.
- Nothing is taken before ``start`` was called; ``stop`` lets what is in work come to its end, for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta

import structlog

from azdiskbackup import correlation
from azdiskbackup.engine.cache import Key
from azdiskbackup.engine.clock import Clock
from azdiskbackup.engine.queue import WorkQueue
from azdiskbackup.errors import OperatorError, RateLimited
from azdiskbackup.turns import let_others_work

Reconcile = Callable[[Key], Awaitable[datetime | None]]
Pause = Callable[[BaseException, int], timedelta]
# Is told of each pass: kind, outcome (success, error or rate_limited), seconds in the queue, seconds of work.
Passed = Callable[[str, str, float, float], None]

POSTPONED_AT_MOST = timedelta(hours=1)
# Each request ends by its time-out, and a pass has few.
STUCK_AFTER = timedelta(minutes=20)

_log = structlog.get_logger("azdiskbackup.engine")


class Workers:
    """See the module's docstring for the contract."""

    def __init__(
        self,
        queue: WorkQueue[Key],
        clock: Clock,
        reconcilers: Mapping[str, Reconcile],
        pause: Pause,
        count: int,
        passed: Passed = lambda kind, outcome, waited, took: None,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._reconcilers = reconcilers
        self._pause = pause
        self._passed = passed
        self._slots = asyncio.Semaphore(count)
        # Since when, in real time: it tells whether this process still works.
        self._running: dict[asyncio.Task[None], tuple[Key, float]] = {}
        self._dispatcher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take keys."""
        self._dispatcher = asyncio.create_task(self._dispatch(), name="dispatcher")

    @property
    def alive(self) -> bool:
        """Return whether keys are still taken."""
        return self._dispatcher is not None and not self._dispatcher.done()

    @property
    def running(self) -> Iterator[Key]:
        """Yield whose passes are in work."""
        return (key for key, _ in self._running.values())

    @property
    def stuck_key(self) -> Key | None:
        """Return whose pass takes far longer than all of its requests may; None when none does."""
        late = time.monotonic() - STUCK_AFTER.total_seconds()
        return next((key for key, since in self._running.values() if since < late), None)

    async def stop(self, seconds: float) -> None:
        """Take no more keys, and wait a while for what is in work."""
        if self._dispatcher is not None:
            self._dispatcher.cancel()
            # Whatever it died of: the rest of the end must not be skipped for it.
            await asyncio.wait([self._dispatcher])
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _dispatch(self) -> None:
        while True:
            await self._slots.acquire()
            try:
                key = await self._queue.get()
            except BaseException:
                self._slots.release()
                raise
            task = asyncio.create_task(self._work(key, self._queue.waited), name=f"reconcile {key}")
            self._running[task] = (key, time.monotonic())
            task.add_done_callback(self._running.pop)

    async def _work(self, key: Key, waited: float) -> None:
        correlation.begin(str(key))
        started, outcome = time.monotonic(), "error"
        try:
            if self._queue.is_of_backlog(key):
                await let_others_work()
            again = await self._reconcilers[key.kind](key)
        except RateLimited:
            outcome = "rate_limited"
            # Woken when its turn comes; this is for a turn that got lost.
            self._queue.add_at(key, self._clock.now() + POSTPONED_AT_MOST)
        except Exception as error:
            pause = self._pause(error, self._queue.fail(key))
            _log.warning(
                "reconcile failed",
                error=str(error),
                next_try_seconds=round(pause.total_seconds(), 1),
                exc_info=not isinstance(error, OperatorError),
            )
            self._queue.add_at(key, self._clock.now() + pause)
        else:
            outcome = "success"
            self._queue.forget(key)
            if again is not None:
                self._queue.add_at(key, again)
        finally:
            self._passed(key.kind, outcome, waited, time.monotonic() - started)
            self._queue.done(key)
            self._slots.release()
