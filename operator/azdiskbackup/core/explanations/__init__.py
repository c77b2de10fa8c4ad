"""What each reason of a condition means, why it comes about, and what to do: for the documentation and for people."""

from __future__ import annotations

from azdiskbackup.core.explanations.explanation import Expect, Explanation
from azdiskbackup.core.explanations.of_all import OF_ALL
from azdiskbackup.core.explanations.of_backups import OF_BACKUPS
from azdiskbackup.core.explanations.of_disks import OF_DISKS
from azdiskbackup.core.explanations.of_policies import OF_POLICIES
from azdiskbackup.core.explanations.of_vaults import OF_VAULTS

EXPLANATIONS = {
    each.reason: each
    for each in sorted((*OF_ALL, *OF_VAULTS, *OF_POLICIES, *OF_DISKS, *OF_BACKUPS), key=lambda each: each.reason)
}

__all__ = ["EXPLANATIONS", "Expect", "Explanation"]
