"""The functions of the query language that are known here: of one row, and of many."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from azure_simulator.graph.values import moment, string

Scalar = Callable[..., Any]


def case(*given: Any) -> Any:
    """Return what follows the first condition that holds, else the last argument."""
    for condition, value in zip(given[:-1:2], given[1::2], strict=False):
        if condition:
            return value
    return given[-1]


def split(text: Any, separator: str) -> list[str]:
    return string(text).split(separator)


def pack(*given: Any) -> dict[str, Any]:
    return dict(zip(map(string, given[::2]), given[1::2], strict=True))


def coalesce(*given: Any) -> Any:
    return next((each for each in given if each not in (None, "")), None)


def parse_json(text: Any) -> Any:
    """Return what a text holds; one that is no JSON is itself the value."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


@dataclass
class Run:
    """What a query finds, set at each run.

    Attributes:
        now: what its functions take for the time.
        rows: returns the rows of a table, by its lower-case name; raises KeyError for one that is not known.
    """

    now: datetime
    rows: Callable[[str], list[dict[str, Any]]]


def scalar_functions(run: Run) -> dict[str, Scalar]:
    """Return the functions of one row."""
    return {
        "ago": lambda span: run.now - span,
        "bag_pack": pack,
        "case": case,
        "coalesce": coalesce,
        "iff": lambda condition, yes, no: yes if condition else no,
        "isempty": lambda value: value in (None, ""),
        "isnotempty": lambda value: value not in (None, ""),
        "isnull": lambda value: value is None,
        "isnotnull": lambda value: value is not None,
        "not": lambda value: not value,
        "now": lambda: run.now,
        "pack": pack,
        "parse_json": parse_json,
        "split": split,
        "strcat": lambda *given: "".join(map(string, given)),
        "tobool": lambda value: string(value).lower() in ("true", "1"),
        "todatetime": moment,
        "tolower": lambda text: string(text).lower(),
        "tostring": string,
        "toupper": lambda text: string(text).upper(),
    }


def _largest(values: Iterable[Any]) -> Any:
    return max((each for each in values if each is not None), default=None)


def _smallest(values: Iterable[Any]) -> Any:
    return min((each for each in values if each is not None), default=None)


def _list(values: Iterable[Any], most: Iterable[Any] = ()) -> list[Any]:
    # Of thousands of rows the first few are wanted, as a rule: the others are not even built.
    return list(islice((each for each in values if each is not None), next(iter(most), None)))


def _distinct(values: Iterable[Any]) -> list[Any]:
    seen: dict[str, Any] = {}
    for value in values:
        seen.setdefault(json.dumps(value, default=str), value)
    return list(seen.values())


# Each takes one iterable for each argument, with one value for each row.
AGGREGATES: dict[str, Callable[..., Any]] = {
    "countif": lambda conditions: sum(map(bool, conditions)),
    "make_list": lambda values, *most: _list(values, *most),
    "make_set": lambda values, *most: _list(_distinct(values), *most),
    "max": _largest,
    "min": _smallest,
}
