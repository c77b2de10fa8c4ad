"""What we may ask of Azure, and in whose turn.

Of what Azure allows in a time we take a share and no more: others work in the same subscription. Whoever would exceed
it is postponed, and woken when its turn has come: what people changed before what we only look at, and nobody's flood
before somebody else's single request. Nobody sleeps meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from azdiskbackup.azure.transport.limits import Limit, key_of, limits_of, remaining
from azdiskbackup.azure.transport.request_scope import Requester, current_batch, current_requester
from azdiskbackup.errors import RateLimited

# A turn that nobody takes is lost.
TURN_STAYS = timedelta(minutes=5)
STARVED = timedelta(minutes=10)

_log = structlog.get_logger("azdiskbackup.budget")


@dataclass(slots=True)
class _FairQueue:
    """Those who wait for one limit, by flow, and since when.

    Flows take turns, and one that has just come goes first: who asks once does not wait behind each of those who flood.
    It then has its place among the others, also while it wants nothing, until its next turn would have come: to come
    again and again gains nothing.
    """

    fresh: dict[Hashable, dict[Hashable, datetime]] = field(default_factory=dict)
    others: dict[Hashable, dict[Hashable, datetime]] = field(default_factory=dict)

    def add(self, current_requester: Requester, now: datetime) -> None:
        flows = self.others if current_requester.flow in self.others else self.fresh
        flows.setdefault(current_requester.flow, {}).setdefault(current_requester.key, now)

    def acquire(self) -> Hashable:
        """Return whose turn it is; there is somebody."""
        while True:
            flows = self.fresh or self.others
            name = next(iter(flows))
            flow = flows.pop(name)
            if not flow:
                continue
            key = next(iter(flow))
            del flow[key]
            # To the end of the row.
            self.others[name] = flow
            if not self:
                self.others.clear()
            return key

    def __bool__(self) -> bool:
        return next(self.since(), None) is not None

    def since(self) -> Iterator[datetime]:
        """Yield since when each of them waits."""
        for flow in (*self.fresh.values(), *self.others.values()):
            yield from flow.values()


@dataclass(slots=True)
class _Bucket:
    """Those who wait for one limit.

    Attributes:
        tokens: how many requests may be sent now; below zero after what is never broken off, a chain of pages say.
        waiting: those who wait; those in the background apart.
        turns: whose turn has come, and when.
    """

    limit: Limit
    tokens: float
    at: datetime
    waiting: tuple[_FairQueue, _FairQueue] = field(default_factory=lambda: (_FairQueue(), _FairQueue()))
    turns: dict[Hashable, datetime] = field(default_factory=dict)
    told: datetime | None = None

    def refill(self, now: datetime) -> None:
        gained = (now - self.at).total_seconds() * self.limit.per_second
        self.tokens, self.at = min(self.limit.burst, self.tokens + gained), now

    def ready_at(self) -> datetime:
        missing = max(0.0, 1 - self.tokens)
        # Up to the next millisecond: a rounded clock must not come back too soon for ever.
        return self.at + timedelta(seconds=missing / self.limit.per_second, milliseconds=1)

    def may_send(self, current_requester: Requester) -> bool:
        if current_requester.key in self.turns:
            return True
        before = self.waiting if current_requester.background else self.waiting[:1]
        return self.tokens >= 1 and not any(before)

    def queue(self, current_requester: Requester, now: datetime) -> None:
        self.waiting[current_requester.background].add(current_requester, now)

    def spend(self, current_requester: Requester | None) -> None:
        if current_requester is None or self.turns.pop(current_requester.key, None) is None:
            self.tokens -= 1

    def next(self, now: datetime) -> Hashable | None:
        """Return whose turn has come, flow by flow; None if nobody waits or nothing may be sent."""
        flows = next((each for each in self.waiting if each), None)
        if self.tokens < 1 or flows is None:
            return None
        key = flows.acquire()
        self.tokens -= 1
        self.turns[key] = now
        return key

    @property
    def count(self) -> int:
        return sum(1 for flows in self.waiting for _ in flows.since())

    @property
    def oldest(self) -> datetime | None:
        return min((since for flows in self.waiting for since in flows.since()), default=None)


class RateLimiter:
    """The share of what Azure allows.

    Args:
        now: the time.
        share: from 0 to 1.
        wake: called with the key of somebody whose turn has come.
        later: called with the time at which ``release_due`` has to be called.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        share: float,
        wake: Callable[[Hashable], None] = lambda key: None,
        later: Callable[[datetime], None] = lambda when: None,
    ) -> None:
        self._now = now
        self._share = share
        self._wake = wake
        self._later = later
        self._lines: dict[tuple[str, str], _Bucket] = {}

    def acquire(self, method: str, path: str, *, continues: bool = False) -> None:
        """Spend what a request costs.

        Args:
            method: its method.
            path: its path.
            continues: whether it is the next page of an answer: a chain that is broken off was for nothing.

        Raises:
            Postponed: it is not its turn; whoever asks is woken then.
        """
        who, go = current_requester(), current_batch()
        lines = self._of(method, path)
        chained = continues and not (who is not None and who.page_by_page)
        if who is not None and not chained and not (go is not None and go.begun):
            for line in lines:
                if not line.may_send(who):
                    if who.waits:
                        line.queue(who, self._now())
                        self._later(line.ready_at())
                    raise RateLimited(f"{line.limit.name}: it is not our turn")
        for line in lines:
            line.spend(who)
        if go is not None:
            go.begun = True

    def note(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Learn from an answer how much is left; others spend as well."""
        for line in self._of(method, path):
            left = remaining(headers, line.limit)
            if left is not None:
                # The last tenth is left to others, whatever our share is.
                line.tokens = min(line.tokens, left - line.limit.most / 10)

    def release_due(self) -> datetime | None:
        """Wake those whose turn has come; return when to come back, None if nobody waits."""
        now = self._now()
        again: list[datetime] = []
        for line in self._lines.values():
            line.refill(now)
            for key in [key for key, since in line.turns.items() if now - since > TURN_STAYS]:
                del line.turns[key]
            while (key := line.next(now)) is not None:
                self._wake(key)
            oldest = line.oldest
            if oldest is not None:
                again.append(line.ready_at())
                self._say_starved(line, oldest, now)
        return min(again, default=None)

    def waiting(self) -> Iterator[tuple[str, str, int, float]]:
        """Yield, of each limit that somebody waits for: subscription, name, how many, the longest wait in seconds."""
        now = self._now()
        for (subscription, name), line in list(self._lines.items()):
            oldest = line.oldest
            if oldest is not None:
                yield subscription, name, line.count, (now - oldest).total_seconds()

    def left(self) -> Iterator[tuple[str, str, float]]:
        """Yield, of each limit that was drawn on: subscription, name, and how many requests of our share are left."""
        for (subscription, name), line in list(self._lines.items()):
            line.refill(self._now())
            yield subscription, name, max(0.0, line.tokens)

    def _say_starved(self, line: _Bucket, oldest: datetime, now: datetime) -> None:
        if now - oldest < STARVED or (line.told is not None and now - line.told < STARVED):
            return
        line.told = now
        minutes = round((now - oldest).total_seconds() / 60)
        name, count = line.limit.name, line.count
        _log.warning("requests are queued for a limit", limit=name, waiting=count, minutes=minutes)

    def _of(self, method: str, path: str) -> list[_Bucket]:
        subscription, kind, how = key_of(method, path)
        found = []
        for limit in limits_of(kind, how, self._share):
            line = self._lines.setdefault((subscription, limit.name), _Bucket(limit, limit.burst, self._now()))
            line.refill(self._now())
            found.append(line)
        return found
