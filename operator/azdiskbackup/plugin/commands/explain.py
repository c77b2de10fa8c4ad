"""`explain`: what a reason of a condition means, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from azdiskbackup.core.reason_catalog import REASON_CATALOG, Expect, ReasonEntry
from azdiskbackup.plugin.output.formatting import State
from azdiskbackup.plugin.output.printer import Column, Printer
from azdiskbackup.plugin.runtime.exit_code import CliError, ExitCode, suggest

STATES = {Expect.GOOD: State.GOOD, Expect.IN_PROGRESS: State.IN_PROGRESS, Expect.ACTION_REQUIRED: State.ACTION_REQUIRED}


def run(printer: Printer, reason: str | None) -> ExitCode:
    """Explain a reason; or list those whose name has the word in it, all of them without a word."""
    known = {name.lower(): each for name, each in REASON_CATALOG.items()}
    word = reason or ""
    found = known.get(word.lower())
    if found is None:
        fitting = [each for name, each in known.items() if word.lower() in name]
        if fitting:
            _list(printer, fitting)
            return ExitCode.DONE
        raise CliError(f"Reason {word!r} does not exist.{suggest(word, REASON_CATALOG)}", ExitCode.USAGE)
    if printer.structured:
        printer.data(found)
    else:
        _show(printer, found)
    return ExitCode.DONE


def _show(printer: Printer, found: ReasonEntry) -> None:
    state = STATES[found.expect]
    head = Text.assemble(
        state.sign(printer.out.encoding), " ", (found.reason, "bold"), f"  of {', '.join(found.kinds)}"
    )
    printer.show(head)
    printer.show(Text(found.expect.value, style=state.style))
    for title, text in (("Cause", found.cause), ("Remediation", found.remediation)):
        printer.paragraph(text, indent=13, label=Text(f"{title:13}", style="bold"))


def _list(printer: Printer, found: Sequence[ReasonEntry]) -> None:
    columns: Sequence[Column[ReasonEntry]] = (
        Column("REASON", lambda entry: entry.reason),
        Column("", lambda entry: STATES[entry.expect].sign(printer.out.encoding)),
        Column("CAUSE", lambda entry: entry.cause, prose=True),
        Column("REMEDIATION", lambda entry: entry.remediation, wide=True),
        Column("KINDS", lambda entry: ", ".join(entry.kinds), wide=True),
    )
    with printer.paged():
        printer.table(columns, found, "")
