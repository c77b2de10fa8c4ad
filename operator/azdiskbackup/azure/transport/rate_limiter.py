"""What we may ask of Azure, and in whose turn.

Of what Azure allows in a time, as its answers tell, we take a share and no more: others work in the same subscription.
Whoever would exceed
it is postponed, and woken when its turn has come: what people changed before what we only look at, and nobody's flood
before somebody else's single request. Nobody sleeps meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from azdiskbackup.azure.transport.learned_limit import LearnedLimit
from azdiskbackup.azure.transport.limits import SPARE, Limit, key_of, limits_of, remaining
from azdiskbackup.azure.transport.request_scope import Requester, current_requester
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

    fresh: dict[Hashable, dict[Hashable, None]] = field(default_factory=dict)
    others: dict[Hashable, dict[Hashable, None]] = field(default_factory=dict)
    # In the order in which they came, so that nobody looks through all of them for who has waited longest.
    since: dict[tuple[Hashable, Hashable], datetime] = field(default_factory=dict)

    def add(self, requester: Requester, now: datetime) -> None:
        flows = self.others if requester.flow in self.others else self.fresh
        flows.setdefault(requester.flow, {}).setdefault(requester.key)
        self.since.setdefault((requester.flow, requester.key), now)

    def pop(self) -> Hashable:
        """Return whose turn it is; there is somebody."""
        while True:
            flows = self.fresh or self.others
            name = next(iter(flows))
            flow = flows.pop(name)
            if not flow:
                continue
            key = next(iter(flow))
            del flow[key], self.since[name, key]
            # To the end of the row.
            self.others[name] = flow
            if not self.since:
                self.others.clear()
            return key

    @property
    def oldest(self) -> datetime | None:
        """Return since when the first of them waits."""
        return next(iter(self.since.values()), None)


@dataclass(slots=True)
class _Bucket:
    """Those who wait for one limit.

    Attributes:
        guess: our share before the first answer.
        limit: our share of what was learned.
        tokens: how many requests may be sent now; below zero after what is never broken off, a chain of pages say.
        waiting: those who wait; those in the background apart.
        turns: whose turn has come, and when.
        spare_at: when there was last more to be sent than what was waiting took.
    """

    guess: Limit
    tokens: float
    at: datetime
    spare_at: datetime = field(init=False)
    limit: Limit = field(init=False)
    learned: LearnedLimit = field(init=False)
    waiting: tuple[_FairQueue, _FairQueue] = field(default_factory=lambda: (_FairQueue(), _FairQueue()))
    turns: dict[Hashable, datetime] = field(default_factory=dict)
    told: datetime | None = None

    def __post_init__(self) -> None:
        self.limit, self.learned, self.spare_at = self.guess, LearnedLimit(self.guess.most), self.at

    def learn(self, left: int) -> None:
        """Follow what an answer says; the last tenth is left to others, whatever our share is."""
        self.learned.learn(left)
        if self.learned.most != self.limit.most:
            self.limit = self.guess.of(self.learned.most)
        self.tokens = min(self.tokens, self.limit.burst, left - self.limit.most / 10)

    def refill(self, now: datetime) -> None:
        gained = (now - self.at).total_seconds() * self.per_second
        self.tokens, self.at = min(self.limit.burst, self.tokens + gained), now
        if self.tokens >= SPARE:
            self.spare_at = now

    @property
    def per_second(self) -> float:
        """How many more with each second: all of our share once nothing was in hand for a whole window."""
        limit = self.limit
        if limit.window is None or self.at - self.spare_at < limit.window:
            return limit.per_second
        return limit.in_the_long_run

    def ready_at(self) -> datetime:
        missing = max(0.0, 1 - self.tokens)
        # Up to the next millisecond: a rounded clock must not come back too soon for ever.
        return self.at + timedelta(seconds=missing / self.per_second, milliseconds=1)

    def may_send(self, requester: Requester) -> bool:
        if requester.key in self.turns:
            return True
        before = self.waiting if requester.background else self.waiting[:1]
        return self.tokens >= 1 and not any(each.since for each in before)

    def queue(self, requester: Requester, now: datetime) -> None:
        self.waiting[requester.background].add(requester, now)

    def spend(self, requester: Requester | None) -> None:
        if requester is None or self.turns.pop(requester.key, None) is None:
            self.tokens -= 1

    def next(self, now: datetime) -> Hashable | None:
        """Return whose turn has come, flow by flow; None if nobody waits or nothing may be sent."""
        flows = next((each for each in self.waiting if each.since), None)
        if self.tokens < 1 or flows is None:
            return None
        key = flows.pop()
        self.tokens -= 1
        # Anew, at the end: it may have one already that it did not take.
        self.turns.pop(key, None)
        self.turns[key] = now
        return key

    @property
    def count(self) -> int:
        return sum(len(flows.since) for flows in self.waiting)

    @property
    def oldest(self) -> datetime | None:
        return min((flows.oldest for flows in self.waiting if flows.oldest is not None), default=None)

    def forget_turns(self, now: datetime) -> None:
        """Drop the turns that nobody took; the oldest stand first."""
        while self.turns and now - next(iter(self.turns.values())) > TURN_STAYS:
            del self.turns[next(iter(self.turns))]


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
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def acquire(self, method: str, path: str, *, continues: bool = False) -> None:
        """Spend what a request costs.

        Args:
            method: its method.
            path: its path.
            continues: whether it is the next page of an answer: a chain that is broken off was for nothing.

        Raises:
            RateLimited: it is not its turn; whoever asks is woken then.
        """
        who = current_requester()
        batch = who.batch if who is not None else None
        buckets = self._of(method, path)
        chained = continues and not (who is not None and who.page_by_page)
        if who is not None and not chained and not (batch is not None and batch.started):
            for bucket in buckets:
                if not bucket.may_send(who):
                    if who.waits:
                        bucket.queue(who, self._now())
                        self._later(bucket.ready_at())
                    raise RateLimited(f"{bucket.limit.name}: it is not our turn")
        for bucket in buckets:
            bucket.spend(who)
        if batch is not None:
            batch.started = True

    def note(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Learn from an answer how much is left; others spend as well."""
        for bucket in self._of(method, path):
            left = remaining(headers, bucket.limit)
            if left is not None:
                bucket.learn(left)

    def release_due(self) -> datetime | None:
        """Wake those whose turn has come; return when to come back, None if nobody waits."""
        now = self._now()
        again: list[datetime] = []
        for bucket in self._buckets.values():
            bucket.refill(now)
            bucket.forget_turns(now)
            while (key := bucket.next(now)) is not None:
                self._wake(key)
            oldest = bucket.oldest
            if oldest is not None:
                again.append(bucket.ready_at())
                self._say_starved(bucket, oldest, now)
        return min(again, default=None)

    def waiting(self) -> Iterator[tuple[str, str, int, float]]:
        """Yield, of each limit that somebody waits for: subscription, name, how many, the longest wait in seconds."""
        now = self._now()
        for (subscription, name), bucket in list(self._buckets.items()):
            oldest = bucket.oldest
            if oldest is not None:
                yield subscription, name, bucket.count, (now - oldest).total_seconds()

    def left(self) -> Iterator[tuple[str, str, float]]:
        """Yield, of each limit that was drawn on: subscription, name, and how many requests of our share are left."""
        for (subscription, name), bucket in list(self._buckets.items()):
            bucket.refill(self._now())
            yield subscription, name, max(0.0, bucket.tokens)

    def _say_starved(self, bucket: _Bucket, oldest: datetime, now: datetime) -> None:
        if now - oldest < STARVED or (bucket.told is not None and now - bucket.told < STARVED):
            return
        bucket.told = now
        minutes = round((now - oldest).total_seconds() / 60)
        name, count = bucket.limit.name, bucket.count
        _log.warning("requests are queued for a limit", limit=name, waiting=count, minutes=minutes)

    def _of(self, method: str, path: str) -> list[_Bucket]:
        subscription, kind, how = key_of(method, path)
        found = []
        for limit in limits_of(kind, how, self._share):
            bucket = self._buckets.setdefault((subscription, limit.name), _Bucket(limit, limit.burst, self._now()))
            bucket.refill(self._now())
            found.append(bucket)
        return found
