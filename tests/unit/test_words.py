"""Every string that a person can see is in the field's words: no phrase that hides actor, deadline or command."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted((ROOT / "operator" / "azdiskbackup").rglob("*.py"))
# Their docstrings are what `--help` shows.
COMMANDS = ROOT / "operator" / "azdiskbackup" / "plugin" / "runtime" / "app.py"
TEXTS = [
    *sorted((ROOT / "charts" / "azdiskbackup").rglob("*.yaml")),
    *sorted((ROOT / "charts" / "azdiskbackup").rglob("*.txt")),
    *sorted((ROOT / "charts" / "azdiskbackup").rglob("*.json")),
    *sorted((ROOT / "charts" / "azdiskbackup").rglob("*.tpl")),
    *sorted((ROOT / "crds").glob("*.yaml")),
    *sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
    *sorted((ROOT / "tests" / "plugin" / "golden").iterdir()),
    *sorted((ROOT / "docs" / "runbooks").glob("*.md")),
    *(ROOT / "docs" / "reference" / name for name in ("api.md", "reasons.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "tasks").glob("*.md")),
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
]
# A test may be named as it likes, also where a table names it.
TEST_NAME = re.compile(r"`test_\w+`")
# What to write instead: "the operator continues automatically", "not checked yet", "waiting for X to be migrated",
# "healthy", "in progress", "action required", "the operator retries at …", "does not exist", "cannot get".
DIALECT = re.compile(
    r"\b("
    r"by (it|them)sel(f|ves)|goes on|go on|on (the|its|their) way|all is well|"
    r"needs? a person|a person|somebody|nobody|whomever|"
    r"(is|are|was|were) (told|asked)|tells|looked? at|not asked|asked (us|anew)|asks anew|anew|"
    r"(has|have) yet to|as (it|they) should be|lets? go|puts? right|putting it right|run elsewhere|"
    r"is no name|want of|be had|did not expect|way (out|back)|tried again|try again|tries again|"
    r"as it is written|comes? to its end|brought back|bring(ing)? (it|them)? ?back|taken over|for a look|"
    r"rights? (in|on|to|that)|new rights"
    r")\b",
    re.IGNORECASE,
)


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module as they are written, with the parts of one in one piece; no docstrings."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    quiet = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and not (path == COMMANDS and isinstance(node, ast.FunctionDef) and node.decorator_list)
    }
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            inner |= {id(each) for each in ast.walk(node)}
        if id(node) in quiet or id(node) in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [each.value for each in node.values if isinstance(each, ast.Constant)]
            inner |= {id(each) for each in node.values}
            yield node.lineno, "…".join(str(each) for each in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT / "operator")))
def test_strings_of_the_code(path: Path) -> None:
    found = [f"{path}:{line}: {text}" for line, text in strings(path) if DIALECT.search(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts(path: Path) -> None:
    lines = enumerate(path.read_text().splitlines(), 1)
    found = [f"{path}:{number}: {line}" for number, line in lines if DIALECT.search(TEST_NAME.sub("", line))]
    assert not found, "\n".join(found)


def test_the_list_finds_the_phrases() -> None:
    for phrase in (
        "this goes on by itself when it appears",
        "The disk has yet to move to the policy",
        "1 of 5 as they should be, 2 on the way, 2 need a person",
        "'A_b' is no name of a namespace.",
    ):
        assert DIALECT.search(phrase)
