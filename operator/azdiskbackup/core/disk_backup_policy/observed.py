"""All that the rules may know about one policy, gathered once a pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound


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

    vault: VaultView | NotFound
    disks: tuple[str, ...]
    policy: Present | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    policies_in_use: tuple[str, ...] = ()
    uses: Uses | NotFetched | FetchFailed = NOT_FETCHED
    gone: ArmId | None = None
