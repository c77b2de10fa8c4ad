"""How many requests a limit allows, learned from what answers say is left of it; pure.

Answers count down from a number that none of them names. Others count it down as well, and each window begins anew. So
the limit is more than what is left; and while the count goes on as our own requests explain it, the limit is at most
what is left and what we spent. A jump that they do not explain, up or down, is a new window, another limit or somebody
else's burst: then only what is left counts. So a limit that falls is followed at its first answer, and what others
spent in one window is there again in the next. One that begins about where the count of the old one stands cannot be
told from it, and is followed in the next window.
"""

from __future__ import annotations

from dataclasses import dataclass

_MOST_DISORDER = 10


def disorder(most: int) -> int:
    """Return by how many an answer of a limit may be off the count.

    Requests that are in flight together are answered out of order, and others spend one now and then.
    """
    return max(1, min(most // 10, _MOST_DISORDER))


@dataclass(slots=True)
class LearnedLimit:
    """One limit.

    Attributes:
        most: how many requests it allows in all; a guess before the first answer.
    """

    most: int
    _left: int | None = None
    _spent: int = 0

    def learn(self, left: int) -> None:
        """Take note of what an answer says is left."""
        unexplained = self._left is None or abs(left - self._left + 1) > disorder(self.most)
        self._spent = 1 if unexplained else self._spent + 1
        self._left = left
        self.most = min(max(self.most, left + 1), left + self._spent)
