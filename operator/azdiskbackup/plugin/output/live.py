"""A line on a terminal that changes while something goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from azdiskbackup.plugin.output.printer import Printer

_FRAMES_A_SECOND = 8


@contextlib.contextmanager
def live_line(printer: Printer) -> Iterator[Callable[[Text], None]]:
    """Yield what changes the line, on stderr; it goes away at the end."""
    spinner = Spinner("dots" if "utf" in printer.err.encoding.lower() else "line")
    with Live(spinner, console=printer.err, refresh_per_second=_FRAMES_A_SECOND, transient=True):
        yield lambda text: spinner.update(text=text)
