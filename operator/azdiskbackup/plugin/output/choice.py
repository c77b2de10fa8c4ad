"""A choice that a person makes at a terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from azdiskbackup.plugin.output.printer import Printer
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode


def can_ask(printer: Printer) -> bool:
    """Return whether somebody sits there who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty() and not printer.structured


def choose(printer: Printer, question: str, lines: Sequence[str]) -> int:
    """Return which of several lines a person chose; Enter is the first.

    Raises:
        CliError: nobody answers, or not with one of the numbers.
        KeyboardInterrupt: on Ctrl-C.
    """
    for number, line in enumerate(lines, 1):
        printer.note(f"{number:>3}  {line}")
    for _ in range(3):
        sys.stderr.write(f"{question} [1]: ")
        sys.stderr.flush()
        typed = _line()
        if not typed:
            raise CliError("Nothing chosen, so nothing was done.", ExitCode.INTERRUPTED)
        answer = typed.strip() or "1"
        if answer.isdecimal() and 1 <= int(answer) <= len(lines):
            return int(answer) - 1
        printer.note(f"Type a number from 1 to {len(lines)}, or Enter for 1.")
    raise CliError("Nothing chosen, so nothing was done.", ExitCode.USAGE)


def confirm(question: str) -> None:
    """Ask whether to go on.

    Raises:
        CliError: the answer is not yes.
        KeyboardInterrupt: on Ctrl-C.
    """
    sys.stderr.write(f"{question} [y/N]: ")
    sys.stderr.flush()
    if _line().strip().lower() not in ("y", "yes"):
        raise CliError("Nothing was changed.", ExitCode.INTERRUPTED)


def _line() -> str:
    """Read a line; empty at the end of the input."""
    # The event loop turns Ctrl-C into a cancellation, which nothing sees while a line is read.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline()
    finally:
        signal.signal(signal.SIGINT, before)
