"""How far a long-running operation of Azure got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from azdiskbackup.errors import OperatorError

# What Azure says of an operation that it has forgotten.
GONE = {"OperationNotFound", "ResourceNotFound", "UserErrorGenericResourceNotFound", "NotFound"}


@dataclass(frozen=True, slots=True)
class Pending:
    """The operation runs."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The operation is over; ``job`` is the id of the job that it started, if it did."""

    job: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The operation failed."""

    error: OperatorError


OperationState: TypeAlias = Pending | Succeeded | Failed
