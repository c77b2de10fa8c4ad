"""Three ways in which a thing can be not there, which are never mixed.

Acting on ``NotFetched`` as if it were ``NotFound`` is how backups get lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from azdiskbackup.errors import OperatorError


@dataclass(frozen=True, slots=True)
class NotFound:
    """The source says that it does not exist."""


@dataclass(frozen=True, slots=True)
class NotFetched:
    """It was not asked for in this pass."""


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """It was asked for, and the source answered with an error."""

    error: OperatorError


NOT_FOUND: Final = NotFound()
NOT_FETCHED: Final = NotFetched()
