"""What a docstring describes is there: a member that got another name is not described by the old one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SECTION = re.compile(r"^(?:Attributes|Args):\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^    \**(\w+):", re.MULTILINE)


def _described(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    sections = _SECTION.findall(ast.get_docstring(node) or "")
    return {name for section in sections for name in _ENTRY.findall(section)}


def _there(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield parameters; of a class also its members, and the parameters by which it is made."""
    if not isinstance(node, ast.ClassDef):
        given = node.args
        yield from (each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs))
        yield from (each.arg for each in (given.vararg, given.kwarg) if each is not None)
        return
    for inner in node.body:
        match inner:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case ast.FunctionDef(name="__init__"):
                yield from _there(inner)
            case ast.FunctionDef(name=name, decorator_list=[ast.Name(id="property")]):
                yield name
    stored = (each for each in ast.walk(node) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store))
    yield from (each.attr for each in stored)


def _wrong(source: str) -> list[str]:
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [f"{node.name}: {name}" for node in nodes for name in sorted(_described(node) - set(_there(node)))]


@pytest.mark.parametrize("folder", ["operator", "tests"])
def test_what_is_described_is_there(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    found = {str(path.relative_to(ROOT)): _wrong(path.read_text()) for path in files}
    assert not {path: wrong for path, wrong in found.items() if wrong}


def test_what_is_not_there_is_found() -> None:
    described = "    Attributes:\n        b: gone.\n        c: here.\n"
    assert _wrong(f'class A:\n    """A.\n\n{described}    """\n\n    c: int\n') == ["A: b"]
    assert _wrong('def f(c):\n    """F.\n\n    Args:\n        b: gone.\n    """\n') == ["f: b"]
