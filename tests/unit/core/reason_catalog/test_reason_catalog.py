"""Every reason that an object can have is explained, for the kinds that can have it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from azdiskbackup import errors
from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azdiskbackup.core.reason_catalog.entry import KINDS
from azdiskbackup.core.rules import reasons

CORE = Path(reasons.__file__).parents[1]
_NAMES = (
    "backup_vault",
    "disk_backup_policy",
    "protected_disk",
    "on_demand_backup",
    "disk_restore",
    "disk_protection_rule",
)
FOLDERS = dict(zip(_NAMES, KINDS, strict=True))


def constants() -> dict[str, str]:
    """Return the constants that are reasons, those before the first heading of reasons being types of conditions."""
    types_end = Path(reasons.__file__).read_text().split("# --- reasons: for all kinds")[0].count("\n")
    tree = ast.parse(Path(reasons.__file__).read_text())
    return {
        each.target.id: each.value.value
        for each in tree.body
        if isinstance(each, ast.AnnAssign)
        and isinstance(each.target, ast.Name)
        and isinstance(each.value, ast.Constant)
        and each.lineno > types_end
    }


def classes(root: type[errors.OperatorError] = errors.OperatorError) -> Iterator[type[errors.OperatorError]]:
    for each in root.__subclasses__():
        if each.__module__ == errors.__name__:
            yield each
            yield from classes(each)


def used(folder: str) -> Iterator[str]:
    """Yield the reasons that the modules of a kind name."""
    for path in (CORE / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "reasons":
                yield node.attr


def test_every_reason_is_explained_and_nothing_else() -> None:
    own = {each.reason for each in classes() if each not in (errors.Terminal, errors.Blocked)}
    assert set(constants().values()) | own == set(REASON_CATALOG)


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_is_explained_for_the_kinds_that_have_it(folder: str) -> None:
    known = constants()
    # The type Ready is written as the reason of what holds as a whole.
    found = set(used(folder)) & set(known)
    assert found
    for name in found:
        assert FOLDERS[folder] in REASON_CATALOG[known[name]].kinds, f"{name} of {folder}"


@pytest.mark.parametrize("reason", REASON_CATALOG)
def test_it_is_said_in_whole_sentences(reason: str) -> None:
    each = REASON_CATALOG[reason]
    for text in (each.cause, each.remediation):
        assert text[0].isupper() or text[0] == "`"
        assert text.rstrip("`").endswith(".")
        assert 10 < len(text) < 500
    assert each.kinds
