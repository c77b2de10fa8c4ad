"""What Azure Backup works on, and the rights to it: disks, resource groups, role assignments."""

from __future__ import annotations

from azdiskbackup.azure.client.connection import AzureConnection
from azdiskbackup.azure.client.error_table import absent_or_raise, translated
from azdiskbackup.azure.gateways import decode
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import AzureDisk, AzureGroup
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.errors import OperatorError

_COMPUTE = "2024-03-02"
_RESOURCES = "2021-04-01"
_AUTHORIZATION = "2022-04-01"


class Resources:
    """Disks and resource groups, read without the compute SDK, whose import alone costs 141 MB.

    Raises:
        OperatorError: Azure refuses or fails; its class says whether waiting helps (``azure.client.error_table``).
        RateLimited: the request is not allowed yet.
    """

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection

    async def get_disk(self, disk: ArmId) -> AzureDisk | NotFound:
        """Return a managed disk."""
        try:
            response = await self._connection.send("GET", str(disk), _COMPUTE)
        except OperatorError as error:
            return absent_or_raise(error)
        return decode.one(response.json(), decode.disk)

    async def get_group(self, group: ResourceGroupId) -> AzureGroup | NotFound:
        """Return a resource group."""
        try:
            response = await self._connection.send("GET", str(group), _RESOURCES)
        except OperatorError as error:
            return absent_or_raise(error)
        return decode.one(response.json(), decode.group)

    async def create_group(self, group: ResourceGroupId, location: str) -> None:
        """Create a resource group."""
        await self._connection.send("PUT", str(group), _RESOURCES, {"location": location})


class RoleAssignments:
    """Role assignments, by their deterministic names.

    Raises:
        OperatorError: Azure refuses or fails; its class says whether waiting helps (``azure.client.error_table``).
        RateLimited: the request is not allowed yet.
    """

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection

    async def exists(self, grant: Grant) -> bool:
        """Return whether a grant of ours exists."""
        client = self._connection.authorization(grant.subscription)
        try:
            with translated():
                await client.role_assignments.get(grant.scope.lstrip("/"), grant.name)
        except OperatorError as error:
            absent_or_raise(error)
            return False
        return True

    async def held(self, grant: Grant) -> bool:
        """Return whether somebody granted the same, under whatever name, at the scope or above it."""
        client = self._connection.authorization(grant.subscription)
        wanted = f"principalId eq '{grant.principal}'"
        with translated():
            found = [each async for each in client.role_assignments.list_for_scope(grant.scope.lstrip("/"), wanted)]
        return any(
            str(each.role_definition_id).lower().endswith(grant.role.guid)
            and f"{grant.scope}/".lower().startswith(f"{each.scope}/".lower())
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
