"""By how much the event loop is late: what blocks it, blocks everything."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

_EVERY_SECONDS = 1.0
_KEPT = 60


class Lag:
    """Measures once a second.

    Args:
        monotonic: real time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._late: deque[float] = deque(maxlen=_KEPT)

    @property
    def most(self) -> float:
        """Return the seconds by which it was late, at most, in the last minute."""
        return max(self._late, default=0.0)

    async def measure(self) -> None:
        """Measure until cancelled."""
        while True:
            started = self._monotonic()
            await asyncio.sleep(_EVERY_SECONDS)
            self._late.append(max(0.0, self._monotonic() - started - _EVERY_SECONDS))
