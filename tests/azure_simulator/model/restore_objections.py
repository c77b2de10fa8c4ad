"""What stands in the way of a restore: its target, the identity that works for it, the snapshot, keys, quotas.

Codes and advice are those of Microsoft's 'Troubleshooting backup failures in Azure Disk Backup', where it has one; what
has none there says so here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from azure_simulator.model.cloud import Cloud, Group
from azure_simulator.model.faults import OperationFault, no_right_on_snapshot_group
from azure_simulator.model.instance import Instance
from azure_simulator.model.jobs import RecoveryPoint
from azure_simulator.model.restore_request import RestoreRequest
from azure_simulator.model.roles import DISK_RESTORE_OPERATOR, DISK_SNAPSHOT_CONTRIBUTOR

if TYPE_CHECKING:
    from azure_simulator.model.vaults import Vault

# How the words of an error say what is the matter with a key.
_KEYS = {"Disabled": "in enabled state", "NotAvailable": "available"}
_READ_SET = "Microsoft.Compute/diskEncryptionSets/read"


class RestoreObjections:
    """Finds what Azure Backup would object to, when it validates, when it starts, and again when the job ends."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def first(
        self, vault: Vault, instance: Instance, request: RestoreRequest, point: RecoveryPoint
    ) -> OperationFault | None:
        """Return what is told first of all that stands in the way, None if nothing does."""
        group = self._cloud.find_group(f"/subscriptions/{request.subscription}/resourceGroups/{request.group}")
        if group is None:
            return OperationFault(
                "UserErrorRestoreTargetRGNotFound",
                "Operation failed as the Target Resource Group does not exist.",
                ["Provide a valid resource group to restore."],
            )
        found = (
            *self._about_target(vault, instance, request, group),
            *self._about_rights(vault, instance, request, group),
            *self._about_source(vault, instance, request, point),
            *self._about_quota(request, group),
        )
        return next(iter(found), None)

    def _about_target(
        self, vault: Vault, instance: Instance, request: RestoreRequest, group: Group
    ) -> Iterator[OperationFault]:
        source = instance.disk_id.split("/")[2]
        if request.subscription.lower() != source.lower() and vault.cross_subscription_restore != "enabled":
            # The setting is documented; its code is in no source.
            yield OperationFault(
                "UserErrorCrossSubscriptionRestoreNotAllowed",
                "Cross Subscription Restore is disabled on the Backup vault.",
                ["Enable Cross Subscription Restore in the properties of the Backup vault, or restore to the "
                 "subscription of the source."],
            )  # fmt: skip
        if group.location.lower() != vault.location.lower():
            # That the region must be that of the snapshot is documented; the code is in no source.
            yield OperationFault(
                "UserErrorRestoreTargetRGInvalidRegion",
                f"The Target Resource Group {group.name} is in {group.location}; the restore point is in "
                f"{vault.location}.",
                ["Provide a resource group in the region of the Backup vault."],
            )
        if self._cloud.find_disk(request.disk_id) is not None:
            yield OperationFault(
                "UserErrorSameNameDiskAlreadyExists",
                "Could not restore as a Disk with same name already exists in the selected target resource group",
                ["Provide a different disk name for restore."],
            )

    def _about_rights(
        self, vault: Vault, instance: Instance, request: RestoreRequest, group: Group
    ) -> Iterator[OperationFault]:
        """Without ``identityDetails`` the vault's own identity works, also in a vault that has others."""
        access, principal = self._cloud.access, vault.principal_of(request.identity)
        if principal != vault.principal_of(instance.identity):
            # That both must be the same is documented (the az CLI's --use-system-assigned-identity), the code is not.
            yield OperationFault(
                "UserErrorDiskBackupRestoreRGOrMSIPermissionsNotPresent",
                "Operation failed as the Target Resource Group does not exist. Or Azure Backup Service requires "
                "additional permissions on the Target Resource Group to do this operation.",
                ["Grant the Backup vault's managed identity the appropriate permissions on the target resource group."],
            )
        if not access.may(principal, DISK_RESTORE_OPERATOR, group.id):
            yield OperationFault(
                "UserErrorNotEnoughPermissionOnTargetRG",
                "Azure Backup Service requires additional permissions on the Target Resource Group to do this "
                "operation.",
                ["Grant the Backup vault's managed identity the appropriate permissions on the target resource group."],
            )
        if not access.may(principal, DISK_SNAPSHOT_CONTRIBUTOR, instance.snapshot_group):
            yield no_right_on_snapshot_group(instance.snapshot_group)

    def _about_source(
        self, vault: Vault, instance: Instance, request: RestoreRequest, point: RecoveryPoint
    ) -> Iterator[OperationFault]:
        kept = point.id in instance.points and not point.snapshot_deleted
        if not kept or self._cloud.find_group(point.snapshot_group) is None:
            yield OperationFault(
                "UserErrorDiskSnapshotNotFound",
                "The disk snapshot for this Restore point has been deleted.",
                ["Consider using another Recovery point to restore."],
            )
        encryption_set = point.disk.encryption_set
        if not encryption_set:
            return
        key = self._cloud.encryption_keys.get(encryption_set.lower(), "Enabled")
        if not self._cloud.access.allows(vault.principal_of(request.identity), _READ_SET, encryption_set):
            yield OperationFault(
                "UserErrorMSIPermissionsNotPresentOnDES",
                "Azure Backup Service needs permission to access the disk encryption set used with the disk.",
                ["Provide Reader access to the Backup vault's managed identity to the disk encryption set (DES)."],
            )
        if key != "Enabled":
            yield OperationFault(
                f"UserErrorDESKeyVaultKey{key}",
                f"The key vault key used for disk encryption set is not {_KEYS[key]}.",
                ["Ensure that the key vault key used for disk encryption set isn't disabled or deleted."],
            )

    def _about_quota(self, request: RestoreRequest, group: Group) -> Iterator[OperationFault]:
        """Whether the validation of the real service sees this one is not known."""
        if self._cloud.disks_allowed is None:
            return
        held = [
            each
            for each in self._cloud.disks.values()
            if each.subscription.lower() == request.subscription.lower() and each.location == group.location
        ]
        if len(held) >= self._cloud.disks_allowed:
            yield OperationFault(
                "UserErrorSubscriptionDiskQuotaLimitReached",
                "Operation has failed as the Disk quota maximum limit has been reached on the subscription.",
                ["Refer to the Azure subscription and service limits and quota documentation or contact Microsoft "
                 "Support for further guidance."],
            )  # fmt: skip
