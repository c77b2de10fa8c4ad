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
    """Explain a reason, or list all of them."""
    if reason is None:
        _list(printer)
        return ExitCode.DONE
    known = {name.lower(): each for name, each in REASON_CATALOG.items()}
    found = known.get(reason.lower())
    if found is None:
        raise CliError(f"Reason {reason!r} does not exist.{suggest(reason, REASON_CATALOG)}", ExitCode.USAGE)
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
    printer.show(Text.assemble(("Cause        ", "bold"), found.cause))
    printer.show(Text.assemble(("Remediation  ", "bold"), found.remediation))


def _list(printer: Printer) -> None:
    columns: Sequence[Column[ReasonEntry]] = (
        Column("REASON", lambda entry: entry.reason),
        Column("", lambda entry: STATES[entry.expect].sign(printer.out.encoding)),
        Column("CAUSE", lambda entry: entry.cause, prose=True),
        Column("REMEDIATION", lambda entry: entry.remediation, wide=True),
        Column("KINDS", lambda entry: ", ".join(entry.kinds), wide=True),
    )
    printer.table(columns, list(REASON_CATALOG.values()), "")
