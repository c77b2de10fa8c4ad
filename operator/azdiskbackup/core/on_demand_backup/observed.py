"""All that the rules may know about one on-demand backup, gathered once a pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.jobs.attempt import Attempt
from azdiskbackup.core.jobs.recorded import Recorded
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Invalid
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound


class Fact(Enum):
    """What a rule may need and the cache does not hold. Each has exactly one fetcher."""

    ATTEMPT = auto()
    INSTANCE_OWNER = auto()
    BACKUPS_TAKEN = auto()


@dataclass(frozen=True, slots=True)
class DiskView:
    """A ProtectedDisk as its backups see it.

    Attributes:
        protected: whether Azure says protected, and backups are desired.
        instance: ARM id of its backup instance, once known.
        policy_id: ARM id of the policy that the instance has.
    """

    protected: bool
    not_ready_reason: str
    instance: ArmId | None
    policy_id: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was observed.

    Attributes:
        ahead: name of the unfinished OnDemandBackup of the same disk right before this one.
        attempt: how far the one attempt got.
        instance_owned: whether the instance that the disk's status names has the disk as its owner.
        taken_today: starts of the disk's on-demand backups in the last 24 hours.
    """

    disk: DiskView | NotFound
    policy: PolicyView | Invalid | NotFound
    ahead: str | None
    recorded: Recorded = field(default_factory=Recorded)
    attempt: Attempt | NotFetched = NOT_FETCHED
    instance_owned: bool | NotFetched | FetchFailed = NOT_FETCHED
    taken_today: tuple[datetime, ...] | NotFetched | FetchFailed = NOT_FETCHED
