"""How a disk and its backup instance look: as a sweep shows them where that can be believed, else by a look at them."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta

from azdiskbackup.azure.inventory.snapshot import InventorySnapshot
from azdiskbackup.azure.transport.request_scope import best_effort
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.identity.naming import instance_name
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.plan import make_plan
from azdiskbackup.core.protected_disk.rules.common import in_work
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed, NotFetched, NotFound
from azdiskbackup.errors import AlreadyProtected, RateLimited
from azdiskbackup.reconcilers.common.context import AnswerT, ReconcileContext, capture_error
from azdiskbackup.reconcilers.protected_disk.state import Memory

# A disk that is read is taken to be as it was for this long; its backups would fail, and say so, if it were gone.
DISK_STAYS = timedelta(hours=6)
CROWD_COMES_WITHIN = timedelta(minutes=1)
A_FEW = 10


class Crowd:
    """Notices when many new objects come within a short time, each of which would ask the same by itself."""

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}

    def add(self, target: ArmId, now: datetime) -> None:
        """Take note of the instance of a new object."""
        self._seen = {key: at for key, at in self._seen.items() if at > now - CROWD_COMES_WITHIN}
        self._seen.setdefault(str(target).lower(), now)

    def began(self, now: datetime) -> datetime | None:
        """Return since when there is a crowd; None while there is none."""
        return min(self._seen.values()) if len(self._seen) > A_FEW else None


class Look:
    """Looks at disks and instances, at little cost."""

    def __init__(self, tools: ReconcileContext) -> None:
        self._tools = tools
        self._crowd = Crowd()

    async def disk(
        self, desired: Desired, observed: Observed, memory: Memory, now: datetime
    ) -> AzureDisk | NotFound | FetchFailed:
        """Return the managed disk that the object is about."""
        disk = ArmId.parse(desired.known_disk) if desired.known_disk else None
        if isinstance(observed.claim, ClaimedDisk) and not desired.deleting:
            disk = observed.claim.id
        if disk is None:
            return NOT_FOUND
        if memory.disk is not None and same_id(memory.disk.id, disk) and now < (memory.disk_until or now):
            return memory.disk
        shown = None if desired.deleting else await self._shown_disk(disk, desired, memory, now)
        if shown is not None:
            memory.disk = None
            return shown
        found = await capture_error(self._tools.azure.resources.get_disk(disk))
        if isinstance(found, AzureDisk):
            memory.disk, memory.disk_until = found, now + DISK_STAYS
        return found

    async def _shown_disk(self, disk: ArmId, desired: Desired, memory: Memory, now: datetime) -> AzureDisk | None:
        """Return a disk as a query for all disks shows it; None if it has to be asked for by itself."""
        if memory.failed_job is not None:
            # The disk itself may be why.
            return None
        stays = self._tools.settings.snapshot_max_age
        since = now - stays if desired.known_instance is None else None
        shown = await self._if_at_hand(self._tools.sweep.disk(disk, since))
        if isinstance(shown, FetchFailed | NotFetched) and desired.known_instance is not None:
            # What was known is worth more than a call for each disk while the index is away.
            known = (memory.disk, desired.disk_before)
            return next((each for each in known if each is not None and same_id(each.id, disk)), None)
        return shown if isinstance(shown, AzureDisk) else None

    async def instance(
        self, desired: Desired, observed: Observed, memory: Memory, now: datetime
    ) -> AzureInstance | NotFound | NotFetched | FetchFailed:
        """Look at the instance itself while it changes, else at the picture of the whole vault."""
        target = self.target(desired, observed, memory)
        if target is None:
            return NOT_FOUND if desired.deleting else NOT_FETCHED
        if desired.known_instance is not None and not memory.changing and not desired.deleting:
            picture = await capture_error(
                self._tools.sweep.read(target.parent, now - self._tools.settings.snapshot_max_age)
            )
            if isinstance(picture, FetchFailed):
                return picture
            return await self._believed(target, desired, observed, picture, memory, now)
        if not desired.deleting and self._surely_absent(memory, now):
            return NOT_FOUND
        if memory.attempts.busy(now) and memory.instance is not None:
            return memory.instance
        if await self._new_and_not_shown(target, desired, memory, now):
            memory.instance, memory.instance_at = NOT_FOUND, now
            return NOT_FOUND
        return await self._look_at(target, desired, memory, now)

    async def _new_and_not_shown(self, target: ArmId, desired: Desired, memory: Memory, now: datetime) -> bool:
        """Return whether one of a crowd of new objects has no instance: the index shows none, and Azure validates."""
        if not memory.new or desired.deleting or memory.changing or isinstance(memory.refusal, AlreadyProtected):
            return False
        if memory.instance is None:
            self._crowd.add(target, now)
        since = now - self._tools.settings.snapshot_max_age if memory.instance is not None else self._crowd.began(now)
        if since is None:
            return False
        picture = await self._if_at_hand(self._tools.sweep.read(target.parent, since))
        return isinstance(picture, InventorySnapshot) and picture.is_absent(target)

    async def _if_at_hand(self, answer: Awaitable[AnswerT]) -> AnswerT | FetchFailed | NotFetched:
        """Return what a sweep shows; Unknown when it is not our turn to ask for one."""
        try:
            with best_effort():
                return await capture_error(answer)
        except RateLimited:
            return NOT_FETCHED

    async def _believed(
        self,
        target: ArmId,
        desired: Desired,
        observed: Observed,
        picture: InventorySnapshot,
        memory: Memory,
        now: datetime,
    ) -> AzureInstance | NotFound | FetchFailed:
        """Believe a picture that fits what is known; else look at the instance itself.

        A row that is missing proves nothing, and one that says otherwise may be older than what we know.
        """
        shown, known = picture.of(target).instance, memory.instance
        if known is not None and memory.instance_at is not None and picture.at < memory.instance_at:
            return known
        if shown is not None and picture.listed and not in_work(shown):
            return shown
        if shown is not None and isinstance(known, AzureInstance) and shown.looks_like(known):
            if not _fits(desired, replace(observed, instance=shown), now):
                return known
            # From now on the picture tells it.
            known = memory.instance = memory.instance_at = None
        if shown is not None and known is None and _fits(desired, replace(observed, instance=shown), now):
            return shown
        looked = await self._look_at(target, desired, memory, now)
        if isinstance(looked, AzureInstance) and (shown is None or not looked.looks_like(shown)):
            # The row was wrong, or behind.
            self._tools.sweep.report_mismatch(target.parent)
        return looked

    def _surely_absent(self, memory: Memory, now: datetime) -> bool:
        """Nobody but us makes an instance of this name, and we did not since we looked."""
        looked = memory.instance_at is not None and now < memory.instance_at + self._tools.settings.observe_every
        return looked and isinstance(memory.instance, NotFound) and not memory.changing

    async def _look_at(
        self, target: ArmId, desired: Desired, memory: Memory, now: datetime
    ) -> AzureInstance | NotFound | FetchFailed:
        looked = await capture_error(self._tools.azure.instances.get(target))
        if isinstance(looked, NotFound) and self._may_be_deleted(desired, memory):
            looked = await capture_error(self._tools.azure.instances.get_deleted(target))
        if isinstance(looked, FetchFailed):
            return looked
        memory.instance, memory.instance_at = looked, now
        memory.changing = memory.changing or in_work(looked)
        return looked

    def _may_be_deleted(self, desired: Desired, memory: Memory) -> bool:
        return desired.known_instance is not None or isinstance(memory.refusal, AlreadyProtected)

    def target(self, desired: Desired, observed: Observed, memory: Memory) -> ArmId | None:
        """Return the instance in question: the one that is known, else the one that would be made."""
        if desired.known_instance is not None:
            return ArmId.parse(desired.known_instance)
        if memory.adopted is not None:
            return memory.adopted
        disk = observed.disk.id if isinstance(observed.disk, AzureDisk) else None
        if disk is None and desired.deleting and desired.known_disk is not None:
            # The claim may have gone first, and the instance may be so new that status does not name it.
            disk = ArmId.parse(desired.known_disk)
        if disk is None and desired.deleting and isinstance(observed.claim, ClaimedDisk):
            disk = observed.claim.id
        if disk is None or not isinstance(observed.vault, VaultView) or observed.vault.id is None:
            return None
        return observed.vault.id.child("backupInstances", instance_name(disk))


def _fits(desired: Desired, observed: Observed, now: datetime) -> bool:
    """Return whether nothing has to be done or said if this is how the instance looks."""
    plan = make_plan(desired, observed, now)
    return plan.ready and plan.step is None
