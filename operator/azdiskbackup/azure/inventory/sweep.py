"""What is known about all disks, read together and shared by their reconcilers.

For each subscription: one query to Resource Graph a sweep, of 1,000 rows a page, however many jobs there were; and one
for the disks themselves now and then. A vault for which Resource Graph cannot be believed is listed instead: one
page for 200 instances, and its jobs.

Readers that come while a sweep is under way wait for it instead of asking again. ``changes`` tells who has to look: all
others are as they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from azdiskbackup.azure.client.error_codes import MISSING
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.gateways.resource_graph import Keep
from azdiskbackup.azure.inventory.disks import AllDisks
from azdiskbackup.azure.inventory.snapshot import InventorySnapshot, same_instance
from azdiskbackup.azure.inventory.snapshot_reader import IsOrphaned, SnapshotReader
from azdiskbackup.azure.transport.request_scope import Requester, atomic_batch, may_queue, request_scope
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk, AzureJob
from azdiskbackup.errors import OperatorError, RateLimited, Throttled

AFTER_AN_ERROR = timedelta(minutes=1)
# So many rows of a vault that are missing, or wrong, are no accident.
A_FEW = 3


@dataclass(slots=True)
class Changes:
    """Who has to look again after a sweep.

    Attributes:
        started: when the sweep began.
        ids: the lower-case ids of instances and disks that look otherwise than before.
        vaults: vaults that could be read and no longer can, or the other way round, or that are read in another way.
    """

    started: datetime
    ids: set[str] = field(default_factory=set)
    vaults: list[ArmId] = field(default_factory=list)


@dataclass(slots=True)
class _Slot:
    """The last snapshot of a subscription or of a vault."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    snapshot: InventorySnapshot | None = None
    error: OperatorError | None = None
    not_before: datetime | None = None

    def has(self, not_older_than: datetime) -> bool:
        """Return whether the snapshot is there, new enough, and not being read anew."""
        return not self.lock.locked() and self.snapshot is not None and self.snapshot.at >= not_older_than


@dataclass(slots=True)
class _Vault:
    """What is known of how a vault can be read.

    Attributes:
        swept: what the last sweep showed; the error where there was nothing to be seen.
        judged: the time of the snapshot of Resource Graph that was compared with what is expected.
        missing: how many of the expected instances that snapshot lacks.
        contradicted: how many of its rows turned out to be wrong.
        degraded_reason: why the vault is listed instead.
        orphaned: how many instances had lost their ProtectedDisk by the last snapshot.
        told: whether there was trouble at the last sweep.
        awaited: whether somebody could not be told anything, since it was not our turn to ask.
    """

    id: ArmId
    swept: InventorySnapshot | OperatorError | None = None
    judged: datetime | None = None
    missing: int = 0
    contradicted: int = 0
    degraded_reason: str | None = None
    orphaned: int | None = None
    told: bool = False
    awaited: bool = False

    def show(self, snapshot: InventorySnapshot) -> None:
        """Take what a sweep shows of it; while none does, the number of orphans stays known."""
        self.swept, self.orphaned = snapshot, snapshot.orphans_in(self.id)


