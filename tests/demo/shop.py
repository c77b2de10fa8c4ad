"""A shop with its orders in SQLite, as a pod runs it: `shop.py take 1000`, `shop.py count`, `shop.py drop`."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def main(verb: str, *words: str) -> None:
    """Do what a verb says with the database on the disk, and print how many orders there are."""
    with closing(sqlite3.connect(Path(os.environ["DATA"]) / "shop.db")) as database, database:
        match verb:
            case "take":
                database.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, item TEXT NOT NULL)")
                orders = ((number, f"item {number % 17}") for number in range(1, int(words[0]) + 1))
                database.executemany("INSERT INTO orders VALUES (?, ?)", orders)
            case "drop":
                database.execute("DROP TABLE orders")
        print(_count(database))


def _count(database: sqlite3.Connection) -> int:
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'orders'").fetchone():
        return 0
    found: int = database.execute("SELECT count(*) FROM orders").fetchone()[0]
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
