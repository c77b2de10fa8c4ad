"""All that the rules may know about one policy, gathered once a pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.core.arm_ids import ArmId
from azdiskbackup.core.presence import UNKNOWN, Absent, Unknown, Unreadable
from azdiskbackup.core.vault_view import VaultView


@dataclass(frozen=True, slots=True)
class Present:
    """The policy exists in Azure; its content is in its name, and Azure cannot change it."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What refers to a policy in Azure, ours or not; ``kept_until`` is when the last soft-deleted one is purged."""

    instances: tuple[str, ...]
    kept_until: datetime | None


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen.

    Attributes:
        disks: ``namespace/name`` of the ProtectedDisks that refer to the policy.
        policies_in_use: of those that have a backup instance, the ARM id of the policy that it has.
        gone: a predecessor that was just deleted.
        uses: what refers to the policy that is to be deleted.
    """

    vault: VaultView | Absent
    disks: tuple[str, ...]
    policy: Present | Absent | Unknown | Unreadable = UNKNOWN
    policies_in_use: tuple[str, ...] = ()
    uses: Uses | Unknown | Unreadable = UNKNOWN
    gone: ArmId | None = None
