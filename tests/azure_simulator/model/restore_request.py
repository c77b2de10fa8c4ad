"""What a restore request asks for; its members are found without regard to letter case (recorded)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure_simulator.model.faults import invalid

if TYPE_CHECKING:
    from azure_simulator.model.vaults import Vault

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


@dataclass(frozen=True)
class RestoreRequest:
    """A request that the service takes.

    Attributes:
        disk_id: the ARM id of the disk that is to be made, as it was sent.
        identity: ``identityDetails``, in the documents' letter case; None where the request has none.
    """

    point_id: str
    disk_id: str
    subscription: str
    group: str
    name: str
    identity: dict[str, Any] | None

    @classmethod
    def parse(cls, vault: Vault, body: dict[str, Any]) -> RestoreRequest:
        """Read the body of a restore.

        Raises:
            AzureFault: the service does not take it.
        """
        request = folded(body)
        target = request.get("restoretargetinfo") or {}
        datasource = target.get("datasourceinfo") or {}
        for found, wanted, name in (
            (request.get("objecttype"), "AzureBackupRecoveryPointBasedRestoreRequest", "objectType"),
            (request.get("sourcedatastoretype"), "OperationalStore", "sourceDataStoreType"),
            (target.get("objecttype"), "RestoreTargetInfo", "restoreTargetInfo.objectType"),
            (target.get("recoveryoption"), "FailIfExists", "restoreTargetInfo.recoveryOption"),
            (target.get("restorelocation"), vault.location, "restoreTargetInfo.restoreLocation"),
            # It may be left out (OpenAPI document).
            (datasource.get("objecttype") or "Datasource", "Datasource", "datasourceInfo.objectType"),
            (datasource.get("datasourcetype"), "Microsoft.Compute/disks", "datasourceInfo.datasourceType"),
        ):
            if found != wanted:
                raise invalid(f"The property '{name}' is {found!r}; {wanted!r} is supported.")
        disk_id = str(datasource.get("resourceid") or "")
        subscription, group, name = _disk_parts(disk_id)
        identity = request.get("identitydetails")
        details = None
        if identity:
            details = {
                "useSystemAssignedIdentity": identity.get("usesystemassignedidentity"),
                "userAssignedIdentityArmUrl": identity.get("userassignedidentityarmurl"),
            }
        return cls(str(request.get("recoverypointid")), disk_id, subscription, group, name, details)


def folded(value: Any) -> Any:
    """Return a JSON value with the names of all members in lower case."""
    if isinstance(value, dict):
        return {str(name).lower(): folded(below) for name, below in value.items()}
    return [folded(each) for each in value] if isinstance(value, list) else value


def _disk_parts(disk_id: str) -> tuple[str, str, str]:
    """Return subscription, group and name of the id of a disk."""
    parts = disk_id.strip("/").split("/")
    names = [part.lower() for part in parts[::2]]
    if len(parts) != 8 or names != ["subscriptions", "resourcegroups", "providers", "disks"]:
        raise invalid("The property 'datasourceInfo.resourceID' is not the id of a disk.")
    if parts[5].lower() != "microsoft.compute" or not _NAME.fullmatch(parts[7]):
        raise invalid("The property 'datasourceInfo.resourceID' is not the id of a disk.")
    return parts[1], parts[3], parts[7]
