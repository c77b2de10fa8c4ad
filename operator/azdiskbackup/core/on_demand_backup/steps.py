"""The steps that an on-demand backup can need: at most one a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.jobs.ending import DeleteObject


@dataclass(frozen=True, slots=True)
class RecordIntent:
    """Write into status that the request will be sent, and for which backup instance; only then it may be."""

    instance: ArmId


@dataclass(frozen=True, slots=True)
class Submit:
    """Ask Azure for the backup.

    Attributes:
        request_id: travels with the request and comes back as the job's activity id.
    """

    instance: ArmId
    rule_name: str
    retention_rule: str
    request_id: str


Step: TypeAlias = RecordIntent | Submit | DeleteObject
