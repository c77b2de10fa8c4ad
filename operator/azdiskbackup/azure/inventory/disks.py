"""The managed disks of a subscription, read together now and then: where they are, how large, of which SKU."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from sys import intern
from typing import TypeAlias

from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.gateways.resource_graph import Keep, ShownDisk
from azdiskbackup.azure.transport.request_scope import atomic_batch
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk
from azdiskbackup.core.rules.backoff import pause
from azdiskbackup.errors import OperatorError

# A disk changes rarely, and its backups say so when it is gone.
DISKS_STAY = timedelta(hours=1)
# Twice as long as the sweep lets them be: it reads them again, not whoever comes by.
_READ_WITHIN = 2 * DISKS_STAY

# Region, GiB, SKU, and how many incremental snapshots others took.
_Row: TypeAlias = tuple[str, int | None, str | None, int]


class AllDisks:
    """The disks of a subscription; most may be nobody's here, so little is kept of each, by the hash of its id."""

    def __init__(self, azure: Azure, now: Callable[[], datetime], subscription: str) -> None:
        self._azure = azure
        self._now = now
        self._subscription = subscription
        self._lock = asyncio.Lock()
        self._at: datetime | None = None
        self._rows: Mapping[int, _Row] = {}
        # By lower-case ids those that were asked for, as they were told: the list is read anew also between two sweeps.
        self._told: dict[str, _Row | None] = {}
        # How it could not be read, how often in a row, and until when nobody asks again.
        self._failed: tuple[OperatorError, int, datetime] | None = None

    @property
    def is_used(self) -> bool:
        """Return whether anybody asked for a disk that is still of interest."""
        return bool(self._told)

    def is_at_hand(self) -> bool:
        """Return whether what is known is not being read anew, and not too old for whoever names no age."""
        return not self._lock.locked() and self._at is not None and self._at >= self._now() - _READ_WITHIN

    async def get(self, disk: ArmId, not_older_than: datetime | None = None) -> AzureDisk | None:
        """Return a disk as it was some time ago; None where Resource Graph shows none."""
        key = str(disk).lower()
        try:
            await self._read(not_older_than or self._now() - _READ_WITHIN)
        except OperatorError:
            # Whoever asked is told once it can be read.
            self._told.setdefault(key, None)
            raise
        row = self._rows.get(hash(key))
        self._told.setdefault(key, row)
        return AzureDisk(disk, *row[:3]) if row is not None else None

    def other_snapshots(self, disk: ArmId) -> int | None:
        """Return how many incremental snapshots of a disk others took, by the last list; None before it."""
        if self._at is None:
            return None
        key = str(disk).lower()
        row = self._rows.get(hash(key))
        # Who reads the disk itself is told all the same when the number changes.
        self._told.setdefault(key, row)
        return row[3] if row is not None else 0

    async def changes(self, now: datetime, ours: Keep) -> set[str]:
        """Read all disks anew if they are old; return which of those that were asked for look otherwise."""
        with contextlib.suppress(OperatorError):
            # As they were: whoever doubts a disk reads it itself.
            await self._read(now - DISKS_STAY)
        before = self._told
        self._told = {key: self._rows.get(hash(key)) for key in before if ours(key)}
        return {key for key, row in self._told.items() if row != before[key]}

    async def _read(self, not_older_than: datetime) -> None:
        async with self._lock:
            if self._at is not None and self._at >= not_older_than:
                return
            at = self._now()
            last, failures, not_before = self._failed or (None, 0, at)
            if last is not None and at < not_before:
                raise last
            try:
                with atomic_batch():
                    disks = self._azure.graph.disks(self._subscription)
                    self._rows = {hash(str(shown.disk.id).lower()): _compact(shown) async for shown in disks}
            except OperatorError as error:
                failures += 1
                self._failed = error, failures, at + pause(error, failures, jitter=1)
                raise
            self._failed = None
            self._at = at


def _compact(shown: ShownDisk) -> _Row:
    # A few words for many thousand disks.
    disk = shown.disk
    sku = intern(disk.sku) if disk.sku is not None else None
    return intern(disk.location), disk.size_gib, sku, shown.other_snapshots
