"""How a bug is planted into the rules."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from unittest import mock

# Plants a bug for as long as its context lasts.
Patch = Callable[[], contextlib.AbstractContextManager[Any]]
Rule = Callable[..., Any]


@contextlib.contextmanager
def another_rule(rule: Rule, instead: Rule, table: str, *modules: ModuleType) -> Iterator[None]:
    """Have a rule replaced in a table, wherever that is used; an error where it is in none."""
    with contextlib.ExitStack() as all_:
        for module in modules:
            rules = getattr(module, table)
            assert any(each is rule for _, each in rules), f"{module.__name__}.{table} has that rule"
            changed = tuple((type_, instead if each is rule else each) for type_, each in rules)
            all_.enter_context(mock.patch.object(module, table, changed))
        yield
