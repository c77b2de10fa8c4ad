"""What is known about all disks, read together and shared by their reconcilers.

For each subscription: two queries to Resource Graph a sweep, of 1,000 rows a page, however many jobs there were; and
one for the disks themselves now and then. A vault for which Resource Graph cannot be believed is listed instead: one
page for 200 instances, and its jobs.

Readers that come while a sweep is under way wait for it instead of asking again. ``changes`` tells who has to look: all
others are as they were.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from azdiskbackup.azure.gateways import Azure
from azdiskbackup.azure.graph import InstanceRow, Keep
from azdiskbackup.core.arm_ids import ArmId
from azdiskbackup.core.azure_model import NO_JOBS, AzureDisk, AzureInstance, AzureJob, JobHistory, job_history
from azdiskbackup.errors import OperatorError, Throttled

AFTER_AN_ERROR = timedelta(minutes=1)
# A disk changes rarely, and its backups say so when it is gone.
DISKS_STAY = timedelta(hours=1)
# So many rows of a vault that are missing, or wrong, are no accident.
A_FEW = 3
# Pages of jobs that are read of a vault at each sweep while Resource Graph does not tell them.
FEW_PAGES = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sweep shows of one backup instance; None where it shows none."""

    instance: AzureInstance | None = None
    jobs: JobHistory = NO_JOBS
    newest_point: datetime | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """What was known at a time, by lower-case ARM id of the instances.

    Attributes:
        ended: jobs that were seen to end by themselves, the newest of each instance; an index shows them later.
        listed: whether it comes from the vault itself, and not from an index that lags.
    """

    at: datetime
    instances: Mapping[str, InstanceRow]
    jobs: Mapping[str, JobHistory]
    ended: Mapping[str, AzureJob] = field(default_factory=dict)
    listed: bool = False

    def of(self, instance: ArmId | str) -> Seen:
        """Return what the picture shows of an instance."""
        key = str(instance).lower()
        row, jobs, ended = self.instances.get(key), self.jobs.get(key, NO_JOBS), self.ended.get(key)
        if ended is not None:
            jobs = jobs.with_job(ended)
        return Seen(row.instance, jobs, row.newest_point) if row is not None else Seen(jobs=jobs)

    def differs(self, other: Picture, vault: ArmId) -> set[str]:
        """Return the instances of a vault that another picture shows otherwise."""
        inside = f"{vault}/".lower()
        keys = self.instances.keys() | other.instances.keys() | self.jobs.keys() | other.jobs.keys()
        return {
            key
            for key in keys
            if key.startswith(inside)
            and (self.instances.get(key), self.jobs.get(key)) != (other.instances.get(key), other.jobs.get(key))
        }


@dataclass(slots=True)
class Changes:
    """Who has to look again after a sweep.

    Attributes:
        ids: the lower-case ids of instances and disks that look otherwise than before.
        vaults: vaults that could be read and no longer can, or the other way round, or that are read in another way.
    """

    ids: set[str] = field(default_factory=set)
    vaults: list[ArmId] = field(default_factory=list)


@dataclass(slots=True)
class _Slot:
    """The last picture of a subscription or of a vault."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    picture: Picture | None = None
    error: OperatorError | None = None
    not_before: datetime | None = None


@dataclass(slots=True)
class _Disks:
    """The disks of a subscription as they were at a time."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    at: datetime | None = None
    disks: Mapping[str, AzureDisk] = field(default_factory=dict)


@dataclass(slots=True)
class _Vault:
    """What is known of how a vault can be read.

    Attributes:
        swept: what the last sweep showed; the error where there was nothing to be seen.
        judged: the time of the picture of Resource Graph that was compared with what is expected.
        missing: how many of the expected instances that picture lacks.
        contradicted: how many of its rows turned out to be wrong.
        trouble: why the vault is listed instead.
        told: whether there was trouble at the last sweep.
    """

    id: ArmId
    swept: Picture | OperatorError | None = None
    judged: datetime | None = None
    missing: int = 0
    contradicted: int = 0
    trouble: str | None = None
    told: bool = False


