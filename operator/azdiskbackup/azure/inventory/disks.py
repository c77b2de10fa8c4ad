"""The managed disks of a subscription, read together now and then: where they are, how large, of which SKU."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from sys import intern
from typing import TypeAlias

from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.gateways.resource_graph import Keep
from azdiskbackup.azure.transport.request_scope import atomic_batch
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk
from azdiskbackup.core.rules.backoff import pause
from azdiskbackup.errors import OperatorError

# A disk changes rarely, and its backups say so when it is gone.
DISKS_STAY = timedelta(hours=1)

_Row: TypeAlias = tuple[str, int | None, str | None]


class AllDisks:
    """The disks of a subscription; most may be nobody's here, so little is kept of each, by the hash of its id."""

    def __init__(self, azure: Azure, now: Callable[[], datetime], subscription: str) -> None:
        self._azure = azure
        self._now = now
        self._subscription = subscription
        self._lock = asyncio.Lock()
        self._at: datetime | None = None
        self._rows: Mapping[int, _Row] = {}
        # Only where there are any.
        self._other_snapshots: Mapping[int, int] = {}
        # By lower-case ids those that were asked for, as they were told: the list is read anew also between two sweeps.
        self._told: dict[str, _Row | None] = {}
        # The same for how many snapshots others took of them.
        self._told_snapshots: dict[str, int] = {}
        # How it could not be read, how often in a row, and until when nobody asks again.
        self._failed: tuple[OperatorError, int, datetime] | None = None

    @property
    def is_used(self) -> bool:
        """Return whether anybody asked for a disk that is still of interest."""
        return bool(self._told or self._told_snapshots)

    async def get(self, disk: ArmId, not_older_than: datetime | None = None) -> AzureDisk | None:
        """Return a disk as it was some time ago; None where Resource Graph shows none."""
        key = str(disk).lower()
        # Twice as long as the sweep lets them be: it reads them again, not whoever comes by.
        try:
            await self._read(not_older_than or self._now() - 2 * DISKS_STAY)
        except OperatorError:
            # Whoever asked is told once it can be read.
            self._told.setdefault(key, None)
            raise
        row = self._rows.get(hash(key))
        self._told.setdefault(key, row)
        return AzureDisk(disk, *row) if row is not None else None

    def other_snapshots(self, disk: ArmId, known: int) -> int:
        """Return how many incremental snapshots of a disk others took, by the last list; what is known before it."""
        key = str(disk).lower()
        found = self._other_snapshots.get(hash(key), 0) if self._at is not None else known
        self._told_snapshots[key] = found
        return found

    async def changes(self, now: datetime, ours: Keep) -> set[str]:
        """Read all disks anew if they are old; return which of those that were asked for look otherwise."""
        with contextlib.suppress(OperatorError):
            # As they were: whoever doubts a disk reads it itself.
            await self._read(now - DISKS_STAY)
        before = self._told
        self._told = {key: self._rows.get(hash(key)) for key in before if ours(key)}
        changed = {key for key, row in self._told.items() if row != before[key]}
        if self._at is not None:
            counts = self._told_snapshots
            self._told_snapshots = {key: self._other_snapshots.get(hash(key), 0) for key in counts if ours(key)}
            changed |= {key for key, count in self._told_snapshots.items() if count != counts[key]}
        return changed

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
                    rows: dict[int, _Row] = {}
                    snapshots: dict[int, int] = {}
                    async for shown in self._azure.graph.disks(self._subscription):
                        key = hash(str(shown.disk.id).lower())
                        rows[key] = _compact(shown.disk)
                        if shown.other_snapshots:
                            snapshots[key] = shown.other_snapshots
                    self._rows, self._other_snapshots = rows, snapshots
            except OperatorError as error:
                failures += 1
                self._failed = error, failures, at + pause(error, failures, jitter=1)
                raise
            self._failed = None
            self._at = at


def _compact(disk: AzureDisk) -> _Row:
    # A few words for many thousand disks.
    return intern(disk.location), disk.size_gib, intern(disk.sku) if disk.sku is not None else None
