"""What was known of many disks at one time."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from azdiskbackup.azure.gateways.resource_graph import InstanceRow
from azdiskbackup.azure.gateways.rows import Row, differ
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import NO_JOBS, AzureInstance, AzureJob, JobHistory

# A job that ended so long ago is shown, or is no longer among those that are.
SHOWN_SURELY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """What a sweep shows of one backup instance; None where it shows none."""

    instance: AzureInstance | None = None
    jobs: JobHistory = NO_JOBS
    newest_point: datetime | None = None


@dataclass(frozen=True, slots=True)
class InventorySnapshot:
    """What was known at a time, by lower-case ARM id of the instances.

    Attributes:
        others: hashes of the ids of instances that nobody here is about; all that is kept of them.
        ended: jobs that were seen to end by themselves, the newest of each instance; an index shows them later.
        listed: whether it comes from the vault itself, and not from an index that lags.
        orphaned: lower-case ids of the instances that have lost their ProtectedDisk in this cluster.
    """

    at: datetime
    instances: Mapping[str, Row[InstanceRow]]
    jobs: Mapping[str, Row[JobHistory]]
    others: Set[int] = frozenset()
    ended: Mapping[str, AzureJob] = field(default_factory=dict)
    listed: bool = False
    orphaned: Set[str] = frozenset()

    def of(self, instance: ArmId | str) -> InventoryEntry:
        """Return what the snapshot shows of an instance."""
        key = str(instance).lower()
        row, history, ended = self.instances.get(key), self.jobs.get(key), self.ended.get(key)
        jobs = history.read() if history is not None else NO_JOBS
        if ended is not None and newer_than_index(ended, self.at):
            jobs = jobs.with_job(ended)
        if row is None:
            return InventoryEntry(jobs=jobs)
        shown = row.read()
        return InventoryEntry(shown.instance, jobs, shown.newest_point)

    def is_absent(self, instance: ArmId) -> bool:
        """Return whether there is no such instance, of whomever."""
        key = str(instance).lower()
        return key not in self.instances and hash(key) not in self.others

    def orphans_in(self, vault: ArmId) -> int:
        """Return how many instances of a vault have lost their ProtectedDisk."""
        return sum(each.startswith(f"{vault}/".lower()) for each in self.orphaned)

    def changed_since(self, other: InventorySnapshot, vault: ArmId) -> set[str]:
        """Return the instances of a vault that another snapshot shows otherwise."""
        inside = f"{vault}/".lower()
        keys = self.instances.keys() | other.instances.keys() | self.jobs.keys() | other.jobs.keys()
        return {
            key
            for key in keys
            if key.startswith(inside)
            and (
                differ(self.instances.get(key), other.instances.get(key))
                or differ(self.jobs.get(key), other.jobs.get(key))
            )
        }


def newer_than_index(job: AzureJob, at: datetime) -> bool:
    """Return whether an index may not show yet that a job has ended."""
    return job.end is not None and job.end > at - SHOWN_SURELY


def same_instance(shown: AzureInstance | None, listed: AzureInstance) -> bool:
    """Return whether a snapshot shows an instance, and as the vault lists it."""
    return shown is not None and shown.looks_like(listed)
