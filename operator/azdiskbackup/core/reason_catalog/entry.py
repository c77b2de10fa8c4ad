"""One entry of the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

VAULT, POLICY, DISK, BACKUP, RESTORE, RULE = KINDS = (
    "BackupVault",
    "DiskBackupPolicy",
    "ProtectedDisk",
    "OnDemandBackup",
    "DiskRestore",
    "DiskProtectionRule",
)


class Expect(Enum):
    """What somebody who reads the reason may expect."""

    GOOD = "Healthy."
    IN_PROGRESS = "In progress: the operator continues automatically."
    ACTION_REQUIRED = "Action required."


@dataclass(frozen=True, slots=True)
class ReasonEntry:
    """What a reason means.

    Attributes:
        reason: the constant, one of ``core.rules.reasons`` or of an error's class.
        kinds: the kinds whose conditions have it.
        cause: why it comes about, in whole sentences.
        remediation: what to do, in whole sentences; while the operator continues by itself, what to do if it does not.
    """

    reason: str
    kinds: tuple[str, ...]
    expect: Expect
    cause: str
    remediation: str


# Of one reason: what to expect, the cause, the remediation.
Meaning: TypeAlias = tuple[Expect, str, str]


def good(cause: str) -> Meaning:
    """Describe a reason of a healthy condition."""
    return Expect.GOOD, cause, "No action required."


def in_progress(cause: str, remediation: str) -> Meaning:
    """Describe a reason that the operator resolves by itself."""
    return Expect.IN_PROGRESS, cause, remediation


def action_required(cause: str, remediation: str) -> Meaning:
    """Describe a reason that stays until somebody acts."""
    return Expect.ACTION_REQUIRED, cause, remediation
