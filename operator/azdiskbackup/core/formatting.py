"""Times and spans as a person reads them in a message."""

from __future__ import annotations

from datetime import datetime, timedelta


def clock_time(when: datetime) -> str:
    """Return a time such as ``2026-11-22 14:05 UTC``."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def span(duration: timedelta) -> str:
    """Return a span such as ``12 min`` or ``3 h 5 min``."""
    minutes = max(0, round(duration.total_seconds() / 60))
    hours, rest = divmod(minutes, 60)
    if hours and rest:
        return f"{hours} h {rest} min"
    return f"{hours} h" if hours else f"{rest} min"


def listing(names: list[str], most: int = 3) -> str:
    """Return some names and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
