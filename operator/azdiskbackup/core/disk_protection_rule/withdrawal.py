"""When a rule may stop or delete ProtectedDisks: a few at any time, many only once a person has said so.

A namespace label that somebody takes off, a rule that somebody edits, a cache that lacks what exists: each would
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
        """Return how many may be withdrawn within an hour without anybody's word."""
        return max(FREE, self.disks * _SHARE_PERCENT // 100)

    @property
    def is_large(self) -> bool:
        """Return whether it is more than may happen without anybody's word."""
        return self.pending > 0 and self.pending + self.done > self.allowed

    def is_held(self, acknowledged: Acknowledgement | None) -> bool:
        """Return whether a person has to acknowledge it first."""
        is_meant = acknowledged is not None and acknowledged.since == self.held_since
        return self.is_large and not (is_meant and acknowledged is not None and acknowledged.count >= self.pending)
