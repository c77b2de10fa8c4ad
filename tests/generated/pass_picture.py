"""docs/pass.svg: one pass of a ProtectedDisk, drawn from the rules, facts, steps and state in the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from html import escape
from typing import Any

from azdiskbackup.core.protected_disk import steps
from azdiskbackup.core.protected_disk.deletion import DELETION_RULES
from azdiskbackup.core.protected_disk.observed import Fact
from azdiskbackup.core.protected_disk.rules import PROVISIONING_RULES
from azdiskbackup.reconcilers.protected_disk.state import DiskState
from generated.concepts_picture import STYLE, page

_WIDTH, _ROW, _TOP = 1080, 26, 196
_COLUMNS = (
    ("condition", 30),
    ("rule, in this order", 170),
    ("facts that it may need", 480),
    ("steps that it may take", 740),
)
_FLOW = (
    ("event", "watch, sweep, timer"),
    ("queue", "one key an object"),
    ("gather", "cache, then facts"),
    ("decide", "the first unsatisfied rule"),
    ("act", "at most one step"),
    ("report", "status, if changed"),
)
_STEPS = {name for name, each in vars(steps).items() if inspect.isclass(each) and each.__module__ == steps.__name__}


def picture() -> str:
    """Return the picture."""
    rules = [*PROVISIONING_RULES, *DELETION_RULES]
    bottom = _TOP + _ROW * (len(rules) + 3)
    height = bottom + 60 + 22 * ((len(fields(DiskState)) + 2) // 3)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        "<title>One pass of a ProtectedDisk</title>",
        f"<style>{STYLE}\n</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        page(_WIDTH, height),
        *_flow(),
        *(_text(x, _TOP - 28, title, "title") for title, x in _COLUMNS),
        *_rows(PROVISIONING_RULES, _TOP),
        _text(30, _TOP + _ROW * (len(PROVISIONING_RULES) + 1), "while the object is being deleted", "title"),
        *_rows(DELETION_RULES, _TOP + _ROW * (len(PROVISIONING_RULES) + 2)),
        *_state(bottom + 20),
        "</svg>",
        "",
    ])  # fmt: skip


def _flow() -> Iterator[str]:
    for number, (title, line) in enumerate(_FLOW):
        x = 20 + number * 178
        yield f'<rect class="ours" x="{x}" y="40" width="150" height="56" rx="6"/>'
        yield _text(x + 75, 64, title, "title", "middle") + _text(x + 75, 83, line, "small", "middle")
        if number:
            yield f'<path class="arrow" d="M{x - 28} 68 H{x - 2}"/>'
    # While a rule needs a fact.
    yield '<path class="arrow" d="M629 96 V122 H451 V98"/>' + _text(
        540, 138, "need(fact): fetch it, once", "small", "middle"
    )
    yield _text(20, 24, "One pass of a ProtectedDisk (reconcilers/common/reconciler.py)", "title")


def _rows(rules: Any, top: int) -> Iterator[str]:
    for number, (condition, rule) in enumerate(rules):
        y = top + number * _ROW
        source = _source(rule)
        facts = [fact.name for fact in Fact if f"Fact.{fact.name}" in source]
        taken = [name for name in re.findall(r"\b([A-Z]\w+)\(", source) if name in _STEPS]
        cells = (condition, rule.__name__, ", ".join(facts), ", ".join(dict.fromkeys(taken)))
        style = "theirs" if number % 2 else "region"
        yield f'<rect class="{style}" x="20" y="{y - 18}" width="{_WIDTH - 40}" height="{_ROW}"/>'
        for (_, x), cell in zip(_COLUMNS, cells, strict=True):
            yield _text(x, y, cell, "title" if x == _COLUMNS[1][1] else "small")


def _source(rule: Callable[..., Any]) -> str:
    """Return the source of a rule, with that of the functions of its module that it calls."""
    module = inspect.getmodule(rule)
    helpers = {name: each for name, each in vars(module).items() if inspect.isfunction(each) and name.startswith("_")}
    found, left = "", [rule]
    while left:
        text = inspect.getsource(left.pop())
        left += [helpers.pop(name) for name in re.findall(r"\b(_\w+)\(", text) if name in helpers]
        found += text
    return found


def _state(top: int) -> Iterator[str]:
    yield _text(20, top, "What it leaves for the next pass (DiskState): losing it costs calls, nothing else", "title")
    for number, member in enumerate(fields(DiskState)):
        yield _text(30 + 350 * (number % 3), top + 26 + 22 * (number // 3), f"{member.name}: {member.type}", "small")


def _text(x: int, y: int, words: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
