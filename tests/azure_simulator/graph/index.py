"""What Resource Graph knows, which is what was there some time ago."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime, timedelta

from azure_simulator.graph.tables import Row, Tables

# How exactly the past is known while the index lags.
PRECISION = timedelta(seconds=30)


class Index:
    """The tables, as they are or as they were; history is kept only while the index lags."""

    def __init__(self, tables: Tables, now: Callable[[], datetime], lag: Callable[[], timedelta]) -> None:
        self._tables = tables
        self._now = now
        self._lag = lag
        self._history: list[tuple[datetime, dict[str, list[Row]]]] = []

    def note(self) -> None:
        """Remember what is there, if it will be asked for later."""
        if not self._lag():
            self._history.clear()
            return
        if self._history and self._now() < self._history[-1][0] + PRECISION:
            return
        names = ("resources", "recoveryservicesresources")
        self._history.append((self._now(), {name: self._tables.rows(name) for name in names}))
        while len(self._history) > 1 and self._history[1][0] <= self._now() - self._lag():
            self._history.pop(0)

    def rows(self, table: str, subscriptions: Container[str]) -> list[Row]:
        """Return the rows of a table and of subscriptions in lower case; raise KeyError for one that is not known."""
        self.note()
        if not self._history:
            return self._tables.rows(table, subscriptions)
        return [each for each in self._history[0][1][table] if each["subscriptionId"].lower() in subscriptions]
