"""Restores: always into a new disk, by one of the vault's identities, as a job of their own.

Recorded: the operation of a restore has succeeded after two seconds, which says that a job was made; the job alone says
how it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from azure_simulator.model.cloud import Cloud
from azure_simulator.model.disk import Disk
from azure_simulator.model.faults import AzureFault, OperationFault, invalid
from azure_simulator.model.instance import Instance
from azure_simulator.model.jobs import Job, RecoveryPoint
from azure_simulator.model.operations import Operation
from azure_simulator.model.restore_objections import RestoreObjections
from azure_simulator.model.restore_request import RestoreRequest, folded
from azure_simulator.model.vaults import Vault

STATES = ("", "Refused", "Failed", "CompletedWithWarnings", "InProgress")
_ACCEPTED_AFTER = timedelta(seconds=2)
_DISKS = "Microsoft.Compute/disks"


@dataclass(frozen=True)
class Outcome:
    """How restores end, whatever stands in their way or not.

    Attributes:
        status: that of the jobs that end from now on: ``Failed``, ``CompletedWithWarnings``, ``InProgress`` for ever;
            ``Refused`` if no job is made, and the validation fails as well; empty: as usual.
        fault: the error, or what is warned of.
        makes_disk: whether the disk is there then.
    """

    status: str = ""
    fault: OperationFault = field(default_factory=lambda: OperationFault("", ""))
    makes_disk: bool = True


class Restores:
    """What is restored, and whether it may be."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._objections = RestoreObjections(cloud)
        # Documented; the code of one too many is not, nor whether a day is of the calendar.
        self.most_a_day = 10
        # Zones and tags of the disks that are made; None: those of the source. No source says what the service does.
        self.zones: tuple[str, ...] | None = None
        self.tags: dict[str, str] | None = None
        self._outcome = Outcome()
        # What ends the jobs that hang.
        self._hanging: list[tuple[Vault, Instance, Job, RestoreRequest]] = []

    def turn_out(self, outcome: Outcome) -> None:
        """Let restores end in some way from now on; those that hang end unless they still have to."""
        if outcome.status not in STATES:
            raise AzureFault("InvalidRestoreStatus", f"A restore is one of {STATES}, not {outcome.status!r}.")
        self._outcome = outcome
        hanging, self._hanging = self._hanging, []
        for each in hanging:
            self._finish(*each)

    def validate(self, vault: Vault, instance: Instance, body: dict[str, Any]) -> Operation:
        """Find out what would stand in the way of a restore."""
        inner = folded(body).get("restorerequestobject")
        if not isinstance(inner, dict):
            raise invalid("The property 'restoreRequestObject' is required.")
        request, point = self._parse(vault, instance, inner)
        takes = self._cloud.knobs.span("restore_validation")
        return self._cloud.operations.start(
            takes, lambda: self._obstacle(vault, instance, request, point), carries_result=True
        )

    def restore(self, vault: Vault, instance: Instance, body: dict[str, Any], activity: str) -> Operation:
        """Start a restore; the operation ends at once, the job minutes later."""
        request, point = self._parse(vault, instance, body)
        # A soft-deleted or stopped instance has restore points as any other.
        since = self._cloud.now - timedelta(days=1)
        instance_id = f"{vault.id}/backupInstances/{instance.name}"
        mine = [
            job for job in vault.jobs.values() if job.instance_id.lower() == instance_id.lower() and job.restored_to
        ]
        if sum(job.start > since for job in mine) >= self.most_a_day:
            raise AzureFault("UserErrorRestoreLimitReached", f"At most {self.most_a_day} restores a day are allowed.")
        fault = self._obstacle(vault, instance, request, point)
        operation = self._cloud.operations.start(_ACCEPTED_AFTER, lambda: fault, carries_result=True)
        if fault is None:
            operation.job_id = self._start(vault, instance, request, point, activity).id
        return operation

    def _parse(self, vault: Vault, instance: Instance, body: dict[str, Any]) -> tuple[RestoreRequest, RecoveryPoint]:
        request = RestoreRequest.parse(vault, body)
        if request.point_id not in instance.points:
            # The real code is not documented.
            raise AzureFault("UserErrorRecoveryPointNotFound", "The recovery point was not found.")
        return request, instance.points[request.point_id]

    def _obstacle(
        self, vault: Vault, instance: Instance, request: RestoreRequest, point: RecoveryPoint
    ) -> OperationFault | None:
        if self._outcome.status == "Refused":
            return self._outcome.fault
        return self._objections.first(vault, instance, request, point)

    def _start(
        self, vault: Vault, instance: Instance, request: RestoreRequest, point: RecoveryPoint, activity: str
    ) -> Job:
        job = Job(
            id=self._cloud.timeline.new_id(),
            activity_id=activity,
            instance_id=f"{vault.id}/backupInstances/{instance.name}",
            policy_id=f"{vault.id}/backupPolicies/{instance.policy.name}",
            policy_name=instance.policy.name,
            disk_id=instance.disk_id,
            disk_name=instance.disk_id.rsplit("/", 1)[1],
            disk_location=vault.location,
            disk_size_gib=point.disk.size_gib,
            friendly_name=instance.properties.get("friendlyName", instance.name),
            user_triggered=True,
            retention_tag="",
            retention=timedelta(),
            start=self._cloud.now,
            listed_from=self._cloud.now + self._cloud.knobs.span("job_list_lag"),
            restored_from=point,
            restored_to=request.disk_id,
        )
        vault.jobs[job.id] = job
        takes = self._cloud.knobs.span("restore")
        self._cloud.timeline.later(takes, lambda: self._finish(vault, instance, job, request))
        return job

    def _finish(self, vault: Vault, instance: Instance, job: Job, request: RestoreRequest) -> None:
        outcome, point = self._outcome, job.restored_from
        assert point is not None, "it is a restore"
        if outcome.status == "InProgress":
            self._hanging.append((vault, instance, job, request))
            return
        job.end = self._cloud.now
        # Somebody may have taken the right away, or the name, while it ran.
        job.fault = self._objections.first(vault, instance, request, point)
        made = self._made(request, point, job) if job.fault is None else None
        if job.fault is None and outcome.status == "Failed":
            job.fault = outcome.fault
        elif job.fault is None and outcome.status == "CompletedWithWarnings":
            job.warning = outcome.fault
        if made is not None and outcome.makes_disk:
            self._cloud.place(made, point.job_id)

    def _made(self, request: RestoreRequest, point: RecoveryPoint, job: Job) -> Disk | None:
        """Return the disk of a point, as the resource provider of disks lets it be made; None if Azure Policy denies.

        Nobody but the job hears of that: the vault's identity, not the caller, writes the disk.
        """
        source, group = point.disk, self._cloud.group(request.subscription, request.group)
        identifier = f"{group.id}/providers/{_DISKS}/{request.name}"
        tags = dict((source.tags if self.tags is None else self.tags) or {})
        try:
            tags = self._cloud.azure_policy.applied(identifier, _DISKS, tags, taggable=True)
        except AzureFault as denied:
            job.fault = OperationFault(denied.code, denied.message, denied.recommended)
            return None
        return Disk(
            identifier,
            request.name,
            group.subscription,
            group.name,
            source.location,
            source.size_gib,
            source.sku,
            self._cloud.now,
            self._cloud.timeline.new_id(),
            tags or None,
            {**source.settings, "creationData": {"createOption": "Copy", "sourceResourceId": point.snapshot_id}},
            source.zones if self.zones is None else self.zones,
        )
