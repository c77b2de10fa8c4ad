"""Reads a snapshot: of a subscription from Resource Graph, or of a vault from its own lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.gateways.resource_graph import InstanceRow, Keep
from azdiskbackup.azure.gateways.rows import Known, Row
from azdiskbackup.azure.inventory.snapshot import InventorySnapshot, newer_than_index
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureJob, JobHistory, job_history

# Pages of jobs that are read of a vault at each sweep while Resource Graph does not tell them.
FEW_PAGES = 10

# Whether an instance, by lower-case id and tags, has lost its ProtectedDisk.
IsOrphaned = Callable[[str, Mapping[str, str]], bool]


@dataclass(slots=True)
class _Instances:
    """What is kept of the instances: of most there are, that they are there."""

    is_orphaned: IsOrphaned
    rows: dict[str, Row[InstanceRow]] = field(default_factory=dict)
    others: set[int] = field(default_factory=set)
    orphaned: set[str] = field(default_factory=set)

    def add(self, key: str, row: Row[InstanceRow] | None, tags: Mapping[str, str]) -> None:
        """Add one by its lower-case id; without a row where it is not of interest."""
        if row is not None:
            self.rows[key] = row
        else:
            self.others.add(hash(key))
        if self.is_orphaned(key, tags):
            self.orphaned.add(key)


class SnapshotReader:
    """Reads snapshots.

    Args:
        azure: the gateways.
        now: the time.
        ours: whether a lower-case id of an instance or a disk is of interest.
        is_orphaned: whether an instance has lost its ProtectedDisk.
    """

    def __init__(self, azure: Azure, now: Callable[[], datetime], ours: Keep, is_orphaned: IsOrphaned) -> None:
        self._azure = azure
        self._now = now
        self._ours = ours
        self._is_orphaned = is_orphaned
        self._ended: dict[str, AzureJob] = {}

    def record_finished_job(self, job: AzureJob) -> None:
        """Take note of a job that was seen to end: an index shows that later."""
        self._ended[job.instance_id.lower()] = job

    async def from_index(self, subscription: str, before: InventorySnapshot | None) -> InventorySnapshot:
        """Return what Resource Graph shows of a subscription; of what is as before, the rows of before."""
        at = self._now()
        found, jobs = _Instances(self._is_orphaned), dict[str, Row[JobHistory]]()
        for key in [key for key, job in self._ended.items() if not newer_than_index(job, at)]:
            del self._ended[key]
        # Two snapshots of many disks would need twice the memory.
        known = before or InventorySnapshot(at, {}, {})
        async for shown in self._azure.graph.backups(subscription, self._ours, known.instances, known.jobs):
            if shown.exists:
                found.add(shown.key, shown.row, shown.tags)
            if shown.jobs is not None:
                jobs[shown.key] = shown.jobs
        return InventorySnapshot(at, found.rows, jobs, found.others, self._ended, orphaned=found.orphaned)

    async def from_vault(self, vault: ArmId, known_jobs: Mapping[str, Row[JobHistory]]) -> InventorySnapshot:
        """Return what a vault itself lists; where it has too many jobs to list them, those that are known."""
        at = self._now()
        found = _Instances(self._is_orphaned)
        for each in await self._azure.instances.list(vault):
            key = str(each.id).lower()
            is_ours = self._ours(key) or self._ours(each.disk_id.lower())
            found.add(key, Known(InstanceRow(each, None)) if is_ours else None, each.tags)
        jobs = await self._listed_jobs(vault, at)
        if jobs is None:
            jobs = known_jobs
        return InventorySnapshot(at, found.rows, jobs, found.others, self._ended, listed=True, orphaned=found.orphaned)

    async def _listed_jobs(self, vault: ArmId, at: datetime) -> Mapping[str, Row[JobHistory]] | None:
        listed = await self._azure.backups.list_few_jobs(vault, FEW_PAGES)
        if listed is None:
            return None
        jobs: dict[str, list[AzureJob]] = {}
        for job in listed:
            jobs.setdefault(job.instance_id.lower(), []).append(job)
        return {key: Known(job_history(found, at)) for key, found in jobs.items() if self._ours(key)}
