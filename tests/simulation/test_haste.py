"""A circle is seen, whether time passes in it or not; who only has much to do is no circle."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from simulation.haste import Rates, StoryLoop

START = datetime(2026, 1, 5, tzinfo=UTC)


def _stands_still(turns: int, pause: float) -> bool:
    seen = []

    async def goes_on() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StoryLoop)
        loop.on_standstill = lambda: seen.append(loop.time())
        for _ in range(turns):
            await asyncio.sleep(pause)

    with asyncio.Runner(loop_factory=StoryLoop) as runner:
        runner.run(goes_on())
    return bool(seen)


def test_a_loop_in_which_no_time_passes_is_seen() -> None:
    assert _stands_still(1_100, 0)


def test_a_loop_in_which_time_passes_is_none() -> None:
    assert not _stands_still(1_100, 0.001)


def test_a_request_that_is_sent_again_and_again_is_seen_once() -> None:
    rates = Rates()
    told = [rates.too_often("PATCH", "/a?x=1", START + timedelta(seconds=each / 10)) for each in range(200)]
    assert [each for each in told if each] == ["PATCH /a 100 times in 0:01:00"]


def test_many_requests_and_those_of_a_long_time_are_none() -> None:
    rates = Rates()
    told = [rates.too_often("PATCH", f"/{each}", START) for each in range(200)]
    told += [rates.too_often("PATCH", "/a", START + timedelta(seconds=4 * each)) for each in range(200)]
    told += [rates.too_often("POST", "/events", START) for each in range(200)]
    assert not any(told)
