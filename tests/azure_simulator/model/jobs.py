"""Jobs and recovery points, as records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from azure_simulator.model.disk import Disk
from azure_simulator.model.faults import OperationFault


@dataclass
class Job:
    """One job: a backup, or, with ``restored_to``, a restore into the disk of that id."""

    id: str
    activity_id: str
    instance_id: str
    policy_id: str
    policy_name: str
    disk_id: str
    disk_name: str
    disk_location: str
    disk_size_gib: int
    friendly_name: str
    user_triggered: bool
    retention_tag: str
    # As it was when the job started: the disk may move to another policy meanwhile.
    retention: timedelta
    start: datetime
    listed_from: datetime
    end: datetime | None = None
    fault: OperationFault | None = None
    point_id: str | None = None
    restored_from: RecoveryPoint | None = None
    restored_to: str = ""
    # What a job that succeeded warns of.
    warning: OperationFault | None = None
    # The disk as it was when the backup started, which is what its snapshot has.
    snapshot_of: Disk | None = None

    @property
    def operation(self) -> str:
        return "Restore" if self.restored_to else "Backup"

    @property
    def status(self) -> str:
        if self.end is None:
            return "InProgress"
        if self.fault is not None:
            return "Failed"
        return "CompletedWithWarnings" if self.warning else "Completed"


@dataclass
class RecoveryPoint:
    """One incremental snapshot that Azure Backup keeps."""

    id: str
    store_id: str
    snapshot_name: str
    snapshot_group: str
    taken: datetime
    committed: datetime
    expiry: datetime | None
    tag: str
    tag_version: str
    policy_name: str
    # As it was when the snapshot was taken.
    disk: Disk
    # The job that took it, under whose id its data are kept.
    job_id: str
    # Whether somebody deleted or moved the snapshot, of which Azure Backup knows nothing.
    snapshot_deleted: bool = False

    @property
    def snapshot_id(self) -> str:
        return f"{self.snapshot_group}/providers/Microsoft.Compute/snapshots/{self.snapshot_name}"
