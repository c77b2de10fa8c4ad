"""One thing that somebody does, and where."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

DAY = 86_400.0
# What else happens by then is the end of all faults.
LENGTH = 3 * DAY
TEAMS, CLAIMS = 2, 3


@dataclass(frozen=True)
class Action:
    """One thing that somebody does.

    Attributes:
        at: seconds after the beginning.
        actor: who.
        verb: what, the name of a method of ``simulation.actors``.
        how: its arguments, which JSON can hold.
    """

    at: float
    actor: str
    verb: str
    how: dict[str, Any]

    def __str__(self) -> str:
        how = ", ".join(f"{name}={value!r}" for name, value in self.how.items())
        return f"{self.at / 3600:7.2f} h  {self.actor:<9} {self.verb}({how})"


def a_disk(chance: random.Random) -> dict[str, Any]:
    """Return a disk of a team, by chance."""
    return {"team": chance.randrange(TEAMS), "claim": chance.randrange(CLAIMS)}