class Sweep:
    """The snapshots of all subscriptions.

    Args:
        azure: the gateways.
        now: the time.
        ours: whether a lower-case id of an instance or a disk is of interest.
        is_orphaned: whether an instance, by lower-case id and tags, has lost its ProtectedDisk.
        expected: returns the lower-case ids of the instances of a vault that have been there for a while.
        on_new_subscription: called with a subscription that is read for the first time: from now on it has to be swept.
        requester_for: returns who sweeps a subscription, in whose name it is read whoever asks.
        is_used: whether any object is about a vault; what is known of the others is forgotten.
    """

    def __init__(
        self,
        azure: Azure,
        now: Callable[[], datetime],
        ours: Keep = lambda key: True,
        expected: Callable[[ArmId], Iterable[str]] = lambda vault: (),
        on_new_subscription: Callable[[str], None] = lambda subscription: None,
        requester_for: Callable[[str], Requester | None] = lambda subscription: None,
        is_used: Callable[[ArmId], bool] = lambda vault: True,
        is_orphaned: IsOrphaned = lambda instance, tags: False,
    ) -> None:
        self._azure = azure
        self._now = now
        self._reader = SnapshotReader(azure, now, ours, is_orphaned)
        self._ours = ours
        self._expected = expected
        self._on_new_subscription = on_new_subscription
        self._requester_for = requester_for
        self._is_used = is_used
        self._graphs: dict[str, _Slot] = {}
        self._lists: dict[str, _Slot] = {}
        self._vaults: dict[str, _Vault] = {}
        self._disks: dict[str, AllDisks] = {}
        # When each subscription was read last; at first, since when it is to be.
        self._read: dict[str, datetime] = {}
        self._under_way: dict[str, Changes] = {}

    # --- for readers ------------------------------------------------------------------------------

    async def read(self, vault: ArmId, not_older_than: datetime) -> InventorySnapshot:
        """Return what is known of a vault, asking Azure only when that is too old."""
        known = self._vaults.setdefault(str(vault).lower(), _Vault(vault))
        try:
            snapshot = await self._snapshot_of(known, not_older_than)
        except RateLimited:
            known.awaited = known.awaited or may_queue()
            raise
        except OperatorError as error:
            known.swept = known.swept or error
            raise
        if known.swept is None:
            known.show(snapshot)
        return snapshot

    def follow(self, vault: ArmId) -> None:
        """Have a vault swept from now on, for as long as an object is about it, although nobody has read it yet."""
        self._vaults.setdefault(str(vault).lower(), _Vault(vault))
        self._begin(vault.subscription.lower())

    def is_at_hand(self, vault: ArmId, not_older_than: datetime) -> bool:
        """Return whether what is known of a vault is new enough and not being read: its reader waits for nobody."""
        slots = [self._graphs.get(vault.subscription.lower())]
        if self.degraded_reason(vault) is not None:
            slots.append(self._lists.get(str(vault).lower()))
        return all(slot is not None and slot.has(not_older_than) for slot in slots)

    def last_read(self) -> Iterator[tuple[str, datetime, int]]:
        """Yield each subscription, when it was read last, and how many of its instances are of interest.

        Before it was read for the first time: since when that is tried.
        """
        for subscription, when in self._read.items():
            slot = self._graphs.get(subscription)
            known = slot.snapshot.instances if slot is not None and slot.snapshot is not None else ()
            yield subscription, when, len(known)

    def degraded_reason(self, vault: ArmId) -> str | None:
        """Return why a vault is listed instead of being read from Resource Graph; None while it is not."""
        known = self._vaults.get(str(vault).lower())
        return known.degraded_reason if known is not None else None

    def orphaned(self, vault: ArmId) -> int | None:
        """Return how many instances of a vault have lost their ProtectedDisk, by the last snapshot; None before it."""
        known = self._vaults.get(str(vault).lower())
        return known.orphaned if known is not None else None

    def is_known_absent(self, instance: ArmId) -> bool:
        """Return whether the last snapshot of Resource Graph, if there is one, shows no such instance."""
        slot = self._graphs.get(instance.subscription.lower())
        return slot is not None and slot.snapshot is not None and slot.snapshot.is_absent(instance)

    def report_mismatch(self, vault: ArmId) -> None:
        """Take note that an instance looks otherwise than Resource Graph shows it."""
        known = self._vaults.get(str(vault).lower())
        if known is not None:
            known.contradicted += 1

    def record_finished_job(self, job: AzureJob) -> None:
        """Take note of a job that was seen to end."""
        self._reader.record_finished_job(job)

    async def disk(self, disk: ArmId, not_older_than: datetime | None = None) -> AzureDisk | None:
        """Return a managed disk as it was some time ago; None where Resource Graph shows none."""
        disks = self._disks_beside(disk)
        with request_scope(self._requester_for(disk.subscription.lower())):
            return await disks.get(disk, not_older_than)

    def is_disk_at_hand(self, disk: ArmId) -> bool:
        """Return whether what is known of the disks beside one is at hand, as of the instances of a vault."""
        disks = self._disks.get(disk.subscription.lower())
        return disks is not None and disks.is_at_hand()

    def other_snapshots(self, disk: ArmId) -> int | None:
        """Return how many incremental snapshots of a disk others took; None until they were counted."""
        return self._disks_beside(disk).other_snapshots(disk)

    def _disks_beside(self, disk: ArmId) -> AllDisks:
        subscription = disk.subscription.lower()
        if subscription not in self._disks:
            self._disks[subscription] = AllDisks(self._azure, self._now, subscription)
            self._begin(subscription)
        return self._disks[subscription]

    # --- for the sweep ----------------------------------------------------------------------------

    async def refresh(self, subscription: str) -> Changes:
        """Read all of a subscription anew; return what looks otherwise than at the last sweep.

        One that is postponed goes on, the next time, with what it has not read yet.
        """
        subscription = subscription.lower()
        found = self._under_way.setdefault(subscription, Changes(self._now()))
        for known in self._vaults_in(subscription):
            if self._is_used(known.id):
                await self._refresh_vault(known, found)
            else:
                del self._vaults[str(known.id).lower()]
                self._lists.pop(str(known.id).lower(), None)
        disks = self._disks.get(subscription)
        if disks is not None:
            with request_scope(self._requester_for(subscription)):
                found.ids |= await disks.changes(found.started, self._ours)
        del self._under_way[subscription]
        mine = self._vaults_in(subscription)
        if not any(isinstance(each.swept, OperatorError) and each.swept.code not in MISSING for each in mine):
            self._read[subscription] = found.started
        if not mine and (disks is None or not disks.is_used):
            for kept in (self._graphs, self._disks, self._read):
                kept.pop(subscription, None)
        return found

    async def _refresh_vault(self, known: _Vault, found: Changes) -> None:
        before = known.swept
        try:
            known.show(await self._snapshot_of(known, found.started))
        except OperatorError as error:
            known.swept = error
        is_degraded = known.degraded_reason is not None
        if isinstance(before, InventorySnapshot) and isinstance(known.swept, InventorySnapshot):
            found.ids |= known.swept.changed_since(before, known.id)
            is_news = known.awaited or known.told != is_degraded
        else:
            # Also while it stays unreadable: what was known is still believed for a while.
            is_news = True
        if is_news:
            found.vaults.append(known.id)
        known.told, known.awaited = is_degraded, False

    def is_swept(self, subscription: str) -> bool:
        """Return whether anything in a subscription is of interest."""
        return subscription.lower() in self._read

    def _vaults_in(self, subscription: str) -> list[_Vault]:
        return [each for each in self._vaults.values() if each.id.subscription.lower() == subscription.lower()]

    # --- asking -----------------------------------------------------------------------------------

    async def _snapshot_of(self, known: _Vault, not_older_than: datetime) -> InventorySnapshot:
        """Return the snapshot of Resource Graph if it is to be believed about a vault, else that of its own list."""
        vault = known.id
        subscription = vault.subscription.lower()
        slot = self._graphs.setdefault(subscription, _Slot())
        self._begin(subscription)
        try:
            graph = await self._fresh(
                slot, subscription, not_older_than, lambda: self._reader.from_index(subscription, slot.snapshot)
            )
        except OperatorError as error:
            listed = await self._list(vault, not_older_than)
            known.degraded_reason = f"Azure refuses Resource Graph queries: {error.user_message}"
            return listed
        if known.judged != graph.at:
            known.judged = graph.at
            known.missing = sum(each not in graph.instances for each in self._expected(vault))
        if max(known.missing, known.contradicted) < A_FEW:
            known.degraded_reason = None
            return graph
        listed = await self._list(vault, not_older_than)
        if all(same_instance(graph.of(key).instance, row.read().instance) for key, row in listed.instances.items()):
            known.degraded_reason, known.missing, known.contradicted = None, 0, 0
            return graph
        known.degraded_reason = (
            "Resource Graph lags, or the operator may not read all of it: backup instances of the vault are missing in "
            "it, or differ."
        )
        return listed

    def _begin(self, subscription: str) -> None:
        if subscription not in self._read:
            self._read[subscription] = self._now()
            self._on_new_subscription(subscription)

    async def _fresh(
        self, slot: _Slot, subscription: str, not_older_than: datetime, take: Callable[[], Awaitable[InventorySnapshot]]
    ) -> InventorySnapshot:
        async with slot.lock:
            if slot.snapshot is not None and slot.snapshot.at >= not_older_than:
                return slot.snapshot
            if slot.error is not None and slot.not_before is not None and self._now() < slot.not_before:
                # Everybody who waits would ask the same again, of a service that just said no.
                raise slot.error
            try:
                with request_scope(self._requester_for(subscription)), atomic_batch():
                    slot.snapshot, slot.error = await take(), None
            except OperatorError as error:
                pause = error.retry_after if isinstance(error, Throttled) else None
                slot.error, slot.not_before = error, self._now() + (pause or AFTER_AN_ERROR)
                raise
            return slot.snapshot

    async def _list(self, vault: ArmId, not_older_than: datetime) -> InventorySnapshot:
        slot = self._lists.setdefault(str(vault).lower(), _Slot())
        known = [each.snapshot for each in (slot, self._graphs.get(vault.subscription.lower())) if each is not None]
        newest = max((each for each in known if each is not None), key=lambda each: each.at, default=None)
        jobs = newest.jobs if newest is not None else {}
        return await self._fresh(slot, vault.subscription, not_older_than, lambda: self._reader.from_vault(vault, jobs))
