"""What stands in the way of a disk's protection: the disk, its place, rights, another instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure_simulator.model.cloud import Cloud
from azure_simulator.model.disk import Disk
from azure_simulator.model.faults import AzureFault, OperationFault, no_right_on_disk, no_right_on_snapshot_group
from azure_simulator.model.instance import Instance
from azure_simulator.model.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR

if TYPE_CHECKING:
    from azure_simulator.model.vaults import Vault, Vaults


class Objections:
    """Finds what Azure Backup would object to."""

    def __init__(self, cloud: Cloud, vaults: Vaults) -> None:
        self._cloud = cloud
        self._vaults = vaults

    def to_protection(
        self, vault: Vault, disk_id: str, group: str, identity: dict[str, Any] | None, *, new: bool
    ) -> OperationFault | None:
        disk = self._cloud.find_disk(disk_id)
        if disk is None:
            return OperationFault("UserErrorManagedDiskNotFound", f"The managed disk {disk_id} was not found.")
        if disk.location.lower() != vault.location.lower():
            return OperationFault(
                "BackupAgentPluginHostValidateProtectionError",
                f"Disk backup is not supported for a disk in {disk.location} and a vault in {vault.location}.",
            )
        if new and self.protected_anywhere(disk_id):
            return OperationFault(
                "UserErrorDppDatasourceAlreadyProtected",
                f"The datasource {disk_id} is already protected.",
            )
        return self._missing_right(vault.principal_of(identity), disk, group)

    def _missing_right(self, principal: str, disk: Disk, group: str) -> OperationFault | None:
        found = self._cloud.find_group(group)
        if found is None:
            return OperationFault("UserErrorSnapshotRGNotFound", f"The snapshot resource group {group} was not found.")
        if found.subscription.lower() != disk.subscription.lower():
            return OperationFault(
                "UserErrorSnapshotRGSubscriptionMismatch",
                "The snapshot resource group must be in the subscription of the disk.",
            )
        if not self._cloud.access.may(principal, DISK_BACKUP_READER, disk.id):
            return no_right_on_disk(disk.id)
        if not self._cloud.access.may(principal, DISK_SNAPSHOT_CONTRIBUTOR, found.id):
            return no_right_on_snapshot_group(found.id)
        return None

    def protected_anywhere(self, disk_id: str, but: Instance | None = None) -> bool:
        return any(
            instance is not but and instance.disk_id.lower() == disk_id.lower()
            for vault in self._vaults.all.values()
            for instance in vault.instances.values()
        )

    def already_protected(self, disk_id: str, but: Instance | None = None) -> AzureFault:
        vault, other = next(
            (vault, each)
            for vault in self._vaults.all.values()
            for each in vault.instances.values()
            if each is not but and each.disk_id.lower() == disk_id.lower()
        )
        name = other.properties.get("friendlyName", other.name)
        return AzureFault(
            "UserErrorDppDatasourceAlreadyHasBackupInstance",
            f"Datasource is already associated with the backup instance {name} in the Backup vault {vault.id} with the "
            f"protection status as {other.state}.",
            [
                f"Delete the backup instance {name} from the Backup vault {vault.id} to re-protect the datasource in "
                "any other vault"
            ],
        )
