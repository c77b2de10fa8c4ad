"""What Azure Backup works on, and the rights to it: disks, resource groups, role assignments."""

from __future__ import annotations

from collections.abc import Mapping

from azdiskbackup.azure.client.connection import json_object
from azdiskbackup.azure.client.error_table import translated
from azdiskbackup.azure.gateways import decode
from azdiskbackup.azure.gateways.gateway import Gateway, unless_absent
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import AzureDisk, AzureGroup
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.errors import OperatorError

_COMPUTE = "2024-03-02"
_RESOURCES = "2021-04-01"
_AUTHORIZATION = "2022-04-01"


class Resources(Gateway):
    """Disks and resource groups, read without the compute SDK, whose import alone costs 141 MB."""

    async def get_disk(self, disk: ArmId) -> AzureDisk | NotFound:
        """Return a managed disk."""
        found = await unless_absent(self._connection.send("GET", str(disk), _COMPUTE))
        return found if isinstance(found, NotFound) else decode.one(json_object(found), decode.disk)

    async def set_tags(self, disk: ArmId, tags: Mapping[str, str]) -> None:
        """Set the tags of a disk, which are the whole set; Azure answers before it is done."""
        await self._connection.send("PATCH", str(disk), _COMPUTE, {"tags": dict(tags)})

    async def get_group(self, group: ResourceGroupId) -> AzureGroup | NotFound:
        """Return a resource group."""
        found = await unless_absent(self._connection.send("GET", str(group), _RESOURCES))
        return found if isinstance(found, NotFound) else decode.one(json_object(found), decode.group)

    async def create_group(self, group: ResourceGroupId, location: str, tags: Mapping[str, str]) -> None:
        """Create a resource group."""
        await self._connection.send("PUT", str(group), _RESOURCES, {"location": location, "tags": dict(tags)})


class RoleAssignments(Gateway):
    """Role assignments, by their deterministic names."""

    async def exists(self, grant: Grant) -> bool:
        """Return whether a grant of ours exists."""
        client = self._connection.authorization(grant.subscription)
        found = await unless_absent(client.role_assignments.get(grant.scope.lstrip("/"), grant.name))
        return not isinstance(found, NotFound)

    async def held(self, grant: Grant) -> bool:
        """Return whether somebody granted the same, under whatever name, at the scope or above it."""
        client = self._connection.authorization(grant.subscription)
        # Also by way of the groups that it is in.
        wanted = f"assignedTo('{grant.principal}')"
        with translated():
            found = [each async for each in client.role_assignments.list_for_scope(grant.scope.lstrip("/"), wanted)]
        return any(
            str(each.role_definition_id).lower().endswith(grant.role.guid)
            and _is_at_or_above(str(each.scope), grant.scope)
            for each in found
        )

    async def create(self, grant: Grant) -> bool:
        """Create a grant; return whether it is ours: one that exists under another name is as good."""
        definition = (
            f"/subscriptions/{grant.subscription}/providers/Microsoft.Authorization/roleDefinitions/{grant.role.guid}"
        )
        # Not the SDK's model: its principalType is "User" unless told otherwise.
        body = {
            "properties": {
                "roleDefinitionId": definition,
                "principalId": grant.principal,
                "principalType": "ServicePrincipal",
            }
        }
        path = f"{grant.scope}/providers/Microsoft.Authorization/roleAssignments/{grant.name}"
        try:
            await self._connection.send("PUT", path, _AUTHORIZATION, body)
        except OperatorError as error:
            if error.code != "RoleAssignmentExists":
                raise
            return False
        return True

    async def delete(self, grant: Grant) -> None:
        """Delete a grant of ours."""
        client = self._connection.authorization(grant.subscription)
        with translated():
            await client.role_assignments.delete(grant.scope.lstrip("/"), grant.name)


def _is_at_or_above(assigned: str, scope: str) -> bool:
    """Return whether an assignment at one scope counts at another; that of a management group has no part of its id."""
    place = assigned.lower().rstrip("/")
    return f"{scope}/".lower().startswith(f"{place}/") or place.startswith("/providers/microsoft.management/")
