"""All that the rules may know about one policy, gathered once a pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from azdiskbackup.core.identity.naming import is_policy_name
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound


class Fact(Enum):
    """What a rule may need and the cache does not hold. Each has exactly one fetcher."""

    POLICY = auto()
    # Of the policy that is to be deleted.
    USES = auto()


@dataclass(frozen=True, slots=True)
class Exists:
    """The policy exists in Azure; its content is in its name, and Azure cannot change it."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What refers to a policy in Azure, ours or not; ``kept_until`` is when the last soft-deleted one is purged."""

    instances: tuple[str, ...]
    kept_until: datetime | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What status says of earlier passes.

    Attributes:
        policy_id: ARM id of the policy that this object made before.
        predecessors: ARM ids of policies that it made before an edit, and that are to be deleted.
        is_settled: whether everything was as this spec wants it: a difference since then is somebody else's doing.
    """

    policy_id: str | None = None
    predecessors: tuple[str, ...] = ()
    is_settled: bool = False

    @property
    def made(self) -> tuple[str, ...]:
        """Return the ARM ids of all policies that this object made, the newest last."""
        return (*self.predecessors, *([self.policy_id] if self.policy_id else []))


def read_recorded(resource: Resource, stem: str) -> Recorded:
    """Read the status of a DiskBackupPolicy, which may have been written by others: only what can be ours counts.

    Args:
        resource: the object.
        stem: what the names of its policies in Azure begin with.
    """
    policy = resource.status.get("policyID")
    if policy is None or not is_policy_name(policy.rpartition("/")[2], stem):
        return Recorded(is_settled=resource.settled)
    folder = policy.rpartition("/")[0]
    siblings = (name for name in resource.status.get("predecessors") or () if is_policy_name(name, stem))
    return Recorded(policy, tuple(f"{folder}/{name}" for name in siblings), resource.settled)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed.

    Attributes:
        disks: ``namespace/name`` of the ProtectedDisks that refer to the policy, when it is to be deleted.
        disk_count: how many refer to it.
        moving: how many of them are backed up by this policy in Azure or by a predecessor, as long as there is one.
        moved: how many of those are backed up by this one.
        uses: what refers to the policy that is to be deleted.
    """

    vault: VaultView | NotFound
    disks: tuple[str, ...] = ()
    policy: Exists | NotFound | NotFetched | FetchFailed = NOT_FETCHED
    disk_count: int = 0
    moving: int = 0
    moved: int = 0
    uses: Uses | NotFetched | FetchFailed = NOT_FETCHED
    recorded: Recorded = field(default_factory=Recorded)
