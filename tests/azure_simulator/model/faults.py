"""Errors in Azure's words; how they travel over HTTP is not known here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class AzureFault(Exception):
    """A request that is refused at once.

    Attributes:
        recommended: what Azure Backup advises.
        additional: what Resource Manager says besides, as it stands in ``additionalInfo``.
    """

    code: str
    message: str
    recommended: list[str] = field(default_factory=list)
    additional: list[dict[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True)
class OperationFault:
    """Why a long-running operation, a job or a protection failed.

    ``is_retryable`` is what the service says, which is false even for errors that heal by themselves.
    """

    code: str
    message: str
    recommended: list[str] = field(default_factory=list)
    is_retryable: bool = False
    is_user_error: bool = True


def invalid(message: str) -> AzureFault:
    """A body that the service does not take."""
    return AzureFault("UserErrorInvalidRequestParameter", message)


def not_found() -> AzureFault:
    """A resource of the service that does not exist; the words are recorded, and name nothing."""
    return AzureFault(
        "UserErrorGenericResourceNotFound",
        "Azure resource does not exist. Please make sure required resources exist. If the issue persists, contact "
        "Microsoft support.",
    )


def no_right_at_validation(scope: str) -> OperationFault:
    """What a validation was recorded to say, of disks and of snapshot groups alike; it heals when rights spread."""
    return OperationFault(
        "UserErrorMissingRequiredPermissions",
        f"The vault's identity lacks required permissions on {scope}.",
        ["Grant the Backup vault's managed identity the roles that disk backup needs, and try again."],
    )


def no_right_on_disk(disk: str) -> OperationFault:
    return OperationFault(
        "UserErrorNotEnoughPermissionOnDisk",
        f"Azure Backup Service does not have sufficient permissions on the Disk {disk}.",
        ["Grant the Backup vault's managed identity the Disk Backup Reader role on the disk."],
    )


def no_right_on_snapshot_group(group: str) -> OperationFault:
    return OperationFault(
        "UserErrorNotEnoughPermissionOnSnapshotRG",
        f"Azure Backup Service does not have sufficient permissions on the Snapshot Resource Group {group}.",
        [
            "Grant the Backup vault's managed identity the Disk Snapshot Contributor role on the "
            "snapshot resource group."
        ],
    )
