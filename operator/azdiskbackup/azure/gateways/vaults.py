"""Backup vaults and the policies in them."""

from __future__ import annotations

from azdiskbackup.azure.client.connection import DATA_PROTECTION_API, AzureConnection
from azdiskbackup.azure.client.error_table import absent_or_raise, translated
from azdiskbackup.azure.gateways import decode, encode
from azdiskbackup.azure.gateways.operations import no_polling, operation_url, started_operation
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureVault, VaultSettings
from azdiskbackup.core.objects.policy_content import PolicyContent
from azdiskbackup.core.rules.lookup import NotFound
from azdiskbackup.errors import OperatorError


class Vaults:
    """Backup vaults.

    Raises:
        OperatorError: Azure refuses or fails; its class says whether waiting helps (``azure.client.error_table``).
        RateLimited: the request is not allowed yet.
    """

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection

    async def get(self, vault: ArmId) -> AzureVault | NotFound:
        """Return a vault."""
        client = self._connection.data_protection(vault.subscription)
        try:
            with translated():
                found = await client.backup_vaults.get(vault.group, vault.name)
        except OperatorError as error:
            return absent_or_raise(error)
        return decode.one(found.as_dict(), decode.vault)

    async def submit_create(
        self, vault: ArmId, location: str, settings: VaultSettings, identity: str | None = None
    ) -> str | None:
        """Create a vault with an identity of its own, or a user-assigned one.

        Not through the SDK's method: it has a header that it refuses to leave out with this version of the API.
        """
        body = encode.new_vault(location, settings, identity)
        return operation_url(await self._connection.send("PUT", str(vault), DATA_PROTECTION_API, body))

    async def submit_update(self, vault: ArmId, settings: VaultSettings) -> str | None:
        """Change soft delete, immutability and tags."""
        return await self._patch(vault, encode.vault_changes(settings))

    async def submit_identity(self, vault: ArmId, identity: str | None, *, own: bool) -> str | None:
        """Give a vault another identity; ``own`` says whether it has one of its own, which stays."""
        return await self._patch(vault, encode.vault_identity(identity, own=own))

    async def _patch(self, vault: ArmId, body: encode.Body) -> str | None:
        client = self._connection.data_protection(vault.subscription)
        with translated():
            poller = await client.backup_vaults.begin_update(
                vault.group,
                vault.name,
                body,
                polling=no_polling(),
            )
            return await started_operation(poller)

    async def submit_delete(self, vault: ArmId) -> str | None:
        """Delete an empty vault."""
        client = self._connection.data_protection(vault.subscription)
        with translated():
            poller = await client.backup_vaults.begin_delete(vault.group, vault.name, polling=no_polling())
            return await started_operation(poller)


class Policies:
    """Backup policies: made and deleted, never changed.

    Raises:
        OperatorError: Azure refuses or fails; its class says whether waiting helps (``azure.client.error_table``).
        RateLimited: the request is not allowed yet.
    """

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection

    async def exists(self, policy: ArmId) -> bool:
        """Return whether a policy exists."""
        client = self._connection.data_protection(policy.subscription)
        try:
            with translated():
                await client.backup_policies.get(policy.group, policy.path[1], policy.name)
        except OperatorError as error:
            absent_or_raise(error)
            return False
        return True

    async def create(self, policy: ArmId, content: PolicyContent) -> None:
        """Create a policy; the service does it at once."""
        client = self._connection.data_protection(policy.subscription)
        body = encode.policy(content)
        with translated():
            await client.backup_policies.create_or_update(
                policy.group,
                policy.path[1],
                policy.name,
                body,
            )

    async def delete(self, policy: ArmId) -> None:
        """Delete a policy that nothing refers to; the service does it at once."""
        client = self._connection.data_protection(policy.subscription)
        with translated():
            await client.backup_policies.delete(policy.group, policy.path[1], policy.name)
