"""Times, sizes and states as they are shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from rich.text import Text

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Signed(StrEnum):
    """States that are JSON by their name, and shown by a sign.

    Attributes:
        nice: the sign.
        plain: the sign where only ASCII can be shown.
        style: its colour.
        meaning: what it means, where a legend says so.
    """

    nice: str
    plain: str
    style: str
    meaning: str

    def __new__(cls, name: str, nice: str, plain: str, style: str, meaning: str = "") -> Self:
        """Make a member."""
        made = str.__new__(cls, name)
        made._value_ = name
        made.nice, made.plain, made.style, made.meaning = nice, plain, style, meaning
        return made

    def sign(self, encoding: str) -> Text:
        """Return the sign for a stream of an encoding."""
        return Text(self.nice if "utf" in encoding.lower() else self.plain, style=self.style)


class State(Signed):
    """How something is, from far away."""

    GOOD = "GOOD", "✓", "+", "green"
    IN_PROGRESS = "IN_PROGRESS", "…", "~", "yellow"
    ACTION_REQUIRED = "ACTION_REQUIRED", "✗", "x", "red"
    UNKNOWN = "UNKNOWN", "·", ".", "dim"


def age(since: datetime | None, now: datetime) -> str:
    """Return how long ago something was, such as ``5m``, ``3h`` or ``12d``; ``-`` for never."""
    return short(now - since) if since is not None else "-"


def until(when: datetime | None, now: datetime) -> str:
    """Return how long it is until something, such as ``in 3h``; ``-`` for never, ``now`` for what is past."""
    if when is None:
        return "-"
    return f"in {short(when - now)}" if when > now else "now"


def short(span: timedelta) -> str:
    """Return a span as kubectl does, in its one or two largest units."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR}h"
    return f"{seconds // _DAY}d"


def moment(when: datetime | None) -> str:
    """Return a time such as ``2026-11-22 14:05``, in UTC; ``-`` for none."""
    return f"{when:%Y-%m-%d %H:%M}" if when is not None else "-"


def duration(seconds: float | None) -> str:
    """Return how long something took."""
    return short(timedelta(seconds=seconds)) if seconds is not None else "-"


def counted(number: int, what: str) -> str:
    """Return a number of things, such as ``1 disk`` or ``3 disks``."""
    return f"{number} {what if number == 1 else f'{what}s'}"
