"""The exit status of a command."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from enum import IntEnum

# How much of two names has to be the same, of 1.
_SIMILAR, _ALMOST_THE_SAME = 0.5, 0.8
_NUMBERS = re.compile(r"[-.\d]+")


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


def suggest(name: str, known: Iterable[str], *, carefully: bool = False) -> str:
    """Return a sentence that suggests similar names, or lists those that exist; empty if there are none.

    Args:
        name: what was typed.
        known: what there is.
        carefully: whether a wrong guess is the disk of another database: one that differs in a number, or in more than
            a letter or two, is no suggestion.
    """
    names = sorted(set(known))
    if not names:
        return ""
    lower = {each.lower(): each for each in names}
    if carefully:
        lower = {each: whole for each, whole in lower.items() if _unnumbered(each) != _unnumbered(name.lower())}
    cutoff = _ALMOST_THE_SAME if carefully else _SIMILAR
    close = [lower[each] for each in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=cutoff)]
    if close:
        return f" Did you mean {' or '.join(close)}?"
    shown = ", ".join(names[:10])
    return f" Existing: {shown}{f' and {len(names) - 10} more' if len(names) > 10 else ''}."


def _unnumbered(name: str) -> str:
    return _NUMBERS.sub("-", name).strip("-")
