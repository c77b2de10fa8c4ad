"""`explain`: what a reason of a condition means, and what to do."""

from __future__ import annotations

from rich.text import Text

from azdiskbackup.core.explanations import EXPLANATIONS, Expect, Explanation
from azdiskbackup.plugin.ending import Ending, Trouble, nearest
from azdiskbackup.plugin.output import Column, Printer, Shape
from azdiskbackup.plugin.words import State

STATES = {Expect.GOOD: State.GOOD, Expect.GOES_ON: State.GOES_ON, Expect.YOURS: State.YOURS}


class Reason(Shape, frozen=True, kw_only=True):
    """A reason, explained."""

    reason: str
    kinds: tuple[str, ...]
    expect: str
    cause: str
    cure: str


def run(printer: Printer, reason: str | None) -> Ending:
    """Explain a reason, or list all of them."""
    if reason is None:
        _list(printer)
        return Ending.DONE
    known = {name.lower(): each for name, each in EXPLANATIONS.items()}
    found = known.get(reason.lower())
    if found is None:
        raise Trouble(f"There is no reason {reason!r}.{nearest(reason, EXPLANATIONS)}", Ending.USAGE)
    if printer.structured:
        printer.data(_shape(found))
    else:
        _show(printer, found)
    return Ending.DONE


def _show(printer: Printer, found: Explanation) -> None:
    state = STATES[found.expect]
    head = Text.assemble(
        state.sign(printer.out.encoding), " ", (found.reason, "bold"), f"  of {', '.join(found.kinds)}"
    )
    printer.show(head)
    printer.show(Text(found.expect.value, style=state.style))
    printer.show(Text.assemble(("Why   ", "bold"), found.cause))
    printer.show(Text.assemble(("Do    ", "bold"), found.cure))


def _list(printer: Printer) -> None:
    if printer.structured:
        printer.data([_shape(each) for each in EXPLANATIONS.values()])
        return
    columns = (
        Column("REASON"),
        Column(""),
        Column("WHY", prose=True),
        Column("DO", wide=True),
        Column("KINDS", wide=True),
    )
    rows: list[list[str | Text]] = [
        [each.reason, STATES[each.expect].sign(printer.out.encoding), each.cause, each.cure, ", ".join(each.kinds)]
        for each in EXPLANATIONS.values()
    ]
    printer.table(columns, rows, "")


def _shape(found: Explanation) -> Reason:
    return Reason(reason=found.reason, kinds=found.kinds, expect=found.expect.value, cause=found.cause, cure=found.cure)
