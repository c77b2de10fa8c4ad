"""One backup instance, as a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure_simulator.model.faults import OperationFault
from azure_simulator.model.jobs import RecoveryPoint
from azure_simulator.model.policies import Policy

IN_WORK = ("ConfiguringProtection", "UpdatingProtection")


@dataclass
class Instance:
    """A backup instance; ``properties`` are as they were put."""

    name: str
    tags: dict[str, str] | None
    properties: dict[str, Any]
    policy: Policy
    disk_id: str
    snapshot_group: str
    state: str = "ConfiguringProtection"
    provisioning: str = "Provisioning"
    fault: OperationFault | None = None
    points: dict[str, RecoveryPoint] = field(default_factory=dict)
    deleted_at: datetime | None = None
    purge_at: datetime | None = None
    # Counts configurations; a backup that was scheduled by an earlier one does not run.
    schedule: int = 0
    # An operation of the instance is under way.
    changing: bool = False

    @property
    def identity(self) -> dict[str, Any] | None:
        details: dict[str, Any] | None = self.properties.get("identityDetails")
        return details

    def expire(self, now: datetime) -> list[RecoveryPoint]:
        """Drop the points whose time is over, and return them; stopped none is, suspended the newest one stays."""
        if self.state in ("ProtectionStopped", "SoftDeleted"):
            return []
        newest = max(self.points.values(), key=lambda point: point.taken, default=None)
        kept = newest if self.state == "BackupsSuspended" else None
        over = [
            each for each in self.points.values() if each.expiry is not None and each.expiry <= now and each is not kept
        ]
        for each in over:
            del self.points[each.id]
        return over
