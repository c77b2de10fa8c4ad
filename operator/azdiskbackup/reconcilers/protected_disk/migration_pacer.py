"""Disks whose policy was replaced move one after the other, so that an edit is no flood."""

from __future__ import annotations

from datetime import datetime, timedelta


class MigrationPacer:
    """Hands out moments, evenly spaced; a restart begins anew, and what has moved has moved."""

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._next: datetime | None = None

    def reserve(self, now: datetime) -> datetime:
        """Return when the next one may go."""
        turn = now if self._next is None else max(now, self._next)
        self._next = turn + self._every
        return turn
