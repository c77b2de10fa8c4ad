"""Rows of two tables, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = dict[str, Any]

# Whether rows of the left, and of the right, stay that fit none of the other.
JOINS = {"inner": (False, False), "leftouter": (True, False), "fullouter": (True, True)}


def join(
    kind: str, left: list[Row], right: list[Row], key: str, left_names: Iterable[str], right_names: Mapping[str, str]
) -> list[Row]:
    """Return each row of the left with each of the right that has the same key, with regard to letter case.

    Args:
        kind: one of ``JOINS``.
        left: the rows of one side.
        right: those of the other.
        key: the column.
        left_names: the columns of the left.
        right_names: what the columns of the right are called beside them.
    """
    keeps_left, keeps_right = JOINS[kind]
    by_key: dict[Any, list[Row]] = {}
    for row in right:
        by_key.setdefault(row[key], []).append({right_names[name]: value for name, value in row.items()})
    no_left, no_right = _nothing(left_names, left), _nothing(right_names, right)
    beside_nothing = {right_names[name]: value for name, value in no_right.items()}
    found, fitting = [], set()
    for row in left:
        fitting.add(row[key])
        partners = by_key.get(row[key]) or ([beside_nothing] if keeps_left else [])
        found += [row | partner for partner in partners]
    if keeps_right:
        found += [no_left | row for value, rows in by_key.items() if value not in fitting for row in rows]
    return found


def _nothing(names: Iterable[str], rows: list[Row]) -> Row:
    """Return a row of nulls; a text is never null, but empty."""
    texts = {name for name, value in rows[0].items() if isinstance(value, str)} if rows else set()
    return {name: "" if name in texts else None for name in names}
