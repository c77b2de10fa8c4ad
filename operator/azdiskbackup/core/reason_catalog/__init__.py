"""What each reason of a condition means, why it comes about, and what to do: for the documentation and for people."""

from __future__ import annotations

from azdiskbackup.core.reason_catalog import common
from azdiskbackup.core.reason_catalog.backups import OF_BACKUPS
from azdiskbackup.core.reason_catalog.disks import OF_DISKS
from azdiskbackup.core.reason_catalog.entry import (
    BACKUP,
    DISK,
    KINDS,
    POLICY,
    RESTORE,
    RULE,
    VAULT,
    Expect,
    ReasonEntry,
)
from azdiskbackup.core.reason_catalog.protection_rules import OF_RULES, SHARED_BY_RULES
from azdiskbackup.core.reason_catalog.restores import OF_RESTORES, SHARED_BY_RESTORES
from azdiskbackup.core.reason_catalog.vaults import OF_POLICIES, OF_VAULTS, SHARED_BY_VAULTS

_CHAPTERS = (
    (KINDS, common.OF_ALL),
    ((VAULT, POLICY, DISK), common.OF_ALL_BUT_BACKUPS),
    ((VAULT, POLICY), common.OF_VAULTS_AND_POLICIES),
    ((VAULT, DISK), common.OF_VAULTS_AND_DISKS),
    ((POLICY, DISK), common.OF_POLICIES_AND_DISKS),
    ((DISK, BACKUP), common.OF_DISKS_AND_BACKUPS),
    ((VAULT,), OF_VAULTS),
    ((POLICY,), OF_POLICIES),
    ((DISK,), OF_DISKS),
    ((BACKUP,), OF_BACKUPS),
    ((RESTORE,), OF_RESTORES),
    ((RULE,), OF_RULES),
)
_SHARED = {VAULT: SHARED_BY_VAULTS, RESTORE: SHARED_BY_RESTORES, RULE: SHARED_BY_RULES}


def _kinds_of(reason: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    shared = {kind for kind, theirs in _SHARED.items() if reason in theirs}
    return tuple(kind for kind in KINDS if kind in shared or kind in kinds)


_ENTRIES = [
    ReasonEntry(reason, _kinds_of(reason, kinds), *meaning)
    for kinds, chapter in _CHAPTERS
    for reason, meaning in chapter.items()
]
REASON_CATALOG = {each.reason: each for each in sorted(_ENTRIES, key=lambda each: each.reason)}

__all__ = ["REASON_CATALOG", "Expect", "ReasonEntry"]
