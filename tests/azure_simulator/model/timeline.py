"""Virtual time: it moves only when told, and on its way lets everything happen that is due, in order."""

from __future__ import annotations

import heapq
import itertools
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

_NAMESPACE = uuid.UUID("b1f2c1de-3a5e-4ac5-8f7e-0b6a4d7a1f00")


class Timeline:
    """The time of the model, what is due later, and a source of ids that is the same at every replay."""

    def __init__(self, start: datetime) -> None:
        self.now = start
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._ids = itertools.count()

    def later(self, after: timedelta, action: Callable[[], None]) -> None:
        """Let something happen after a while."""
        self.at(self.now + after, action)

    def at(self, when: datetime, action: Callable[[], None]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._due, (max(when, self.now), next(self._order), action))

    @property
    def next_due(self) -> datetime | None:
        """Return when something happens next."""
        return self._due[0][0] if self._due else None

    def advance(self, to: datetime) -> None:
        """Move to a time; what is due on the way happens at its own time."""
        while self._due and self._due[0][0] <= to:
            when, _, action = heapq.heappop(self._due)
            self.now = max(self.now, when)
            action()
        self.now = max(self.now, to)

    def new_id(self) -> str:
        """Return a new GUID."""
        return str(uuid.uuid5(_NAMESPACE, str(next(self._ids))))
