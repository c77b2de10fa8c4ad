"""One reason, explained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

VAULT, POLICY, DISK, BACKUP = KINDS = ("BackupVault", "DiskBackupPolicy", "ProtectedDisk", "OnDemandBackup")


class Expect(Enum):
    """What somebody who reads the reason may expect."""

    GOOD = "All is as it should be."
    GOES_ON = "It goes on by itself."
    YOURS = "Somebody has to do something."


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reason means.

    Attributes:
        reason: the constant, one of ``core.reasons`` or of an error's class.
        kinds: the kinds whose conditions have it.
        cause: why it comes about, in whole sentences.
        cure: what to do, in whole sentences; for what goes on by itself, what to do when it does not.
    """

    reason: str
    kinds: tuple[str, ...]
    expect: Expect
    cause: str
    cure: str


def good(reason: str, kinds: tuple[str, ...], cause: str) -> Explanation:
    """Explain a reason of a condition that is as it should be."""
    return Explanation(reason, kinds, Expect.GOOD, cause, "Nothing is to be done.")


def goes_on(reason: str, kinds: tuple[str, ...], cause: str, cure: str) -> Explanation:
    """Explain a reason that passes by itself."""
    return Explanation(reason, kinds, Expect.GOES_ON, cause, cure)


def yours(reason: str, kinds: tuple[str, ...], cause: str, cure: str) -> Explanation:
    """Explain a reason that stays until somebody does something."""
    return Explanation(reason, kinds, Expect.YOURS, cause, cure)
