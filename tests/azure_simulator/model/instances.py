"""Backup instances: validation, configuration, protection modes, soft deletion."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure_simulator.model.cloud import Cloud
from azure_simulator.model.faults import (
    AzureFault,
    OperationFault,
    invalid,
    no_right_at_validation,
    no_right_on_snapshot_group,
    not_found,
)
from azure_simulator.model.instance import IN_WORK, Instance
from azure_simulator.model.instance_body import parse
from azure_simulator.model.jobs import RecoveryPoint
from azure_simulator.model.objections import Objections
from azure_simulator.model.operations import Operation
from azure_simulator.model.policies import Policy
from azure_simulator.model.roles import DISK_SNAPSHOT_CONTRIBUTOR

if TYPE_CHECKING:
    from azure_simulator.model.vaults import Vault, Vaults

_NAME = re.compile(r"[-a-zA-Z0-9_.]{1,150}")
RIGHTS = ("UserErrorNotEnoughPermissionOnDisk", "UserErrorMissingMSIPermissionsOnSnapshotResourceGroup")
# From this api-version on deleting is always soft, whatever the vault says.
ALWAYS_SOFT_FROM = "2025-09-01"


class Instances:
    """What happens to backup instances. ``on_protected`` lets the schedules begin."""

    def __init__(self, cloud: Cloud, vaults: Vaults) -> None:
        self._cloud = cloud
        self._vaults = vaults
        self._objections = Objections(cloud, vaults)
        self.on_protected: list[Any] = []

    # --- validation -------------------------------------------------------------------------------

    def validate(self, vault: Vault, body: dict[str, Any]) -> Operation:
        """Start a validation; a wrong body is refused at once, everything else at the end."""
        request = body.get("backupInstance")
        if not isinstance(request, dict):
            raise invalid("The property 'backupInstance' is required.")
        disk_id, _, group = parse(vault, request)
        return self._cloud.operations.start(
            self._cloud.knobs.span("validation"),
            lambda: self._objection_at_validation(vault, disk_id, group, request.get("identityDetails")),
            carries_result=True,
        )

    def _objection_at_validation(
        self, vault: Vault, disk_id: str, group: str, identity: dict[str, Any] | None
    ) -> OperationFault | None:
        fault = self._objections.to_protection(vault, disk_id, group, identity, new=True)
        return no_right_at_validation(disk_id) if fault is not None and fault.code in RIGHTS else fault

    # --- create, read, delete ---------------------------------------------------------------------

    def put(self, vault: Vault, name: str, body: dict[str, Any]) -> tuple[Instance, Operation]:
        """Create an instance, or give an existing one another policy."""
        if not _NAME.fullmatch(name):
            raise invalid(f"The backup instance name '{name}' is invalid.")
        properties = body.get("properties")
        if not isinstance(properties, dict):
            raise invalid("The property 'properties' is required.")
        disk_id, policy, group = parse(vault, properties)
        kept = {key: deepcopy(value) for key, value in properties.items() if value is not None}
        kept["objectType"] = "BackupInstance"
        kept.pop("validationType", None)
        existing = vault.instances.get(name.lower())
        if existing is not None:
            return existing, self._change(vault, existing, disk_id, policy, group, kept, body)
        if self._objections.protected_anywhere(disk_id):
            raise self._objections.already_protected(disk_id)
        for each in vault.deleted.values():
            if each.disk_id.lower() == disk_id.lower():
                raise AzureFault(
                    "UserErrorDppDatasourceAlreadyHasBackupInstance",
                    f"The datasource {disk_id} has a soft-deleted backup instance in this vault. Undelete it.",
                )
        if len(vault.instances) >= self._vaults.most_instances:
            raise AzureFault(
                "UserErrorBackupInstanceLimitReached",
                f"The vault has {len(vault.instances)} backup instances; no more are allowed.",
            )
        instance = Instance(name, body.get("tags"), kept, policy, disk_id, group)
        vault.instances[name.lower()] = instance
        return instance, self._configure(vault, instance, "ConfiguringProtection")

    def _change(
        self,
        vault: Vault,
        instance: Instance,
        disk_id: str,
        policy: Policy,
        group: str,
        properties: dict[str, Any],
        body: dict[str, Any],
    ) -> Operation:
        if instance.disk_id.lower() != disk_id.lower():
            raise invalid("The datasource of a backup instance cannot be changed.")
        if instance.snapshot_group.lower() != group.lower():
            raise AzureFault(
                "UserErrorInvalidOperationalStoreResourceGroup",
                "The snapshot resource group of a backup instance cannot be changed.",
            )
        instance.policy, instance.properties = policy, properties
        instance.tags = body.get("tags")
        return self._configure(vault, instance, "UpdatingProtection")

    def _configure(self, vault: Vault, instance: Instance, state: str) -> Operation:
        """The operation is over in a second; the protection is configured long after."""
        instance.state, instance.fault = state, None
        instance.schedule += 1
        turn = instance.schedule

        def configured() -> None:
            if instance.schedule != turn or instance.deleted_at is not None:
                return
            instance.fault = self._objections.to_protection(
                vault, instance.disk_id, instance.snapshot_group, instance.identity, new=False
            )
            instance.state = "ProtectionError" if instance.fault else "ProtectionConfigured"
            if instance.fault is None:
                self._begin(vault, instance)

        self._cloud.timeline.later(self._cloud.knobs.span("configuration"), configured)

        def accepted() -> None:
            instance.provisioning = "Succeeded"

        return self._cloud.operations.start(timedelta(seconds=1), lambda: accepted())

    def _begin(self, vault: Vault, instance: Instance) -> None:
        for listener in self.on_protected:
            listener(vault, instance)

    def get(self, vault: Vault, name: str) -> Instance:
        if name.lower() not in vault.instances:
            raise not_found()
        return vault.instances[name.lower()]

    def clone(self, identifier: str, count: int) -> None:
        """Make more instances like one, of other disks, as if another cluster used the vault."""
        original = self.find(identifier)
        vault = next(each for each in self._vaults.all.values() if original in each.instances.values())
        for number in range(count):
            disk = f"{original.disk_id}-{number}"
            properties = deepcopy(original.properties)
            properties["dataSourceInfo"]["resourceID"] = disk
            name = f"{original.name[:100]}-{number}"
            tags = {"azdiskbackup.io.cluster": "another"}
            vault.instances[name.lower()] = replace(
                original, name=name, disk_id=disk, properties=properties, tags=tags, points={}
            )

    def find(self, identifier: str) -> Instance:
        """Return an instance by its ARM id."""
        for vault in self._vaults.all.values():
            for instance in vault.instances.values():
                if f"{vault.id}/backupInstances/{instance.name}".lower() == identifier.lower():
                    return instance
        raise not_found()

    def deleted(self, vault: Vault, name: str) -> Instance:
        if name.lower() not in vault.deleted:
            raise not_found()
        return vault.deleted[name.lower()]

    def delete(self, vault: Vault, name: str, version: str) -> Operation | None:
        """Delete, softly unless soft delete is off and the api-version still honours that; None: there was nothing."""
        instance = vault.instances.get(name.lower())
        if instance is None:
            return None
        if vault.is_immutable and self._vaults.keeps_items:
            raise AzureFault(
                "UserErrorDeleteBackupItemOnImmutableItem",
                "The vault and the backup item are immutable: destructive operations are not supported.",
                ["Stop protection and keep the data, or wait until the recovery points expire."],
            )
        group = self._cloud.find_group(instance.snapshot_group)
        lacks = group is None or not self._cloud.access.may(
            vault.principal_of(instance.identity), DISK_SNAPSHOT_CONTRIBUTOR, group.id
        )
        softly = version >= ALWAYS_SOFT_FROM or vault.soft_delete_state.lower() != "off"

        # Also while it is being configured (recorded).
        self._begin_change(instance, while_in_work=True)
        deleted_at = self._cloud.now

        def end() -> OperationFault | None:
            instance.changing = False
            if lacks:
                return no_right_on_snapshot_group(instance.snapshot_group)
            if softly:
                self._soft_delete(vault, instance, deleted_at)
            else:
                instance.schedule += 1
                vault.instances.pop(instance.name.lower(), None)
                self._discard(instance.points.values())
            return None

        return self._change_begun(instance, end)

    def _soft_delete(self, vault: Vault, instance: Instance, deleted_at: datetime) -> None:
        settings = (vault.properties.get("securitySettings") or {}).get("softDeleteSettings") or {}
        days = float(settings.get("retentionDurationInDays", 14))
        instance.state, instance.schedule = "SoftDeleted", instance.schedule + 1
        # Both count from the request, not from its end (recorded).
        instance.deleted_at = deleted_at
        instance.purge_at = deleted_at + timedelta(days=days)
        vault.instances.pop(instance.name.lower(), None)
        vault.deleted[instance.name.lower()] = instance

        planned = instance.purge_at

        def purge() -> None:
            # It may have been undeleted since, and deleted again.
            if instance.purge_at == planned:
                vault.deleted.pop(instance.name.lower(), None)
                self._discard(instance.points.values())

        self._cloud.timeline.at(planned, purge)

    def undelete(self, vault: Vault, name: str) -> None:
        """Bring an instance back, at once; it is stopped then."""
        instance = self.deleted(vault, name)
        del vault.deleted[name.lower()]
        vault.instances[name.lower()] = instance
        instance.deleted_at = instance.purge_at = None
        instance.state = "ProtectionStopped"

    # --- modes ------------------------------------------------------------------------------------

    def expire(self, instance: Instance) -> None:
        """Drop the points whose time is over; under a lock no snapshot can be deleted (azure-docs 47491)."""
        if not self._cloud.locks.keeps(instance.snapshot_group):
            self._discard(instance.expire(self._cloud.now))

    def _discard(self, points: Iterable[RecoveryPoint]) -> None:
        """Delete the data of points that are gone."""
        for each in points:
            self._cloud.folders.discard(each.job_id)

    def set_state(self, instance: Instance, state: str) -> Operation | None:
        """Stop or suspend; nothing to do for an instance that is so already."""
        if instance.state == state and not instance.changing:
            return None
        self._begin_change(instance)

        def end() -> None:
            instance.changing = False
            instance.state = state
            instance.schedule += 1

        return self._change_begun(instance, lambda: end())

    def _begin_change(self, instance: Instance, *, while_in_work: bool = False) -> None:
        """One operation on an instance at a time."""
        if instance.changing or (instance.state in IN_WORK and not while_in_work):
            raise AzureFault(
                "UserErrorMaxConcurrentOperationLimitReached",
                "Another operation is running on the backup instance.",
            )
        instance.changing = True

    def _change_begun(self, instance: Instance, end: Callable[[], OperationFault | None]) -> Operation:
        def release() -> None:
            instance.changing = False

        return self._cloud.operations.start(self._cloud.knobs.span("change"), end, release=release)

    def sync(self, vault: Vault, instance: Instance) -> Operation:
        """Try again what failed: it ends as the configuration does; an instance without an error stays as it is."""
        if instance.changing or instance.state in IN_WORK:
            self._begin_change(instance)
        if instance.state != "ProtectionError":
            return self._cloud.operations.start(timedelta(seconds=1))
        self._configure(vault, instance, "ConfiguringProtection")
        return self._cloud.operations.start(self._cloud.knobs.span("configuration"), lambda: instance.fault)

    def resume(self, vault: Vault, instance: Instance) -> Operation | None:
        """Resume protection; nothing to do for an instance that is protected."""
        if instance.state == "ProtectionConfigured" and not instance.changing:
            return None
        if self._objections.protected_anywhere(instance.disk_id, but=instance):
            raise self._objections.already_protected(instance.disk_id, but=instance)
        self._begin_change(instance)

        def end() -> OperationFault | None:
            instance.changing = False
            instance.fault = self._objections.to_protection(
                vault, instance.disk_id, instance.snapshot_group, instance.identity, new=False
            )
            if instance.fault is not None:
                return instance.fault
            instance.state = "ProtectionConfigured"
            instance.schedule += 1
            # What should have expired while nothing expired does so now.
            self.expire(instance)
            self._begin(vault, instance)
            return None

        return self._change_begun(instance, end)
