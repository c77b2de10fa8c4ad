"""What the values of the query language are, and how they compare: dynamic ones turn into what they are compared with.

A null is None, a span a timedelta, a time an aware datetime; everything else is what JSON knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any


def string(value: Any) -> str:
    """Return a value as text; nothing at all is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def moment(value: Any) -> datetime | None:
    """Return a value as a time, None if it is none."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not value:
        return None
    try:
        when = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when


def equal(left: Any, right: Any) -> bool:
    """Compare with regard to letter case; a text on one side makes a text of the other."""
    if isinstance(left, str) != isinstance(right, str):
        return string(left) == string(right)
    return bool(left == right)


def like(left: Any, right: Any) -> bool:
    """Compare without regard to letter case."""
    return string(left).lower() == string(right).lower()


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if isinstance(right, datetime) and not isinstance(left, datetime):
            left = moment(left)
            return left is not None and compare(left, right)
        return compare(left, right)

    return holds


def plus(left: Any, right: Any) -> Any:
    return None if left is None or right is None else left + right


def minus(left: Any, right: Any) -> Any:
    return None if left is None or right is None else left - right


def json_value(value: Any) -> Any:
    """Return a value as an answer carries it."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond:06d}0Z"
    if isinstance(value, timedelta):
        return str(value)
    return value


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "=~": like,
    "!~": lambda left, right: not like(left, right),
    "<": _ordered(lambda left, right: bool(left < right)),
    "<=": _ordered(lambda left, right: bool(left <= right)),
    ">": _ordered(lambda left, right: bool(left > right)),
    ">=": _ordered(lambda left, right: bool(left >= right)),
    "startswith": lambda left, right: string(left).lower().startswith(string(right).lower()),
    "contains": lambda left, right: string(right).lower() in string(left).lower(),
}
