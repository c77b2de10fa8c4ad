"""Backup vaults and the policies in them."""

from __future__ import annotations

from collections.abc import Iterable

from azdiskbackup.azure.client.connection import DATA_PROTECTION_API
from azdiskbackup.azure.client.error_table import translated
from azdiskbackup.azure.gateways import decode, encode
from azdiskbackup.azure.gateways.gateway import Gateway, get_one, in_vault, list_all, unless_absent
from azdiskbackup.azure.gateways.operations import no_polling, operation_url, submit
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId
from azdiskbackup.core.objects.azure import AzureVault, VaultSettings
from azdiskbackup.core.objects.policy_content import PolicyContent
from azdiskbackup.core.rules.lookup import NotFound


class Vaults(Gateway):
    """Backup vaults."""

    async def get(self, vault: ArmId) -> AzureVault | NotFound:
        """Return a vault."""
        client = self._connection.data_protection(vault.subscription)
        return await get_one(client.backup_vaults.get(vault.group, vault.name), decode.vault)

    async def list(self, group: ResourceGroupId) -> list[AzureVault]:
        """Return the vaults in a resource group."""
        client = self._connection.data_protection(group.subscription)
        return await list_all(client.backup_vaults.get_in_resource_group(group.name), decode.vault)

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

    async def submit_identity(self, vault: ArmId, assigned: Iterable[str], *, own: bool) -> str | None:
        """Give a vault its user-assigned identities, all of them, and one of its ``own``."""
        return await self._patch(vault, encode.vault_identity(assigned, own=own))

    async def _patch(self, vault: ArmId, body: encode.Body) -> str | None:
        client = self._connection.data_protection(vault.subscription)
        return await submit(client.backup_vaults.begin_update(vault.group, vault.name, body, polling=no_polling()))

    async def submit_delete(self, vault: ArmId) -> str | None:
        """Delete an empty vault."""
        client = self._connection.data_protection(vault.subscription)
        return await submit(client.backup_vaults.begin_delete(vault.group, vault.name, polling=no_polling()))


class Policies(Gateway):
    """Backup policies: made and deleted, never changed."""

    async def exists(self, policy: ArmId) -> bool:
        """Return whether a policy exists."""
        client = self._connection.data_protection(policy.subscription)
        found = await unless_absent(client.backup_policies.get(*in_vault(policy)))
        return not isinstance(found, NotFound)

    async def create(self, policy: ArmId, content: PolicyContent) -> None:
        """Create a policy; the service does it at once."""
        client = self._connection.data_protection(policy.subscription)
        with translated():
            await client.backup_policies.create_or_update(*in_vault(policy), encode.policy(content))

    async def delete(self, policy: ArmId) -> None:
        """Delete a policy that nothing refers to; the service does it at once."""
        client = self._connection.data_protection(policy.subscription)
        with translated():
            await client.backup_policies.delete(*in_vault(policy))
