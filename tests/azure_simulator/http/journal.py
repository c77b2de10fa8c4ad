"""State that survives a kill: every command with its time, replayed at the next start.

A command that was not yet written when the process died was not answered either, so nobody relies on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TextIO

from azure_simulator.http.messages import Request


class Journal:
    """A file of commands, one a line."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def replay(self) -> Iterator[tuple[datetime, Request | None]]:
        """Yield the commands of earlier lives; None where only time passed."""
        if self._path is None:
            return
        if self._path.exists():
            # A line that was not ended was being written when the process died, and its command was not answered.
            whole, _, torn = self._path.read_text().rpartition("\n")
            if torn:
                self._path.write_text(f"{whole}\n" if whole else "")
            for line in whole.splitlines():
                entry = json.loads(line)
                request = Request(**entry["request"]) if entry["request"] else None
                yield datetime.fromisoformat(entry["time"]), request
        self._file = self._path.open("a")

    def write(self, when: datetime, request: Request | None) -> None:
        """Add a command, or the passing of time."""
        if self._file is None:
            return
        entry = {"time": when.isoformat(), "request": asdict(request) if request else None}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
