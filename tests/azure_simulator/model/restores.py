"""Restores: always into a new disk, by the vault's identity, as a job of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from azure_simulator.model.cloud import Cloud
from azure_simulator.model.faults import AzureFault, OperationFault, invalid, no_right_on_snapshot_group
from azure_simulator.model.instance import Instance
from azure_simulator.model.jobs import Job
from azure_simulator.model.operations import Operation
from azure_simulator.model.roles import DISK_RESTORE_OPERATOR, DISK_SNAPSHOT_CONTRIBUTOR
from azure_simulator.model.vaults import Vault

RESTORES_A_DAY = 10


class Restores:
    """What is restored, and whether it may be."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def validate(self, vault: Vault, instance: Instance, body: dict[str, Any]) -> Operation:
        """Find out what would stand in the way of a restore."""
        request = body.get("restoreRequestObject")
        if not isinstance(request, dict):
            raise invalid("The property 'restoreRequestObject' is required.")
        self._check(vault, instance, request)
        takes = self._cloud.knobs.span("validation")
        return self._cloud.operations.start(
            takes, lambda: self._obstacle(vault, instance, request), carries_result=True
        )

    def restore(self, vault: Vault, instance: Instance, request: dict[str, Any], activity: str) -> Operation:
        """Start a restore; the operation ends at once, the job minutes later."""
        self._check(vault, instance, request)
        # A soft-deleted or stopped instance has restore points as any other; the limit is documented, its code is not.
        since = self._cloud.now - timedelta(days=1)
        instance_id = f"{vault.id}/backupInstances/{instance.name}"
        mine = [
            job for job in vault.jobs.values() if job.instance_id.lower() == instance_id.lower() and job.restored_to
        ]
        if sum(job.start > since for job in mine) >= RESTORES_A_DAY:
            raise AzureFault("UserErrorRestoreLimitReached", f"At most {RESTORES_A_DAY} restores a day are allowed.")
        fault = self._obstacle(vault, instance, request)
        operation = self._cloud.operations.start(timedelta(seconds=1), lambda: fault, carries_result=True)
        if fault is None:
            operation.job_id = self._start(vault, instance, instance_id, request, activity).id
        return operation

    def _check(self, vault: Vault, instance: Instance, request: dict[str, Any]) -> None:
        target = request.get("restoreTargetInfo") or {}
        datasource = target.get("datasourceInfo") or {}
        for found, wanted, name in (
            (request.get("objectType"), "AzureBackupRecoveryPointBasedRestoreRequest", "objectType"),
            (request.get("sourceDataStoreType"), "OperationalStore", "sourceDataStoreType"),
            (target.get("objectType"), "RestoreTargetInfo", "restoreTargetInfo.objectType"),
            (target.get("recoveryOption"), "FailIfExists", "restoreTargetInfo.recoveryOption"),
            (target.get("restoreLocation"), vault.location, "restoreTargetInfo.restoreLocation"),
            (_named(datasource, "datasourceType"), "Microsoft.Compute/disks", "datasourceInfo.datasourceType"),
        ):
            if found != wanted:
                raise invalid(f"The property '{name}' is {found!r}; {wanted!r} is supported.")
        if request.get("recoveryPointId") not in instance.points:
            raise AzureFault("UserErrorRecoveryPointNotFound", "The recovery point was not found.")
        if _disk_parts(_named(datasource, "resourceID")) is None:
            raise invalid("The property 'datasourceInfo.resourceID' is not the id of a disk.")

    def _obstacle(self, vault: Vault, instance: Instance, request: dict[str, Any]) -> OperationFault | None:
        disk_id = _target(request)
        parts = _disk_parts(disk_id)
        assert parts is not None, "it was checked"
        group = self._cloud.find_group(f"/subscriptions/{parts[0]}/resourceGroups/{parts[1]}")
        if group is None:
            return OperationFault("UserErrorRestoreTargetRGNotFound", f"The resource group {parts[1]} was not found.")
        if self._cloud.find_disk(disk_id) is not None:
            return OperationFault(
                "UserErrorSameNameDiskAlreadyExists", f"A disk of the name {parts[2]} exists in {parts[1]} already."
            )
        principal = vault.principal_of(instance.identity)
        if not self._cloud.access.may(principal, DISK_RESTORE_OPERATOR, group.id):
            return OperationFault(
                "UserErrorNotEnoughPermissionOnTargetRG",
                f"Azure Backup Service does not have sufficient permissions on the Target Resource Group {group.name}.",
                ["Grant the Backup vault's managed identity the Disk Restore Operator role on the target group."],
            )
        if not self._cloud.access.may(principal, DISK_SNAPSHOT_CONTRIBUTOR, instance.snapshot_group):
            return no_right_on_snapshot_group(instance.snapshot_group)
        return None

    def _start(self, vault: Vault, instance: Instance, instance_id: str, request: dict[str, Any], activity: str) -> Job:
        point = instance.points[request["recoveryPointId"]]
        source = self._cloud.find_disk(instance.disk_id)
        job = Job(
            id=self._cloud.timeline.new_id(),
            activity_id=activity,
            instance_id=instance_id,
            policy_id=f"{vault.id}/backupPolicies/{instance.policy.name}",
            policy_name=instance.policy.name,
            disk_id=instance.disk_id,
            disk_name=instance.disk_id.rsplit("/", 1)[1],
            disk_location=vault.location,
            disk_size_gib=point.size_gib,
            friendly_name=instance.properties.get("friendlyName", instance.name),
            user_triggered=True,
            retention_tag="",
            retention=timedelta(),
            start=self._cloud.now,
            listed_from=self._cloud.now + self._cloud.knobs.span("job_list_lag"),
            restored_from=point,
            restored_to=_target(request),
        )
        vault.jobs[job.id] = job
        sku = source.sku if source else "Premium_LRS"
        self._cloud.timeline.later(
            self._cloud.knobs.span("backup"), lambda: self._finish(vault, instance, job, request, sku)
        )
        return job

    def _finish(self, vault: Vault, instance: Instance, job: Job, request: dict[str, Any], sku: str) -> None:
        job.end = self._cloud.now
        # Somebody may have taken the right away, or the name, while it ran.
        job.fault = self._obstacle(vault, instance, request)
        parts = _disk_parts(job.restored_to)
        if job.fault is None and parts is not None:
            self._cloud.add_disk(*parts, vault.location, job.disk_size_gib, sku)


def _named(members: dict[str, Any], name: str) -> Any:
    """Return a member by its name in any letter case: az sends ``resourceId``, and the service takes it."""
    return next((value for key, value in members.items() if key.lower() == name.lower()), None)


def _target(request: dict[str, Any]) -> str:
    return str(_named(request["restoreTargetInfo"]["datasourceInfo"], "resourceID"))


def _disk_parts(disk_id: object) -> tuple[str, str, str] | None:
    """Return subscription, group and name of the id of a disk; None if it is none."""
    parts = str(disk_id).strip("/").split("/")
    names = [part.lower() for part in parts[::2]]
    if len(parts) != 8 or names != ["subscriptions", "resourcegroups", "providers", "disks"]:
        return None
    return (parts[1], parts[3], parts[7]) if parts[5].lower() == "microsoft.compute" else None
