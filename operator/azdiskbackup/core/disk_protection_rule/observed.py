"""All that the rules may know about one DiskProtectionRule, gathered once a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from azdiskbackup.api.v1alpha1.disk_protection_rule import DiskProtectionRuleStatus
from azdiskbackup.core.disk_protection_rule.assessment import Action, Assessment, State
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_status
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound

HOUR = timedelta(hours=1)


class Fact(Enum):
    """What a rule may need and the cache does not hold. Each has exactly one fetcher."""

    CLAIMS = auto()
    # Whether the PVC of a ProtectedDisk is really gone.
    CLAIM_ABSENCE = auto()


@dataclass(frozen=True, slots=True)
class Target:
    """A PVC, or a ProtectedDisk whose PVC is gone, about which something is to be done.

    Attributes:
        claim: name of the PVC.
        uid: of the PVC; empty for one that is gone.
        disk: name of the ProtectedDisk.
        follows: uid of the PVC to whose disk the ProtectedDisk has to change over; None for none.
    """

    namespace: str
    claim: str
    uid: str
    disk: str
    assessment: Assessment
    follows: str | None = None

    @property
    def place(self) -> str:
        """Return ``namespace/name`` of the PVC."""
        return f"{self.namespace}/{self.claim}"


@dataclass(frozen=True, slots=True)
class Claims:
    """What rules mean for the PVCs of one rule.

    Attributes:
        counts: how many PVCs are in which state, for which reason.
        examples: some of them, as ``namespace/name``.
        next: for each action the first thing that it is to be done about.
        actions: about how many it is to be done.
        withdrawn: some of those that are to be stopped or deleted, as ``namespace/name``.
    """

    counts: Mapping[tuple[State, str], int] = field(default_factory=dict)
    examples: Mapping[tuple[State, str], tuple[str, ...]] = field(default_factory=dict)
    next: Mapping[Action, Target] = field(default_factory=dict)
    actions: Mapping[Action, int] = field(default_factory=dict)
    withdrawn: tuple[str, ...] = ()

    def count(self, *states: State) -> int:
        """Return how many PVCs are in one of some states."""
        return sum(count for (state, _), count in self.counts.items() if state in states)

    def count_of(self, state: State, reason: str) -> int:
        """Return how many PVCs are in a state for a reason."""
        return self.counts.get((state, reason), 0)

    def to_do(self, *actions: Action) -> int:
        """Return about how many something is to be done."""
        return sum(self.actions.get(action, 0) for action in actions)

    @property
    def matched(self) -> int:
        """Return how many PVCs the rule decides about."""
        return self.count(State.PROTECTED, State.PENDING, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class Hour:
    """What the rule did within an hour; the limits are for each of them.

    Attributes:
        start: when it began, with the first thing that was done; None before.
        made: how many ProtectedDisks the rule made.
        withdrawn: how many it stopped or deleted.
    """

    start: datetime | None = None
    made: int = 0
    withdrawn: int = 0

    def at(self, now: datetime) -> Hour:
        """Return what counts at a time: nothing of an hour that is over."""
        return self if self.start is not None and self.start <= now < self.start + HOUR else Hour()

    def with_more(self, now: datetime, *, made: int = 0, withdrawn: int = 0) -> Hour:
        """Return what counts once more was done."""
        current = self.at(now)
        return Hour(current.start or now, current.made + made, current.withdrawn + withdrawn)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What status says of earlier passes."""

    hour: Hour = Hour()
    held_since: datetime | None = None


def read_recorded(resource: Resource, now: datetime) -> Recorded:
    """Read the status of a DiskProtectionRule."""
    status = parse_status(DiskProtectionRuleStatus, resource, now)
    hour = Hour(status.hour_start_time, status.new_this_hour or 0, status.withdrawn_this_hour or 0)
    return Recorded(hour, status.withdrawal.since if status.withdrawal is not None else None)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed.

    Attributes:
        disks: how many ProtectedDisks have the label of the rule.
        in_vault: how many ProtectedDisks name policies of its vault.
        hour: what the rule did within the hour.
        held_since: since when a withdrawal is held; None if none is.
        is_claim_absent: whether the PVC of the ProtectedDisk that is to be deleted next is really gone.
    """

    policy: PolicyView | Invalid | NotFound
    vault: VaultView | Invalid | NotFound
    disks: int = 0
    in_vault: int = 0
    hour: Hour = Hour()
    held_since: datetime | None = None
    claims: Claims | NotFetched | FetchFailed = NOT_FETCHED
    is_claim_absent: bool | NotFetched | FetchFailed = NOT_FETCHED
