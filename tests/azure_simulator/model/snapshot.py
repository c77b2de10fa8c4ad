"""A snapshot that somebody took of a disk; those of Azure Backup are its recovery points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Snapshot:
    """A snapshot.

    Attributes:
        source: ARM id of the disk, which may be gone.
        incremental: whether it keeps only what changed since the one before; a full one is a copy of the disk.
    """

    id: str
    name: str
    subscription: str
    location: str
    source: str
    incremental: bool
    created: datetime
