"""What the status of an object that asks Azure for a job says of earlier passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.jobs.attempt import Over
from azdiskbackup.core.objects.recorded import INSTANCE, recorded_id, recorded_name, recorded_time
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules import reasons


@dataclass(frozen=True, slots=True)
class Recorded:
    """What status says of earlier passes.

    It may have been written by others: what it names in Azure is believed when Azure says that it is this object's.

    Attributes:
        intent: when the intent to send the request was recorded.
        instance: the backup instance that the request is for.
        job: id of the job, once known.
        over: how it ended, once it has; nothing changes that any more.
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
    """Read the status of an object that asks for a job."""
    return Recorded(
        intent=recorded_time(resource.status.get("startTime")),
        instance=recorded_id(resource, INSTANCE, "backupInstanceID"),
        job=recorded_name(resource, "jobID"),
        over=_over(resource),
    )


def _over(resource: Resource) -> Over | None:
    completed = recorded_time(resource.status.get("completionTime"))
    if completed is None:
        return None
    succeeded = resource.condition(reasons.SUCCEEDED)
    return Over(
        succeeded=succeeded.get("status") == "True",
        reason=str(succeeded.get("reason", reasons.FAILED)),
        message=str(succeeded.get("message", "")),
        completed=completed,
    )


def is_over(resource: Resource) -> bool:
    """Return whether it has ended, well or not."""
    return recorded_time(resource.status.get("completionTime")) is not None
