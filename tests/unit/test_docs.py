"""What the documents promise is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def names_in_the_tree() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(node.name)
    return found


def test_every_behaviour_has_its_test() -> None:
    rows = [line for line in (ROOT / "docs" / "behaviour.md").read_text().splitlines() if line.startswith("| ")][2:]
    known = names_in_the_tree()
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, f"no test in the row: {row}"
        assert not set(named) - known, f"no such test: {set(named) - known}"
    assert len(rows) > 50
