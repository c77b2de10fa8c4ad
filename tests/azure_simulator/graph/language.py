"""From the text of a query to a function over rows; what is not known is refused, as a bad query is.

``table | where … | extend … | project … | order by … | summarize … by … | join kind=… (…) on …``, with the usual
expressions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from azure_simulator.graph.functions import AGGREGATES, Run, scalar_functions
from azure_simulator.graph.joins import JOINS, join
from azure_simulator.graph.values import COMPARE, like, minus, plus, string

Row = dict[str, Any]
Expression = Callable[[Row], Any]
Stage = Callable[[list[Row]], list[Row]]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<span>\d+(?:\.\d+)?(?:d|h|m|s)\b)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<sign>!in~|!in|in~|=~|!~|==|!=|<=|>=|[-+<>=|,.()\[\]]))"
)
# Every row of every table has them, most of them empty.
COLUMNS = (
    *("id", "name", "type", "tenantId", "kind", "location", "resourceGroup", "subscriptionId", "managedBy", "sku"),
    *("plan", "properties", "tags", "identity", "zones", "extendedLocation"),
)
# So many in a query, and no more.
_MOST_JOINS = 3
_SPANS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def _no_rows(table: str) -> list[Row]:
    raise AssertionError(f"the rows of {table} are known while a query runs")


class QueryError(Exception):
    """The query cannot be understood."""


@dataclass(frozen=True)
class Token:
    """One word of a query."""

    kind: str
    text: str


@dataclass(frozen=True)
class Query:
    """A query that was understood: the table, in lower case, and what is done with its rows."""

    table: str
    stages: list[Stage]
    environment: Run

    def run(self, rows: Callable[[str], list[Row]], now: datetime) -> list[Row]:
        """Return what comes of the tables; see ``Run``."""
        self.environment.rows, self.environment.now = rows, now
        return self.result()

    def result(self) -> list[Row]:
        """Return what comes of the tables of this run."""
        found = self.environment.rows(self.table)
        for stage in self.stages:
            found = stage(found)
        return found


@lru_cache(maxsize=256)
def parse(text: str) -> Query:
    """Read a query; the same few are asked again and again."""
    return _Parser(text).query()


def _words(text: str) -> Sequence[Token]:
    """Return the words of a query."""
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise QueryError(f"unexpected {text[at : at + 20]!r}")
        word = match[match.lastgroup]
        operator = word.lower() in ("in", "startswith", "contains", "and", "or", "by", "asc", "desc")
        # `in~` is one sign although it begins like a name.
        if match.lastgroup == "name" and word == "in" and text[match.end() : match.end() + 1] == "~":
            found.append(Token("sign", "in~"))
            at = match.end() + 1
            continue
        found.append(Token("word" if operator else match.lastgroup, word))
        at = match.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _words(text)
        self._at = 0
        self._environment = Run(datetime.min.replace(tzinfo=UTC), _no_rows)
        self._functions = scalar_functions(self._environment)
        self._joins = 0
        # Which columns there are at this point of the query: a row need not be there for an unknown one to be refused.
        self._columns_here = set(COLUMNS)

    # --- words ------------------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else Token("end", "")

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, *texts: str) -> bool:
        if self._peek().kind != "string" and self._peek().text.lower() in texts:
            self._at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise QueryError(f"{text!r} expected before {self._peek().text!r}")

    def _name(self) -> str:
        token = self._next()
        if token.kind != "name":
            raise QueryError(f"a name expected instead of {token.text!r}")
        return token.text

    # --- stages -----------------------------------------------------------------------------------

    def query(self) -> Query:
        found = self._pipeline()
        if self._peek().kind != "end":
            raise QueryError(f"unexpected {self._peek().text!r}")
        return found

    def _pipeline(self) -> Query:
        table, stages = self._name().lower(), []
        self._columns_here = set(COLUMNS)
        while self._take("|"):
            stages.append(self._stage())
        return Query(table, stages, self._environment)

    def _stage(self) -> Stage:
        operator = self._name().lower()
        if operator in ("order", "sort"):
            self._need("by")
            return self._order()
        known = {
            "where": self._where,
            "extend": self._extend,
            "project": self._project,
            "summarize": self._summarize,
            "join": self._join,
        }
        if operator not in known:
            raise QueryError(f"the operator {operator!r} is not supported")
        return known[operator]()

    def _where(self) -> Stage:
        condition = self._expression()
        return lambda rows: [row for row in rows if condition(row)]

    def _extend(self) -> Stage:
        columns = self._columns()
        self._columns_here |= {name for name, _ in columns}
        return lambda rows: [row | {name: value(row) for name, value in columns} for row in rows]

    def _project(self) -> Stage:
        columns = self._columns()
        self._columns_here = {name for name, _ in columns}
        return lambda rows: [{name: value(row) for name, value in columns} for row in rows]

    def _columns(self) -> list[tuple[str, Expression]]:
        found = [self._column()]
        while self._take(","):
            found.append(self._column())
        return found

    def _column(self) -> tuple[str, Expression]:
        if self._peek(1).text == "=":
            name = self._name()
            self._need("=")
            return name, self._expression()
        return self._peek().text, self._expression()

    def _order(self) -> Stage:
        keys: list[tuple[Expression, bool]] = []
        while not keys or self._take(","):
            key = self._expression()
            ascending = self._take("asc")
            # Without a word it is descending, as in Kusto.
            if not ascending:
                self._take("desc")
            keys.append((key, not ascending))

        def sort(rows: list[Row]) -> list[Row]:
            for key, reverse in reversed(keys):
                rows = sorted(rows, key=lambda row, key=key: _sortable(key(row)), reverse=reverse)  # type: ignore[misc]
            return rows

        return sort

    def _summarize(self) -> Stage:
        aggregates = [self._aggregate()]
        while self._take(","):
            aggregates.append(self._aggregate())
        self._need("by")
        by = self._columns()
        self._columns_here = {name for name, _ in (*by, *aggregates)}

        def summarize(rows: list[Row]) -> list[Row]:
            groups: dict[tuple[Any, ...], list[Row]] = {}
            for row in rows:
                groups.setdefault(tuple(value(row) for _, value in by), []).append(row)
            names = [name for name, _ in by]
            return [
                dict(zip(names, key, strict=True)) | {name: value(found) for name, value in aggregates}
                for key, found in groups.items()
            ]

        return summarize

    def _join(self) -> Stage:
        self._joins += 1
        if self._joins > _MOST_JOINS:
            raise QueryError(f"more than {_MOST_JOINS} joins")
        kind = "innerunique"
        if self._take("kind"):
            self._need("=")
            kind = self._name().lower()
        if kind not in JOINS:
            raise QueryError(f"the join {kind!r} is not supported")
        self._need("(")
        left, other = self._columns_here, self._pipeline()
        right = self._columns_here
        self._need(")")
        self._need("on")
        key = self._name()
        if key not in left or key not in right:
            raise QueryError(f"'join' operator: Failed to resolve column named '{key}'")
        # A column that both have is that of the left; the right's has a number.
        names = {name: f"{name}1" if name in left else name for name in right}
        self._columns_here = left | set(names.values())
        return lambda rows: join(kind, rows, other.result(), key, sorted(left), names)

    def _aggregate(self) -> tuple[str, Callable[[list[Row]], Any]]:
        name = self._name()
        if self._take("="):
            column, name = name, self._name()
        else:
            column = f"{name}_"
        self._need("(")
        arguments = self._arguments()
        if name.lower() == "count" and not arguments:
            return column, len
        if name.lower() not in AGGREGATES:
            raise QueryError(f"the aggregate {name!r} is not supported")
        function = AGGREGATES[name.lower()]
        return column, lambda rows: function(*(map(argument, rows) for argument in arguments))

    # --- expressions ------------------------------------------------------------------------------

    def _expression(self) -> Expression:
        left = self._conjunction()
        while self._take("or"):
            left = _either(left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._comparison()
        while self._take("and"):
            left = _both(left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self._sum()
        sign = self._peek().text.lower() if self._peek().kind in ("sign", "word") else ""
        if sign in ("in", "in~", "!in"):
            self._next()
            return self._membership(left, sign)
        if sign in COMPARE:
            self._next()
            right, compare = self._sum(), COMPARE[sign]
            return lambda row: compare(left(row), right(row))
        return left

    def _membership(self, left: Expression, sign: str) -> Expression:
        self._need("(")
        choices = self._arguments()
        if sign == "in~":
            return lambda row: any(like(left(row), choice(row)) for choice in choices)
        found: Expression = lambda row: any(string(left(row)) == string(choice(row)) for choice in choices)  # noqa: E731
        return found if sign == "in" else lambda row: not found(row)

    def _sum(self) -> Expression:
        left = self._primary()
        while self._peek().text in ("+", "-") and self._peek().kind == "sign":
            combine, right = (plus if self._next().text == "+" else minus), None
            right = self._primary()
            left = _combined(combine, left, right)
        return left

    def _primary(self) -> Expression:
        token = self._next()
        if token.text == "(":
            inner = self._expression()
            self._need(")")
            return self._path(inner)
        if token.kind == "string":
            return _constant(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if token.kind == "span":
            return _constant(timedelta(**{_SPANS[token.text[-1]]: float(token.text[:-1])}))
        if token.kind == "number":
            return _constant(float(token.text) if "." in token.text else int(token.text))
        if token.kind != "name":
            raise QueryError(f"unexpected {token.text!r}")
        if token.text.lower() in ("true", "false"):
            return _constant(token.text.lower() == "true")
        if self._take("("):
            return self._path(self._call(token.text))
        return self._path(self._named(token.text))

    def _named(self, name: str) -> Expression:
        if name not in self._columns_here:
            raise QueryError(f"'project' operator: Failed to resolve scalar expression named '{name}'")
        return lambda row: row[name]

    def _call(self, name: str) -> Expression:
        if name.lower() not in self._functions:
            raise QueryError(f"the function {name!r} is not supported")
        function, arguments = self._functions[name.lower()], self._arguments()
        return lambda row: function(*(argument(row) for argument in arguments))

    def _arguments(self) -> list[Expression]:
        if self._take(")"):
            return []
        found = [self._expression()]
        while self._take(","):
            found.append(self._expression())
        self._need(")")
        return found

    def _path(self, value: Expression) -> Expression:
        while True:
            if self._take("."):
                value = _member(value, self._name())
            elif self._take("["):
                token = self._next()
                key: Any = int(token.text) if token.kind == "number" else token.text.strip("'\"")
                self._need("]")
                value = _member(value, key)
            else:
                return value


def _constant(value: Any) -> Expression:
    return lambda row: value


def _either(left: Expression, right: Expression) -> Expression:
    return lambda row: bool(left(row) or right(row))


def _both(left: Expression, right: Expression) -> Expression:
    return lambda row: bool(left(row) and right(row))


def _combined(combine: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    return lambda row: combine(left(row), right(row))


def _member(value: Expression, key: Any) -> Expression:
    def look(row: Row) -> Any:
        held = value(row)
        if isinstance(held, dict):
            return held.get(key)
        if isinstance(held, list) and isinstance(key, int) and key < len(held):
            return held[key]
        return None

    return look


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)
