"""All that the rules may know about one on-demand backup, gathered once a pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.on_demand_backup.attempt import Attempt
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound


@dataclass(frozen=True, slots=True)
class DiskView:
    """A ProtectedDisk as its backups see it.

    Attributes:
        protected: whether Azure says protected, and backups are wanted.
        instance: ARM id of its backup instance, once known.
        policy_id: ARM id of the policy that the instance has.
    """

    protected: bool
    not_ready_reason: str
    instance: ArmId | None
    policy_id: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen.

    Attributes:
        ahead: names of unfinished OnDemandBackups of the same disk that come first.
        instance_owned: whether the instance that the disk's status names has the disk as its owner.
        taken_today: starts of the disk's on-demand backups in the last 24 hours.
    """

    disk: DiskView | NotFound
    policy: PolicyView | NotFound
    ahead: tuple[str, ...]
    taken_today: tuple[datetime, ...] | NotFetched | FetchFailed
    attempt: Attempt
    instance_owned: bool | NotFetched | FetchFailed = NOT_FETCHED
