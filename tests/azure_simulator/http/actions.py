"""What a caller must be allowed to do for each kind of request, in the names of role definitions."""

from __future__ import annotations

_ACTIONS = {
    "resourceGraph.query": "Microsoft.ResourceGraph/resources/read",
    "resourceGroups.get": "Microsoft.Resources/subscriptions/resourceGroups/read",
    "resourceGroups.put": "Microsoft.Resources/subscriptions/resourceGroups/write",
    "disks.operation": "Microsoft.Compute/locations/DiskOperations/read",
    "subscriptions.operationresults": "Microsoft.Resources/subscriptions/operationresults/read",
    "disks.get": "Microsoft.Compute/disks/read",
    "roleAssignments.put": "Microsoft.Authorization/roleAssignments/write",
    "roleAssignments.get": "Microsoft.Authorization/roleAssignments/read",
    "roleAssignments.list": "Microsoft.Authorization/roleAssignments/read",
    "roleAssignments.delete": "Microsoft.Authorization/roleAssignments/delete",
    "backupVaults.validateForBackup": "Microsoft.DataProtection/backupVaults/validateForBackup/action",
    "recoveryPoints.list": "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/read",
    "recoveryPoints.get": "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/read",
    "backupInstances.ofDisk": "Microsoft.DataProtection/backupVaults/backupInstances/read",
    "operations.status": "Microsoft.DataProtection/backupVaults/operationStatus/read",
    "locations.operationStatus": "Microsoft.DataProtection/locations/operationStatus/read",
    "locations.operationResults": "Microsoft.DataProtection/locations/operationResults/read",
}
_VERBS = {"head": "read", "get": "read", "list": "read", "put": "write", "patch": "write", "delete": "delete"}


# Which provider a thing belongs to that is none of Data Protection.
_OWNERS = {
    "disks": "Microsoft.Compute",
    "snapshots": "Microsoft.Compute",
    "userAssignedIdentities": "Microsoft.ManagedIdentity",
    "roleDefinitions": "Microsoft.Authorization",
    "resourceGroups": "Microsoft.Resources/subscriptions",
    "resources": "Microsoft.Resources/subscriptions/resourceGroups",
    "subscriptions": "Microsoft.Resources",
    "providers": "Microsoft.Resources/subscriptions",
    "tenants": "Microsoft.Resources",
}


def action_of(name: str) -> str:
    """Return what a caller must be allowed to do for a kind of request, in the names of role definitions."""
    if name in _ACTIONS:
        return _ACTIONS[name]
    thing, verb = name.split(".")
    if thing in _OWNERS:
        return f"{_OWNERS[thing]}/{thing}/{_VERBS.get(verb, f'{verb}/action')}"
    path = "backupVaults" if thing == "backupVaults" else f"backupVaults/{thing}"
    return f"Microsoft.DataProtection/{path}/{_VERBS.get(verb, f'{verb}/action')}"
