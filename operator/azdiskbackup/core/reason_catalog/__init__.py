"""What each reason of a condition means, why it comes about, and what to do: for the documentation and for people."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog.backups import OF_BACKUPS
from azdiskbackup.core.reason_catalog.common import OF_ALL
from azdiskbackup.core.reason_catalog.disks import OF_DISKS
from azdiskbackup.core.reason_catalog.entry import Expect, ReasonEntry
from azdiskbackup.core.reason_catalog.policies import OF_POLICIES
from azdiskbackup.core.reason_catalog.vaults import OF_VAULTS

REASON_CATALOG = {
    each.reason: each
    for each in sorted((*OF_ALL, *OF_VAULTS, *OF_POLICIES, *OF_DISKS, *OF_BACKUPS), key=lambda each: each.reason)
}

__all__ = ["REASON_CATALOG", "Expect", "ReasonEntry"]
