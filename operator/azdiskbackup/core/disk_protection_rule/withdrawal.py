"""When a rule may stop or delete ProtectedDisks: a few at any time, many only once a person has said so.

A namespace label that is removed, a rule that is edited, a cache that lacks what exists: each would
withdraw the protection of a whole cluster in a moment. Another operator, whose parent objects flapped, deleted more
than six hundred that way (Kopiur, ADR-0006).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.core.disk_protection_rule.desired import Acknowledgement

# So many within an hour are an everyday change, whatever the number of disks.
FREE = 10
_SHARE_PERCENT = 20


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """ProtectedDisks that a rule is about to stop or to delete.

    Attributes:
        pending: how many are left.
        done: how many were stopped or deleted within the hour.
        disks: how many ProtectedDisks the rule has.
        held_since: since when the withdrawal is held, as status tells; None if it is not.
    """

    pending: int
    done: int
    disks: int
    held_since: datetime | None = None

    @property
    def allowed(self) -> int:
        """Return how many may be withdrawn within an hour without an acknowledgement."""
        return max(FREE, self.disks * _SHARE_PERCENT // 100)

    @property
    def is_large(self) -> bool:
        """Return whether it is more than may happen without an acknowledgement."""
        return self.pending > 0 and self.pending + self.done > self.allowed

    def is_held(self, acknowledged: Acknowledgement | None) -> bool:
        """Return whether a person has to acknowledge it first."""
        if acknowledged is None or acknowledged.since != self.held_since:
            return self.is_large
        return self.is_large and acknowledged.count < self.pending
