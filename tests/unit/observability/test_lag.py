"""By how much the event loop is late."""

from __future__ import annotations

import asyncio

import pytest

from azdiskbackup.observability.lag import Lag

# Time passes when nobody has anything to do.
pytestmark = pytest.mark.virtual_time


async def test_a_loop_that_is_late_is_told() -> None:
    blocked, loop = 0.0, asyncio.get_running_loop()
    lag = Lag(monotonic=lambda: loop.time() + blocked)
    assert lag.most == 0
    task = asyncio.create_task(lag.measure())
    await asyncio.sleep(2.5)
    assert lag.most == pytest.approx(0)
    blocked = 0.4
    await asyncio.sleep(1)
    task.cancel()
    assert lag.most == pytest.approx(0.4)
