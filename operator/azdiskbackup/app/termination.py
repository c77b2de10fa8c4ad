"""How the process says why it ends, to people who look at the pod."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Never

from azdiskbackup.errors import Exit

# A log that nobody reads any more must not keep a process alive that may not work on.
_SPEAKS_FOR_SECONDS = 0.5


def say_why(termination_log: Path, message: str) -> None:
    """Leave the sentence where the kubelet takes it from; outside of a pod there is no such file."""
    with contextlib.suppress(OSError):
        if termination_log.exists():
            termination_log.write_text(message)


def end_at_once(code: Exit, message: str, termination_log: Path) -> Never:
    """End the process, from whatever thread and whatever else it is at; say why, if that can be said quickly."""

    def speak() -> None:
        say_why(termination_log, message)
        # Not through the logger: whoever is stuck may hold its lock.
        line = {"event": message, "level": "error", "exit_code": int(code), "logger": "azdiskbackup"}
        print(json.dumps(line | {"timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}), flush=True)

    speaker = threading.Thread(target=speak, name="last words", daemon=True)
    speaker.start()
    speaker.join(_SPEAKS_FOR_SECONDS)
    os._exit(code)
