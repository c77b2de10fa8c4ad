"""How the story is told: in colour on a terminal, plainly elsewhere."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable
from datetime import datetime

from rich.console import Console
from rich.text import Text

from demo.stopwatch import Stopwatch


class StoryError(RuntimeError):
    """A step of the story did not come; the message says which, and what was there instead."""


# Below what happened, after its time and mark.
_INDENT = " " * 12


class Teller:
    """Prints lines; nothing else prints.

    Attributes:
        width: of a line, in characters.
    """

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self.width = self._console.width

    def say(self, line: str) -> None:
        """Say something that has no time in Azure."""
        self._console.print(Text(line, style="dim"))

    def heading(self, line: str) -> None:
        """Begin a part."""
        self._console.print()
        self._console.print(Text(line, style="bold"))

    def happened(self, when: datetime, what: str, detail: str = "", *, good: bool = False) -> None:
        """Tell what happened at a time of Azure."""
        line = Text(f"{when:%a %H:%M} ", style="cyan")
        line.append("✔ " if good else "· ", style="green" if good else "yellow")
        line.append(what, style="bold" if good else "")
        if detail and line.cell_len + 2 + len(detail) > self.width:
            detail = "\n" + textwrap.fill(
                detail, self.width, initial_indent=_INDENT, subsequent_indent=_INDENT, break_long_words=False
            )
        elif detail:
            detail = f"  {detail}"
        self._console.print(line.append(detail, style="dim"))

    def took(self, watch: Stopwatch) -> None:
        """Tell how long the last thing took, in Azure and here."""
        self._console.print(Text(f"{_INDENT}{watch}", style="dim"))

    def typed(self, words: Iterable[str]) -> None:
        """Show a command as somebody types it, on as many lines as it takes."""
        lines = ["$"]
        for word in map(shlex.quote, words):
            if len(lines[-1]) + len(word.partition("\n")[0]) > self.width - 3:
                lines.append("   ")
            lines[-1] += f" {word}"
        self._console.print(Text(" \\\n".join(lines), style="cyan"))

    def printed(self, line: str) -> None:
        """Show a line that a command printed, on as many lines as it takes; not one that somebody may copy."""
        can_be_folded = not line.startswith(" ") and max(map(len, line.split()), default=0) < self.width
        folded = textwrap.wrap(line, self.width, subsequent_indent="  ", break_on_hyphens=False)
        self.plain("\n".join(folded) if can_be_folded and len(folded) > 1 else line)

    def plain(self, text: str) -> None:
        """Print as it is."""
        self._console.out(text, highlight=False)

    def fail(self, why: str) -> None:
        """Say why the story ends badly."""
        self._console.print(Text(f"The demo failed: {why}", style="bold red"))
