"""All that the rules may know about one on-demand backup, gathered once a pass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from azdiskbackup.core.identity.arm_ids import ArmId, backup_instance_id
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Resource, parse_time
from azdiskbackup.core.on_demand_backup.attempt import Attempt, Over
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound

_JOB_ID = re.compile(r"[\w-]{1,64}")


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
class Recorded:
    """What status says of earlier passes.

    It may have been written by others: what it names in Azure is believed when Azure says that it is this object's.

    Attributes:
        intent: when the intent to send the request was recorded.
        instance: the backup instance that the request is for.
        job: id of the job, once known.
        over: how the backup ended, once it has; nothing changes that any more.
    """

    intent: datetime | None = None
    instance: ArmId | None = None
    job: str | None = None
    over: Over | None = None

    @property
    def begun(self) -> bool:
        """Return whether the request may have been sent."""
        return self.intent is not None


def read_recorded(resource: Resource) -> Recorded:
    """Read the status of an OnDemandBackup."""
    status = resource.status
    job, started = str(status.get("jobID", "")), status.get("startTime")
    return Recorded(
        intent=parse_time(started) if started else None,
        instance=backup_instance_id(status.get("backupInstanceID")),
        job=job if _JOB_ID.fullmatch(job) else None,
        over=_over(resource),
    )


def _over(resource: Resource) -> Over | None:
    completed = resource.status.get("completionTime")
    if not completed:
        return None
    succeeded = resource.condition(reasons.SUCCEEDED)
    return Over(
        succeeded=succeeded.get("status") == "True",
        reason=str(succeeded.get("reason", reasons.FAILED)),
        message=str(succeeded.get("message", "")),
        completed=parse_time(completed),
    )


def is_over(resource: Resource) -> bool:
    """Return whether a backup has ended, well or not."""
    return bool(resource.status.get("completionTime"))


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
    policy: PolicyView | NotFound
    ahead: str | None
    recorded: Recorded = field(default_factory=Recorded)
    attempt: Attempt | NotFetched = NOT_FETCHED
    instance_owned: bool | NotFetched | FetchFailed = NOT_FETCHED
    taken_today: tuple[datetime, ...] | NotFetched | FetchFailed = NOT_FETCHED
