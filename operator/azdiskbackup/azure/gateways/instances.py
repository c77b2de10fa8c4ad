"""Backup instances: what protects a disk."""

from __future__ import annotations

from azdiskbackup.azure.client.connection import DATA_PROTECTION_API
from azdiskbackup.azure.gateways import decode, encode
from azdiskbackup.azure.gateways.gateway import Gateway, get_one, in_vault, list_all
from azdiskbackup.azure.gateways.operations import no_polling, operation_url, submit
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureInstance, InstanceRequest
from azdiskbackup.core.rules.lookup import NotFound


class Instances(Gateway):
    """Backup instances."""

    async def get(self, instance: ArmId) -> AzureInstance | NotFound:
        """Return a backup instance."""
        client = self._connection.data_protection(instance.subscription)
        return await get_one(client.backup_instances.get(*in_vault(instance)), decode.instance)

    async def get_deleted(self, instance: ArmId) -> AzureInstance | NotFound:
        """Return a soft-deleted backup instance, with the id that it had."""
        client = self._connection.data_protection(instance.subscription)
        return await get_one(
            client.deleted_backup_instances.get(*in_vault(instance)),
            lambda body: decode.instance({**body, "id": str(instance)}),
        )

    async def list_of_disk(self, disk: ArmId) -> list[AzureInstance]:
        """Return the backup instances of a disk, in whichever vault, as far as we may see them."""
        client = self._connection.data_protection(disk.subscription)
        return await list_all(client.backup_instances_extension_routing.list(str(disk).lstrip("/")), decode.instance)

    async def list_deleted(self, vault: ArmId) -> list[AzureInstance]:
        """Return all soft-deleted backup instances of a vault, with the ids that they had."""
        client = self._connection.data_protection(vault.subscription)
        return await list_all(
            client.deleted_backup_instances.list(vault.group, vault.name),
            lambda body: decode.instance({**body, "id": str(vault.child("backupInstances", body["name"]))}),
        )

    async def list(self, vault: ArmId) -> list[AzureInstance]:
        """Return all backup instances of a vault."""
        client = self._connection.data_protection(vault.subscription)
        return await list_all(client.backup_instances.list(vault.group, vault.name), decode.instance)

    async def submit_validation(self, request: InstanceRequest) -> str | None:
        """Ask whether a disk can be backed up; return the operation that will tell, None if it can."""
        client = self._connection.data_protection(request.id.subscription)
        group, vault, _ = in_vault(request.id)
        body = encode.validation(request)
        call = client.backup_instances.begin_validate_for_backup(group, vault, body, polling=no_polling())
        return await submit(call)

    async def submit_create_or_update(self, request: InstanceRequest) -> str | None:
        """Create a backup instance, or give it another policy."""
        client = self._connection.data_protection(request.id.subscription)
        place, body = in_vault(request.id), encode.instance(request)
        return await submit(client.backup_instances.begin_create_or_update(*place, body, polling=no_polling()))

    async def submit_stop(self, instance: ArmId) -> str | None:
        """Stop protection; nothing expires any more."""
        client = self._connection.data_protection(instance.subscription)
        return await submit(client.backup_instances.begin_stop_protection(*in_vault(instance), polling=no_polling()))

    async def submit_suspend(self, instance: ArmId) -> str | None:
        """Suspend backups; old ones expire by the policy."""
        client = self._connection.data_protection(instance.subscription)
        return await submit(client.backup_instances.begin_suspend_backups(*in_vault(instance), polling=no_polling()))

    async def submit_resume(self, instance: ArmId) -> str | None:
        """Resume protection, from stopped and from suspended.

        Not through the SDK's method, which believes that the call is new in 2026-06-01 and refuses older versions.
        """
        answer = await self._connection.send("POST", f"{instance}/resumeProtection", DATA_PROTECTION_API)
        return operation_url(answer)

    async def submit_sync(self, instance: ArmId) -> str | None:
        """Let the service try again what it failed to configure."""
        client = self._connection.data_protection(instance.subscription)
        body: encode.Body = {"syncType": "Default"}
        call = client.backup_instances.begin_sync_backup_instance(*in_vault(instance), body, polling=no_polling())
        return await submit(call)

    async def submit_delete(self, instance: ArmId) -> str | None:
        """Delete a backup instance, softly."""
        client = self._connection.data_protection(instance.subscription)
        return await submit(client.backup_instances.begin_delete(*in_vault(instance), polling=no_polling()))

    async def submit_undelete(self, instance: ArmId) -> str | None:
        """Bring a soft-deleted backup instance back."""
        client = self._connection.data_protection(instance.subscription)
        return await submit(client.deleted_backup_instances.begin_undelete(*in_vault(instance), polling=no_polling()))