class Sweep:
    """The pictures of all subscriptions.

    Args:
        azure: the gateways.
        now: the time.
        ours: whether a lower-case id of an instance or a disk is of interest.
        expected: returns the lower-case ids of the instances of a vault that have been there for a while.
        begun: is told of a subscription when it is read for the first time: from now on somebody has to sweep it.
    """

    def __init__(
        self,
        azure: Azure,
        now: Callable[[], datetime],
        ours: Keep = lambda key: True,
        expected: Callable[[ArmId], Iterable[str]] = lambda vault: (),
        begun: Callable[[str], None] = lambda subscription: None,
    ) -> None:
        self._azure = azure
        self._now = now
        self._ours = ours
        self._expected = expected
        self._begun = begun
        self._graphs: dict[str, _Slot] = {}
        self._lists: dict[str, _Slot] = {}
        self._vaults: dict[str, _Vault] = {}
        self._disks: dict[str, _Disks] = {}
        self._ended: dict[str, AzureJob] = {}

    # --- for readers ------------------------------------------------------------------------------

    async def read(self, vault: ArmId, not_older_than: datetime) -> Picture:
        """Return what is known of a vault, asking Azure only when that is too old."""
        known = self._vaults.setdefault(str(vault).lower(), _Vault(vault))
        try:
            picture = await self._picture(known, not_older_than)
        except OperatorError as error:
            known.swept = known.swept or error
            raise
        known.swept = known.swept or picture
        return picture

    def trouble(self, vault: ArmId) -> str | None:
        """Return why a vault is listed instead of being read from Resource Graph; None while it is not."""
        known = self._vaults.get(str(vault).lower())
        return known.trouble if known is not None else None

    def contradict(self, vault: ArmId) -> None:
        """Take note that an instance looks otherwise than Resource Graph shows it."""
        known = self._vaults.get(str(vault).lower())
        if known is not None:
            known.contradicted += 1

    def tell(self, job: AzureJob) -> None:
        """Take note of a job that was seen to end."""
        self._ended[job.instance_id.lower()] = job

    async def disk(self, disk: ArmId) -> AzureDisk | None:
        """Return a managed disk as it was some time ago; None where Resource Graph shows none."""
        slot = self._disks.setdefault(disk.subscription.lower(), _Disks())
        return (await self._all_disks(disk.subscription, slot, self._now() - 2 * DISKS_STAY)).get(str(disk).lower())

    # --- for the sweep ----------------------------------------------------------------------------

    async def changes(self, subscription: str) -> Changes:
        """Read all of a subscription anew; return what looks otherwise than at the last sweep."""
        found = Changes()
        now = self._now()
        for known in [each for each in self._vaults.values() if each.id.subscription.lower() == subscription.lower()]:
            before = known.swept
            try:
                known.swept = await self._picture(known, now)
            except OperatorError as error:
                known.swept = error
            if isinstance(before, Picture) and isinstance(known.swept, Picture):
                found.ids |= known.swept.differs(before, known.id)
            if not isinstance(before, Picture) or not isinstance(known.swept, Picture):
                # Also while it stays unreadable: what was known is still believed for a while.
                found.vaults.append(known.id)
            elif known.told != (known.trouble is not None):
                found.vaults.append(known.id)
            known.told = known.trouble is not None
        slot = self._disks.get(subscription.lower())
        if slot is not None:
            disks = slot.disks
            with contextlib.suppress(OperatorError):
                # As they were: whoever doubts a disk reads it itself.
                shown = await self._all_disks(subscription, slot, now - DISKS_STAY)
                found.ids |= {key for key in disks.keys() | shown.keys() if disks.get(key) != shown.get(key)}
        return found

    # --- asking -----------------------------------------------------------------------------------

    async def _picture(self, known: _Vault, not_older_than: datetime) -> Picture:
        """Return the picture of Resource Graph if it is to be believed about a vault, else that of its own list."""
        vault = known.id
        slot = self._graphs.get(vault.subscription.lower())
        if slot is None:
            slot = self._graphs[vault.subscription.lower()] = _Slot()
            self._begun(vault.subscription)
        try:
            graph = await self._fresh(slot, not_older_than, lambda: self._ask_graph(vault.subscription))
        except OperatorError as error:
            listed = await self._list(vault, not_older_than)
            known.trouble = f"Resource Graph cannot be read: {error.sentence}"
            return listed
        if known.judged != graph.at:
            known.judged = graph.at
            known.missing = sum(each not in graph.instances for each in self._expected(vault))
        if max(known.missing, known.contradicted) < A_FEW:
            known.trouble = None
            return graph
        listed = await self._list(vault, not_older_than)
        if all(_alike(graph.of(key).instance, row.instance) for key, row in listed.instances.items()):
            known.trouble, known.missing, known.contradicted = None, 0, 0
            return graph
        known.trouble = (
            "Resource Graph is behind, or does not show everything to us: backup instances of the vault are missing "
            "in it or look otherwise."
        )
        return listed

    async def _fresh(self, slot: _Slot, not_older_than: datetime, take: Callable[[], Awaitable[Picture]]) -> Picture:
        async with slot.lock:
            if slot.picture is not None and slot.picture.at >= not_older_than:
                return slot.picture
            if slot.error is not None and slot.not_before is not None and self._now() < slot.not_before:
                # Everybody who waits would ask the same again, of a service that just said no.
                raise slot.error
            try:
                slot.picture, slot.error = await take(), None
            except OperatorError as error:
                pause = error.retry_after if isinstance(error, Throttled) else None
                slot.error, slot.not_before = error, self._now() + (pause or AFTER_AN_ERROR)
                raise
            return slot.picture

    async def _ask_graph(self, subscription: str) -> Picture:
        at = self._now()
        instances = await self._azure.graph.instances(subscription, self._ours)
        return Picture(at, instances, await self._azure.graph.jobs(subscription, self._ours), self._ended)

    async def _list(self, vault: ArmId, not_older_than: datetime) -> Picture:
        slot = self._lists.setdefault(str(vault).lower(), _Slot())
        return await self._fresh(slot, not_older_than, lambda: self._ask_vault(vault))

    async def _ask_vault(self, vault: ArmId) -> Picture:
        at = self._now()
        instances = await self._azure.instances.list(vault)
        return Picture(
            at,
            {key: InstanceRow(each, None) for each in instances if self._ours(key := str(each.id).lower())},
            await self._listed_jobs(vault, at),
            self._ended,
            listed=True,
        )

    async def _listed_jobs(self, vault: ArmId, at: datetime) -> Mapping[str, JobHistory]:
        listed = await self._azure.backups.list_few_jobs(vault, FEW_PAGES)
        if listed is None:
            # Too many to be read at each sweep: they stay as they were known.
            slots = (self._lists.get(str(vault).lower()), self._graphs.get(vault.subscription.lower()))
            pictures = [slot.picture for slot in slots if slot is not None and slot.picture is not None]
            return max(pictures, key=lambda picture: picture.at).jobs if pictures else {}
        jobs: dict[str, list[AzureJob]] = {}
        for job in listed:
            jobs.setdefault(job.instance_id.lower(), []).append(job)
        return {key: job_history(found, at) for key, found in jobs.items() if self._ours(key)}

    async def _all_disks(self, subscription: str, slot: _Disks, not_older_than: datetime) -> Mapping[str, AzureDisk]:
        async with slot.lock:
            if slot.at is None or slot.at < not_older_than:
                at = self._now()
                slot.disks = await self._azure.graph.disks(subscription, self._ours)
                slot.at = at
            return slot.disks


def _alike(shown: AzureInstance | None, listed: AzureInstance) -> bool:
    return shown is not None and shown.looks_like(listed)
