"""A managed disk: what is known of it, and what of it a snapshot keeps."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any


@dataclass
class Disk:
    """A managed disk.

    Attributes:
        zones: the zones that it is in: one, or none.
        settings: properties that are answered as they were given, such as ``networkAccessPolicy`` and ``encryption``.
    """

    id: str
    name: str
    subscription: str
    group: str
    location: str
    size_gib: int
    sku: str
    created: datetime
    unique_id: str
    tags: dict[str, str] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    zones: tuple[str, ...] = ()

    def as_it_is(self) -> Disk:
        """Return a copy that later changes of the disk do not reach."""
        return replace(self, tags=deepcopy(self.tags), settings=deepcopy(self.settings))

    @property
    def encryption_set(self) -> str:
        """Return the ARM id of its disk encryption set; empty if Azure manages the key."""
        return str((self.settings.get("encryption") or {}).get("diskEncryptionSetId") or "")
