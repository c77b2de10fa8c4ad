"""Jobs, on-demand backups and restore points."""

from __future__ import annotations

from azdiskbackup.azure.client.error_table import translated
from azdiskbackup.azure.gateways import decode, encode
from azdiskbackup.azure.gateways.gateway import Gateway, get_one, in_vault, list_all
from azdiskbackup.azure.gateways.operations import no_polling, submit
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureJob, AzureRestorePoint
from azdiskbackup.core.rules.lookup import NotFound


class Backups(Gateway):
    """Jobs, on-demand backups and restore points."""

    async def submit(self, instance: ArmId, rule_name: str, retention_rule: str, request_id: str) -> str | None:
        """Ask for a backup now; return the operation that will tell its job.

        ``request_id`` comes back as the job's activity id, by which a lost answer is found again.
        """
        client = self._connection.data_protection(instance.subscription)
        place, body = in_vault(instance), encode.on_demand(rule_name, retention_rule)
        return await submit(
            client.backup_instances.begin_adhoc_backup(*place, body, polling=no_polling(), request_id=request_id)
        )

    async def get_job(self, vault: ArmId, job_id: str) -> AzureJob | NotFound:
        """Return a job."""
        client = self._connection.data_protection(vault.subscription)
        return await get_one(client.jobs.get(vault.group, vault.name, job_id), decode.job)

    async def jobs_page(self, vault: ArmId, page: str | None = None) -> tuple[list[AzureJob], str | None]:
        """Return a page of the jobs of a vault, two weeks of them without a filter or an order, and the next page."""
        client = self._connection.data_protection(vault.subscription)
        with translated():
            pages = client.jobs.list(vault.group, vault.name).by_page(continuation_token=page)
            rows = [each.as_dict() async for each in await anext(pages)]
        # It is azure-core's AsyncPageIterator, of which the hint shows less than is documented.
        following: str | None = getattr(pages, "continuation_token", None)
        return decode.each(rows, decode.job), following

    async def list_few_jobs(self, vault: ArmId, most_pages: int) -> list[AzureJob] | None:
        """Return all jobs of a vault, newest first; None when they fill more pages than should be read."""
        client = self._connection.data_protection(vault.subscription)
        jobs: list[AzureJob] = []
        read = 0
        with translated():
            async for page in client.jobs.list(vault.group, vault.name).by_page():
                if read == most_pages:
                    return None
                jobs += decode.each([each.as_dict() async for each in page], decode.job)
                read += 1
        return sorted(jobs, key=lambda job: job.start, reverse=True)

    async def list_restore_points(self, instance: ArmId) -> list[AzureRestorePoint]:
        """Return the restore points of an instance; the call is scarce."""
        client = self._connection.data_protection(instance.subscription)
        return await list_all(client.recovery_points.list(*in_vault(instance)), decode.restore_point)

    async def get_restore_point(self, instance: ArmId, point: str) -> AzureRestorePoint | NotFound:
        """Return one restore point; the call is scarce."""
        client = self._connection.data_protection(instance.subscription)
        return await get_one(client.recovery_points.get(*in_vault(instance), point), decode.restore_point)
