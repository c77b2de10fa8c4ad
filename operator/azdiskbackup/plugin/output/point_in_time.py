"""Points in time as a person types them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|UTC|[+-]\d\d:\d\d)?", re.IGNORECASE)
_PART = re.compile(r"(\d{1,5})\s*([mhdw])")
_AGO = re.compile(r"(?:\d{1,5}\s*[mhdw]\s*)+(?:ago)?", re.IGNORECASE)
# By how exactly a time was typed.
_LASTS = {1: timedelta(seconds=59, milliseconds=999), 2: timedelta(milliseconds=999), 3: timedelta()}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def point_in_time(text: str, now: datetime) -> datetime:
    """Return a time: RFC 3339, ``2026-11-22 10:00`` in UTC, or a span before now such as ``3h`` or ``1d12h``.

    Of a minute or a second it is the end, since tables show restore points by the minute: what is copied from there
    means the point of that minute, not the one before it.

    Raises:
        ValueError: it is none, or has not begun yet; the sentence says what is.
    """
    typed = text.strip()
    if _AGO.fullmatch(typed):
        parts = _PART.findall(typed.lower())
        span = sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
        return (now - span).replace(microsecond=0)
    found = _TIME.fullmatch(typed)
    if found is None:
        raise ValueError(f"invalid time {text!r}: use 2026-11-22T10:00:00Z, '2026-11-22 10:00' (UTC), or 3h or 2d ago")
    day, clock, zone = found.groups()
    offset = "+00:00" if zone is None or zone.upper() in ("Z", "UTC") else zone
    try:
        begins = datetime.fromisoformat(f"{day}T{clock}{offset}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"invalid time {text!r}: {error}") from error
    if begins > now:
        raise ValueError(f"{begins:%Y-%m-%d %H:%M} UTC is in the future: leave --at out for the newest restore point")
    return begins + _LASTS[clock.count(":") + clock.count(".")]
