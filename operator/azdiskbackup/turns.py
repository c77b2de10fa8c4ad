"""Long work in pieces: whoever answers to a person comes in between."""

from __future__ import annotations

import asyncio

# A pass waits for answers a few dozen times; with one turn between two pieces it would wait for as many pieces.
_TURNS = 10


async def let_others_work() -> None:
    """Give way to all who can work now, and to what they make ready, for some turns of the event loop."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
