"""Three ways in which a thing can be not there, which are never mixed.

Acting on ``Unknown`` as if it were ``Absent`` is how backups get lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from azdiskbackup.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Absent:
    """The source says that it does not exist."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was not asked for in this pass."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It was asked for, and the source answered with an error."""

    error: OperatorError


ABSENT: Final = Absent()
UNKNOWN: Final = Unknown()
