"""What the body of a backup instance says, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure_simulator.model.faults import (
    AzureFault,
    invalid,
)
from azure_simulator.model.policies import Policy, find_policy

if TYPE_CHECKING:
    from azure_simulator.model.vaults import Vault

_DISKS = "Microsoft.Compute/disks"


def parse(vault: Vault, properties: dict[str, Any]) -> tuple[str, Policy, str]:
    """Return the disk, the policy and the snapshot group that the properties of an instance name."""
    source = properties.get("dataSourceInfo") or {}
    policy_info = properties.get("policyInfo") or {}
    # The service takes resourceId as well as resourceID.
    disk_id = source.get("resourceID") or source.get("resourceId")
    # Terraform sends an empty objectType, and the service takes it.
    if properties.get("objectType") not in ("BackupInstance", "") or not disk_id:
        raise invalid("The backup instance needs an objectType and a dataSourceInfo.resourceID.")
    if source.get("datasourceType") != _DISKS or source.get("objectType") != "Datasource":
        raise invalid("Only the datasource type Microsoft.Compute/disks is simulated.")
    policy_id = policy_info.get("policyId") or ""
    policy = find_policy(vault, policy_id)
    if policy is None:
        # Recorded: not a 404, though it is about something that does not exist.
        raise invalid("Parameter PolicyName is invalid.")
    parameters = (policy_info.get("policyParameters") or {}).get("dataStoreParametersList") or []
    groups = [
        each.get("resourceGroupId")
        for each in parameters
        if each.get("objectType") == "AzureOperationalStoreParameters"
        and each.get("dataStoreType") == "OperationalStore"
    ]
    if len(groups) != 1 or not groups[0]:
        raise AzureFault(
            "UserErrorOperationalStoreParametersNotProvided",
            "The operational store parameters are not provided.",
        )
    return disk_id, policy, groups[0]
