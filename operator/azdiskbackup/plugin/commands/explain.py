"""`explain`: what a reason of a condition means, and what to do."""

from __future__ import annotations

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
    if printer.structured:
        printer.data(list(REASON_CATALOG.values()))
        return
    columns = (
        Column("REASON"),
        Column(""),
        Column("CAUSE", prose=True),
        Column("REMEDIATION", wide=True),
        Column("KINDS", wide=True),
    )
    rows: list[list[str | Text]] = [
        [
            each.reason,
            STATES[each.expect].sign(printer.out.encoding),
            each.cause,
            each.remediation,
            ", ".join(each.kinds),
        ]
        for each in REASON_CATALOG.values()
    ]
    printer.table(columns, rows, "")
