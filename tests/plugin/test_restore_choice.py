"""`restore` at a terminal: which restore point, and what becomes of no answer."""

from __future__ import annotations

import io
import os
import pty
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from plugin.conftest import Run
from plugin.world import Api


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Yield what types at the terminal of the command."""
    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stream)
    monkeypatch.setattr(
        "azdiskbackup.plugin.commands.restore.can_ask", lambda printer: sys.stdin.isatty() and not printer.structured
    )

    def types(text: str) -> None:
        os.write(ours, text.encode())

    yield types
    stream.close()
    os.close(ours)


@pytest.mark.parametrize(("typed", "point"), [("\n", "point-0"), ("3\n", "point-2"), ("x\n99\n2\n", "point-1")])
def test_a_person_chooses(
    run: Run, terminal: Callable[[str], None], golden: Callable[[str, str], None], typed: str, point: str
) -> None:
    terminal(typed)
    code, out, err = run("restore", "data", "--dry-run")
    assert code == 0 and yaml.safe_load(out)["spec"]["restorePoint"] == {"id": point}
    if typed == "\n":
        golden("restore choice", err)


@pytest.mark.parametrize("typed", ["\x04", "a\nb\nc\n"])
def test_a_person_who_does_not_choose_gets_nothing(
    run: Run, api: Api, terminal: Callable[[str], None], typed: str
) -> None:
    terminal(typed)
    assert run("restore", "data")[0] != 0
    assert len(api.objects["diskrestores"]) == 2


def test_who_said_which_is_not_asked(run: Run, terminal: Callable[[str], None]) -> None:
    for words in (("--at", "3h"), ("--point", "point-4"), ("-o", "json")):
        code, _, err = run("restore", "data", "--dry-run", *words)
        assert code == 0 and "Which one" not in err


def test_ctrl_c_at_the_question_ends_it(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler of the event loop would wait for the line first."""
    typed = []

    class Terminal(io.StringIO):
        def readline(self, *_: Any) -> str:
            os.kill(os.getpid(), signal.SIGINT)
            typed.append("1")
            return "1\n"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("azdiskbackup.plugin.commands.restore.can_ask", lambda printer: True)
    assert run("restore", "data")[0] == 130
    assert not typed and len(api.objects["diskrestores"]) == 2


def test_without_a_terminal_nobody_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("3\n"))
    _, out, err = run("restore", "data", "--dry-run")
    assert "restorePoint" not in yaml.safe_load(out)["spec"] and "Which one" not in err
