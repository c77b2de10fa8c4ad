"""What others wrote (tags, events, status, errors of servers) as it may be shown: it commands no terminal."""

from __future__ import annotations

import re

# What moves the cursor, renames the window, colours, or turns the direction of writing. Tabs and line breaks may stay.
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Return text without commands to the terminal."""
    return _COMMANDS.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return text as one harmless line."""
    return harmless(" ".join(text.split()))


def escaped(text: str) -> str:
    r"""Return JSON that is read as before, with commands to the terminal as ``\uXXXX``."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
