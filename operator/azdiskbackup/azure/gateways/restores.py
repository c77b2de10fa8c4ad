"""Restores: always into a new disk, by the vault's identity."""

from __future__ import annotations

from azdiskbackup.azure.gateways import encode
from azdiskbackup.azure.gateways.gateway import Gateway, in_vault
from azdiskbackup.azure.gateways.operations import no_polling, submit
from azdiskbackup.core.objects.azure import RestoreRequest


class Restores(Gateway):
    """Restores of disks."""

    async def submit_validation(self, request: RestoreRequest) -> str | None:
        """Ask whether a restore would succeed; return the operation that will tell, None if it would."""
        client = self._connection.data_protection(request.instance.subscription)
        place, body = in_vault(request.instance), encode.restore_validation(request)
        return await submit(
            client.backup_instances.begin_validate_for_restore(*place, body, polling=no_polling()),
        )

    async def submit(self, request: RestoreRequest, request_id: str) -> str | None:
        """Ask for a restore; return the operation that will tell its job.

        The operation ends within seconds, when Azure has accepted it: only the job tells how the restore ends.
        ``request_id`` comes back as the job's activity id, by which a lost answer is found again.
        """
        client = self._connection.data_protection(request.instance.subscription)
        place, body = in_vault(request.instance), encode.restore(request)
        return await submit(
            client.backup_instances.begin_trigger_restore(*place, body, polling=no_polling(), request_id=request_id)
        )
