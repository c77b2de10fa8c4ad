"""Backups: scheduled ones that run when the clock passes, on-demand ones, and the points that they leave."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from azure_simulator.model.cloud import Cloud
from azure_simulator.model.faults import (
    AzureFault,
    OperationFault,
    invalid,
    no_right_on_disk,
    no_right_on_snapshot_group,
    not_found,
)
from azure_simulator.model.instance import IN_WORK, Instance
from azure_simulator.model.instances import Instances
from azure_simulator.model.jobs import Job, RecoveryPoint
from azure_simulator.model.operations import Operation
from azure_simulator.model.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR
from azure_simulator.model.vaults import Vault

ON_DEMAND_A_DAY = 10
_HISTORY = timedelta(days=35)


class Backups:
    """Jobs and recovery points of all instances."""

    def __init__(self, cloud: Cloud, instances: Instances) -> None:
        self._cloud = cloud
        self._instances = instances
        # Why each backup of the disks with such an id fails from now on, if a test wants that.
        self.failing: OperationFault | None = None
        self.failing_disks = re.compile("")
        instances.on_protected.append(self._schedule_next)

    # --- scheduled --------------------------------------------------------------------------------

    def _schedule_next(self, vault: Vault, instance: Instance) -> None:
        turn = instance.schedule
        due = instance.policy.next_time(self._cloud.now, by_offset=bool(self._cloud.knobs.schedule_by_offset))

        def run() -> None:
            if instance.schedule != turn or instance.state != "ProtectionConfigured":
                return
            good = [point.taken for point in instance.points.values()]
            tag = instance.policy.tag_for(due, good)
            self._start(vault, instance, self._cloud.timeline.new_id(), tag, user_triggered=False)
            self._schedule_next(vault, instance)

        self._cloud.timeline.at(due + self._cloud.knobs.span("schedule_delay"), run)

    # --- on demand --------------------------------------------------------------------------------

    def backup(self, vault: Vault, instance: Instance, body: dict[str, Any], activity: str) -> Operation:
        """Start an on-demand backup; the operation ends at once, the job minutes later."""
        options = body.get("backupRuleOptions") or {}
        if "triggerOption" not in options or not options.get("ruleName"):
            raise invalid("The properties 'ruleName' and 'triggerOption' are required.")
        if options["ruleName"] != instance.policy.rule_name:
            raise invalid(f"The policy has no backup rule '{options['ruleName']}'.")
        tag = options["triggerOption"].get("retentionTagOverride")
        if tag is not None and tag not in instance.policy.retention:
            raise invalid(f"The policy has no retention rule '{tag}'.")
        if instance.state in IN_WORK:
            raise AzureFault(
                "UserErrorMaxConcurrentOperationLimitReached",
                "Another operation is running on the backup instance.",
            )
        if instance.state != "ProtectionConfigured":
            # The real code is not documented.
            raise AzureFault(
                "UserErrorBackupInstanceNotProtected",
                f"The backup instance is in the state {instance.state}.",
            )
        self._check_concurrency(vault, instance)
        operation = self._cloud.operations.start(timedelta(seconds=1), carries_result=True)
        operation.job_id = self._start(vault, instance, activity, tag or "default", user_triggered=True).id
        return operation

    def _check_concurrency(self, vault: Vault, instance: Instance) -> None:
        own = self._id(vault, instance).lower()
        mine = [job for job in vault.jobs.values() if job.instance_id.lower() == own and not job.restored_to]
        if any(job.end is None for job in mine):
            raise AzureFault(
                "UserErrorMaxConcurrentOperationLimitReached",
                "Another backup of the backup instance is running.",
            )
        since = self._cloud.now - timedelta(days=1)
        if sum(job.user_triggered and job.start > since for job in mine) >= ON_DEMAND_A_DAY:
            # The real code is not documented; the limit is.
            raise AzureFault(
                "UserErrorOnDemandBackupLimitReached",
                f"At most {ON_DEMAND_A_DAY} on-demand backups a day are allowed.",
            )

    # --- a job ------------------------------------------------------------------------------------

    def _id(self, vault: Vault, instance: Instance) -> str:
        return f"{vault.id}/backupInstances/{instance.name}"

    def _start(self, vault: Vault, instance: Instance, activity: str, tag: str, *, user_triggered: bool) -> Job:
        disk = self._cloud.find_disk(instance.disk_id)
        job = Job(
            id=self._cloud.timeline.new_id(),
            activity_id=activity,
            instance_id=self._id(vault, instance),
            policy_id=f"{vault.id}/backupPolicies/{instance.policy.name}",
            policy_name=instance.policy.name,
            disk_id=instance.disk_id,
            disk_name=instance.disk_id.rsplit("/", 1)[1],
            disk_location=vault.location,
            disk_size_gib=disk.size_gib if disk else 0,
            friendly_name=instance.properties.get("friendlyName", instance.name),
            user_triggered=user_triggered,
            retention_tag=tag,
            retention=instance.policy.retention["Default" if tag == "default" else tag],
            start=self._cloud.now,
            listed_from=self._cloud.now + self._cloud.knobs.span("job_list_lag"),
            snapshot_of=disk.as_it_is() if disk else None,
        )
        vault.jobs[job.id] = job
        if disk is not None:
            self._cloud.folders.take(disk.unique_id, job.id)
        self._cloud.timeline.later(self._cloud.knobs.span("backup"), lambda: self._finish(vault, instance, job))
        self._cloud.timeline.later(_HISTORY, lambda: _forget(vault, job))
        return job

    def _finish(self, vault: Vault, instance: Instance, job: Job) -> None:
        job.end = self._cloud.now
        job.fault = self._obstacle(vault, instance, job)
        if job.fault is not None:
            self._cloud.folders.discard(job.id)
            return
        assert job.snapshot_of is not None, "else it failed"
        point = RecoveryPoint(
            id=self._cloud.timeline.new_id().replace("-", ""),
            store_id=vault.principal or self._cloud.timeline.new_id(),
            snapshot_name=f"AzureBackup_{self._cloud.timeline.new_id()}",
            snapshot_group=instance.snapshot_group,
            taken=job.start,
            committed=job.end,
            expiry=job.start + job.retention,
            tag="Default" if job.retention_tag == "default" else job.retention_tag,
            tag_version="638224851417049008",
            policy_name=instance.policy.name,
            disk=job.snapshot_of,
            job_id=job.id,
        )
        job.point_id = point.id
        instance.points[point.id] = point
        assert point.expiry is not None
        self._cloud.timeline.at(point.expiry, lambda: self._instances.expire(instance))

    def _obstacle(self, vault: Vault, instance: Instance, job: Job) -> OperationFault | None:
        if self.failing is not None and self.failing_disks.search(instance.disk_id):
            return self.failing
        disk = self._cloud.find_disk(instance.disk_id)
        if disk is None or job.snapshot_of is None:
            return OperationFault("UserErrorManagedDiskNotFound", f"The disk {instance.disk_id} was not found.")
        principal = vault.principal_of(instance.identity)
        if not self._cloud.access.may(principal, DISK_BACKUP_READER, disk.id):
            return no_right_on_disk(disk.id)
        if not self._cloud.access.may(principal, DISK_SNAPSHOT_CONTRIBUTOR, instance.snapshot_group):
            return no_right_on_snapshot_group(instance.snapshot_group)
        return None

    # --- reading ----------------------------------------------------------------------------------

    def job(self, vault: Vault, job_id: str) -> Job:
        if job_id.lower() not in vault.jobs:
            raise not_found()
        return vault.jobs[job_id.lower()]

    def jobs(self, vault: Vault) -> list[Job]:
        """Return the jobs that the list shows by now, oldest first."""
        shown = [job for job in vault.jobs.values() if job.listed_from <= self._cloud.now]
        return sorted(shown, key=lambda job: job.start)

    def points(self, instance: Instance, start: datetime | None, end: datetime | None) -> list[RecoveryPoint]:
        """Return recovery points in a window, newest first; a reversed window has none."""
        return sorted(
            (
                point
                for point in instance.points.values()
                if (start is None or point.taken >= start) and (end is None or point.taken <= end)
            ),
            key=lambda point: point.taken,
            reverse=True,
        )

    def point(self, instance: Instance, point_id: str) -> RecoveryPoint:
        if point_id not in instance.points:
            raise not_found()
        return instance.points[point_id]


def _forget(vault: Vault, job: Job) -> None:
    vault.jobs.pop(job.id, None)
