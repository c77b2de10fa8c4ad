"""The exit status of a command."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes, as `docs/kubectl-plugin.md` says."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNHEALTHY = 3
    TIMED_OUT = 124
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class CliError(Exception):
    """Why a command failed, for the person who ran it.

    Attributes:
        user_message: what it is, and what to do.
        ending: how the command ends.
    """

    def __init__(self, user_message: str, ending: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.ending = ending


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests similar names, or lists those that exist; empty if there are none."""
    names = sorted(set(known))
    if not names:
        return ""
    lower = {each.lower(): each for each in names}
    close = [lower[each] for each in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    if close:
        return f" Did you mean {' or '.join(close)}?"
    shown = ", ".join(names[:10])
    return f" Existing: {shown}{f' and {len(names) - 10} more' if len(names) > 10 else ''}."
