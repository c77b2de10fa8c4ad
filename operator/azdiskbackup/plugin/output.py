"""What is written: data to stdout, in the form that was asked for; notes and progress to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from azdiskbackup.plugin.ending import Ending
from azdiskbackup.plugin.options import Color, Options, Output

# For whoever reads it with a program: nothing is folded.
_WITHOUT_END = 100_000
# Longer than each of the titles.
_TITLES = 9
# Between two columns, and the least that a column of prose needs.
_GAP = 3
_PROSE = 24


class Shape(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a command tells, in the form of ``-o json``; times are UTC, absent is null."""

    KIND: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        wide: only shown with ``-o wide``.
        spare: left out where there is no room for it.
        prose: folded where there is no room for it.
    """

    title: str
    wide: bool = False
    right: bool = False
    spare: bool = False
    prose: bool = False


class Printer:
    """Writes to stdout and stderr of this process."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # Whoever asks for all columns gets them, whatever the width of the terminal.
        self.out = _console(options.color, sys.stdout, _WITHOUT_END if self.wide else None)
        self.err = _console(options.color, sys.stderr)

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
            text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        else:
            import yaml

            text = yaml.safe_dump(msgspec.to_builtins(value), sort_keys=False, allow_unicode=True).rstrip()
        self.write(f"{text}\n")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]], empty: str) -> None:
        """Write a table, or to stderr that there is nothing."""
        cells = [[each if isinstance(each, Text) else Text(each) for each in row] for row in rows]
        if not cells:
            self.note(empty)
            return
        shown, left_out = self._fitting(columns, cells)
        made = Table(box=None, pad_edge=False, show_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for index in shown:
            column = columns[index]
            made.add_column(column.title, justify="right" if column.right else "left", no_wrap=not column.prose)
        for row in cells:
            made.add_row(*(row[index] for index in shown))
        self.show(made)
        if left_out:
            self.note(f"Left out for want of room: {', '.join(left_out)}. -o wide shows all.")

    def _fitting(self, columns: Sequence[Column], cells: Sequence[Sequence[Text]]) -> tuple[list[int], list[str]]:
        """Return which columns are shown, and the titles of those for which there is no room."""
        if self.wide:
            return list(range(len(columns))), []
        shown = [index for index, column in enumerate(columns) if not column.wide]
        widths = {
            index: _PROSE
            if columns[index].prose
            else max(len(columns[index].title), *(row[index].cell_len for row in cells))
            for index in shown
        }
        left_out: list[str] = []
        while sum(widths[index] + _GAP for index in shown) - _GAP > self.out.width:
            spare = [index for index in shown if columns[index].spare]
            if not spare:
                break
            shown.remove(spare[-1])
            left_out.insert(0, columns[spare[-1]].title)
        return shown, left_out

    def fields(self, fields: Iterable[tuple[str, RenderableType]], *, indent: int = 0) -> None:
        """Write titles and what belongs to each, one below the other."""
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=_TITLES, style="dim" if indent else "bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for title, value in fields:
            grid.add_row(title, value)
        self.show(Padding(grid, (0, 0, 0, indent)))

    def show(self, what: RenderableType) -> None:
        """Write something for a person to stdout, without blanks at the ends of lines."""
        with self.out.capture() as captured:
            self.out.print(what, soft_wrap=False, crop=False)
        self.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))

    def write(self, text: str) -> None:
        """Write text to stdout as it is; end the command where whoever reads it has enough."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            # What is left in the buffer must not be tried again at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(Ending.READER_GONE) from None

    def note(self, sentence: str) -> None:
        """Write a sentence to stderr."""
        self.err.print(Text(sentence), soft_wrap=True)


def _console(color: Color, stream: Any, width: int | None = None) -> Console:
    terminal = stream.isatty()
    colored = color is Color.ALWAYS or (color is Color.AUTO and terminal and "NO_COLOR" not in os.environ)
    return Console(
        file=stream,
        force_terminal=colored,
        no_color=not colored,
        color_system="standard" if colored else None,
        highlight=False,
        width=width or (None if terminal or "COLUMNS" in os.environ else _WITHOUT_END),
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
