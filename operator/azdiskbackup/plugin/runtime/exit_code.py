"""How a command ends."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes, as `docs/kubectl-plugin.md` says."""

    DONE = 0
    TROUBLE = 1
    USAGE = 2
    NOT_WELL = 3
    TIMED_OUT = 124
    INTERRUPTED = 130
    READER_GONE = 141


class CliError(Exception):
    """Why a command cannot go on, for the person who typed it.

    Attributes:
        sentence: what it is, and what to do.
        ending: how the command ends.
    """

    def __init__(self, user_message: str, ending: ExitCode = ExitCode.TROUBLE) -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.ending = ending


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests what somebody may have meant, or lists what there is; empty if nothing."""
    names = sorted(set(known))
    if not names:
        return ""
    lower = {each.lower(): each for each in names}
    close = [lower[each] for each in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    if close:
        return f" Did you mean {' or '.join(close)}?"
    shown = ", ".join(names[:10])
    return f" There is {shown}{f' and {len(names) - 10} more' if len(names) > 10 else ''}."
