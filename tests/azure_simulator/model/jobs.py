"""Jobs and recovery points, as records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

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

    @property
    def operation(self) -> str:
        return "Restore" if self.restored_to else "Backup"

    @property
    def status(self) -> str:
        if self.end is None:
            return "InProgress"
        return "Failed" if self.fault else "Completed"


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
    # Of the disk, when it was taken.
    size_gib: int = 0
