"""All that the rules may know about one policy, gathered once a pass."""

from __future__ import annotations

from dataclasses import dataclass

from azdiskbackup.core.presence import UNKNOWN, Absent, Unknown, Unreadable
from azdiskbackup.core.vault_view import VaultView


@dataclass(frozen=True, slots=True)
class Present:
    """The policy exists in Azure; its content is in its name, and Azure cannot change it."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen.

    Attributes:
        disks: ``namespace/name`` of the ProtectedDisks that refer to the policy.
    """

    vault: VaultView | Absent
    disks: tuple[str, ...]
    policy: Present | Absent | Unknown | Unreadable = UNKNOWN
