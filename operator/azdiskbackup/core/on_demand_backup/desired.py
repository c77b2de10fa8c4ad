"""What one OnDemandBackup asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.api.v1alpha1.on_demand_backup import OnDemandBackupSpec
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec, parse_time
from azdiskbackup.core.on_demand_backup.attempt import Over
from azdiskbackup.core.rules import reasons


@dataclass(frozen=True, slots=True)
class Desired:
    """A backup as its object wants it.

    Attributes:
        uid: the object's uid, which travels as the id of the request and comes back as the job's activity id.
        intent: when the intent to send the request was recorded.
        job: id of the job, once known.
        over: how it ended, once it has; nothing changes that any more.
    """

    name: str
    namespace: str
    uid: str
    spec: OnDemandBackupSpec
    intent: datetime | None
    job: str | None
    over: Over | None

    @property
    def disk(self) -> str:
        """Return the name of the ProtectedDisk."""
        return self.spec.protected_disk_ref.name


def read_desired(resource: Resource) -> Desired | Invalid:
    """Read an OnDemandBackup."""
    spec = parse_spec(OnDemandBackupSpec, resource)
    if isinstance(spec, Invalid):
        return spec
    started = resource.status.get("startTime")
    return Desired(
        name=resource.name,
        namespace=resource.namespace,
        uid=resource.uid,
        spec=spec,
        intent=parse_time(started) if started else None,
        job=resource.status.get("jobID"),
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
