"""What is written: data to stdout, in the form that was asked for; notes and progress to stderr."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.pager import SystemPager
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from azdiskbackup.plugin.output.foreign import escaped, harmless
from azdiskbackup.plugin.runtime.options import Color, Options, Output

# For whoever reads it with a program: nothing is folded.
_WITHOUT_END = 100_000
# Longer than each of the titles.
_TITLES = 9
# Between two columns, and the least that a column of prose needs.
_GAP = 3
_PROSE = 20


class Shape(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a command tells, in the form of ``-o json``; times are UTC, absent is null."""


RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """A column of a table.

    Attributes:
        cell: what it shows of a row.
        wide: only shown with ``-o wide``.
        spare: left out where there is no room for it.
        prose: folded where there is no room for it.
    """

    title: str
    cell: Callable[[RowT], str | Text]
    wide: bool = False
    right: bool = False
    spare: bool = False
    prose: bool = False

    def text(self, row: RowT) -> Text:
        """Return the cell of a row."""
        found = self.cell(row)
        return found if isinstance(found, Text) else Text(found)


class Printer:
    """Writes to stdout and stderr of this process."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # Whoever asks for all columns gets them, whatever the width of the terminal.
        self.out = _console(options.color, sys.stdout, _WITHOUT_END if self.wide else None)
        self.err = _console(options.color, sys.stderr)

    def without_headers(self) -> Printer:
        """Return a printer of tables that go on."""
        return Printer(replace(self._options, no_headers=True))

    @property
    def live(self) -> bool:
        """Return whether stderr can show something that changes: a terminal that knows how to."""
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def form(self) -> Output:
        """Return the form that was asked for."""
        return self._options.output

    @property
    def structured(self) -> bool:
        """Return whether JSON or YAML is wanted."""
        return self._options.output in (Output.JSON, Output.YAML)

    @property
    def wide(self) -> bool:
        """Return whether all columns are wanted."""
        return self._options.output is Output.WIDE

    def data(self, found: Any) -> None:
        """Write a shape, or a list of them, as JSON or YAML."""
        value = {"items": list(found)} if isinstance(found, (list, tuple)) else found
        if self._options.output is Output.JSON:
            self.json(msgspec.to_builtins(value))
        else:
            import yaml

            plain = msgspec.to_builtins(value)
            text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=self._unicode)
            # Written in ASCII, commands to the terminal are escapes of YAML.
            self.write(text if harmless(text) == text else yaml.safe_dump(plain, sort_keys=False))

    def json(self, value: Any) -> None:
        """Write JSON; letters that the stream's alphabet lacks are escaped."""
        self.write(f"{escaped(json.dumps(value, indent=2, ensure_ascii=not self._unicode))}\n")

    @property
    def _unicode(self) -> bool:
        return "utf" in str(sys.stdout.encoding).lower()

    def table(
        self,
        columns: Sequence[Column[RowT]],
        rows: Sequence[RowT],
        empty: str,
        name: Callable[[RowT], str] | None = None,
    ) -> None:
        """Write a table, or to stderr that there is nothing; where JSON or YAML is wanted, the rows in that form.

        Args:
            columns: what is shown of a row.
            rows: what is shown.
            empty: what is said if there are none.
            name: what ``-o name`` shows of a row: TYPE/NAME.
        """
        if self.structured:
            self.data(rows)
            return
        if self.form is Output.NAME and name is not None:
            self.write("".join(f"{name(row)}\n" for row in rows))
            return
        if not rows:
            self.note(empty)
            return
        cells = [[column.text(row) for column in columns] for row in rows]
        shown, left_out, width = self._fitting(columns, cells)
        form: dict[str, Any] = {"box": None, "pad_edge": False, "show_edge": False, "padding": (0, _GAP, 0, 0)}
        made = Table(**form, header_style="bold", show_header=not self._options.no_headers)
        for index in shown:
            column = columns[index]
            justify: Literal["left", "right"] = "right" if column.right else "left"
            made.add_column(column.title, justify=justify, overflow="fold", no_wrap=not column.prose)
        for line in cells:
            made.add_row(*(line[index] for index in shown))
        # What somebody may have to type next is never cut: where there is no room at all, lines are longer than that.
        self.show(made, max(width, self.out.width))
        if left_out:
            self.note(f"Columns hidden to fit the terminal: {', '.join(left_out)} (use -o wide).")

    def _fitting(
        self, columns: Sequence[Column[Any]], cells: Sequence[Sequence[Text]]
    ) -> tuple[list[int], list[str], int]:
        """Return which columns are shown, the titles of those without room, and how wide the others are together."""
        if self.wide:
            return list(range(len(columns))), [], self.out.width
        shown = [index for index, column in enumerate(columns) if not column.wide]
        widths = {
            index: _PROSE
            if columns[index].prose
            else max(len(columns[index].title), *(row[index].cell_len for row in cells))
            for index in shown
        }
        left_out: list[str] = []
        while (width := sum(widths[index] + _GAP for index in shown) - _GAP) > self.out.width:
            spare = [index for index in shown if columns[index].spare]
            if not spare:
                break
            shown.remove(spare[-1])
            left_out.insert(0, columns[spare[-1]].title)
        return shown, left_out, width

    def fields(self, fields: Iterable[tuple[str, str | Text]], *, indent: int = 0) -> None:
        """Write titles and what belongs to each, one below the other."""
        for title, value in fields:
            label = Text(f"{' ' * indent}{title:{_TITLES}} ", style="dim" if indent else "bold")
            self.paragraph(value, indent=len(label), label=label)

    def paragraph(self, text: str | Text, *, indent: int = 0, label: Text | None = None) -> None:
        """Write a text, folded between words; one that is longer than a line, such as an ARM id, stays whole.

        Args:
            text: what to write.
            indent: columns that are left free.
            label: what stands in them in the first line.
        """
        whole = Text(text) if isinstance(text, str) else text
        width = max(self.out.width - indent, _PROSE)
        lines = [
            line for part in whole.split("\n", allow_blank=True) for line in part.divide(_breaks(part.plain, width))
        ]
        for number, line in enumerate(lines):
            line.rstrip()
            self.show(Text.assemble(label if label is not None and number == 0 else " " * indent, line))

    def show(self, what: RenderableType, width: int | None = None) -> None:
        """Write something for a person to stdout, without blanks at the ends of lines.

        Args:
            what: a text that has the width of the terminal already, or a table.
            width: that of the table; None for that of the terminal.
        """
        before = self.out.width
        self.out.width = width or before
        with self.out.capture() as captured:
            self.out.print(what, soft_wrap=isinstance(what, Text | str), crop=False)
        self.out.width = before
        self.write("".join(f"{line.rstrip()}\n" for line in captured.get().split("\n")[:-1]))

    @contextmanager
    def paged(self) -> Iterator[None]:
        """Show what is written meanwhile page by page, if a person reads it and it is longer than the terminal."""
        if self.structured or not sys.stdout.isatty():
            yield
            return
        terminal, sys.stdout = sys.stdout, io.StringIO()
        held = sys.stdout
        try:
            yield
        finally:
            sys.stdout = terminal
        text = held.getvalue()
        if text.count("\n") < self.out.size.height:
            self.write(text)
        else:
            # Colours as they are.
            os.environ.setdefault("LESS", "-R")
            SystemPager().show(text)

    def write(self, text: str) -> None:
        """Write text to stdout as it is, without any form: what of it is foreign has been escaped."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def note(self, message: str) -> None:
        """Write a sentence to stderr."""
        self.err.print(Text(message), soft_wrap=True)


def _breaks(plain: str, width: int) -> list[int]:
    """Return where the lines of a text begin, but for the first: at words."""
    found: list[int] = []
    begun = 0
    for word in re.finditer(r"\S+", plain):
        if word.start() > begun and cell_len(plain[begun : word.end()]) > width:
            begun = word.start()
            found.append(begun)
    return found


class _Console(Console):
    """Shows the text of others without commands to the terminal; those that are written are its own."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for each in super().render(renderable, options):
            yield each if each.control else Segment(harmless(each.text), each.style)


def _width(stream: Any) -> int | None:
    """Return the width to keep to; None for that of the terminal."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return None if stream.isatty() else _WITHOUT_END


def _console(color: Color, stream: Any, width: int | None = None) -> Console:
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    colored = color is Color.ALWAYS or (color is Color.AUTO and terminal and "NO_COLOR" not in os.environ)
    return _Console(
        file=stream,
        force_terminal=colored,
        no_color=not colored,
        color_system="standard" if colored else None,
        highlight=False,
        width=width or _width(stream),
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
