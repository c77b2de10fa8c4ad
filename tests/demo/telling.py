"""How the story is told: in colour on a terminal, plainly elsewhere."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.text import Text


class StoryError(RuntimeError):
    """A step of the story did not come; the message says which, and what was there instead."""


class Teller:
    """Prints lines; nothing else prints."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

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
        if detail:
            line.append(f"  {detail}", style="dim")
        self._console.print(line)

    def plain(self, text: str) -> None:
        """Print as it is."""
        self._console.out(text, highlight=False)

    def fail(self, why: str) -> None:
        """Say why the story ends badly."""
        self._console.print(Text(f"The demo failed: {why}", style="bold red"))
