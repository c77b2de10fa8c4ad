"""How a disk and its backup instance look: as a sweep shows them where that can be believed, else by a look at them."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta

from azdiskbackup.azure.asking import if_it_can_be_had
from azdiskbackup.azure.picture import Picture
from azdiskbackup.core.arm_ids import ArmId, same_id
from azdiskbackup.core.azure_model import AzureDisk, AzureInstance
from azdiskbackup.core.claims import ClaimedDisk
from azdiskbackup.core.naming import instance_name
from azdiskbackup.core.presence import ABSENT, UNKNOWN, Absent, Unknown, Unreadable
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.plan import plan
from azdiskbackup.core.protected_disk.reading import in_work
from azdiskbackup.core.vault_view import VaultView
from azdiskbackup.errors import AlreadyProtected, Postponed
from azdiskbackup.reconcilers.protected_disk_memory import Memory
from azdiskbackup.reconcilers.tools import AnswerT, Tools, read

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

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._crowd = Crowd()

    async def disk(
        self, want: Desired, seen: Observed, memory: Memory, now: datetime
    ) -> AzureDisk | Absent | Unreadable:
        """Return the managed disk that the object is about."""
        disk = ArmId.parse(want.known_disk) if want.known_disk else None
        if isinstance(seen.claim, ClaimedDisk) and not want.deleting:
            disk = seen.claim.id
        if disk is None:
            return ABSENT
        if memory.disk is not None and same_id(memory.disk.id, disk) and now < (memory.disk_until or now):
            return memory.disk
        shown = None if want.deleting else await self._shown_disk(disk, want, memory, now)
        if shown is not None:
            memory.disk = None
            return shown
        found = await read(self._tools.azure.resources.get_disk(disk))
        if isinstance(found, AzureDisk):
            memory.disk, memory.disk_until = found, now + DISK_STAYS
        return found

    async def _shown_disk(self, disk: ArmId, want: Desired, memory: Memory, now: datetime) -> AzureDisk | None:
        """Return a disk as a query for all disks shows it; None if it has to be asked for by itself."""
        if memory.failed_job is not None:
            # The disk itself may be why.
            return None
        stays = self._tools.settings.picture_stays
        since = now - stays if want.known_instance is None else None
        shown = await self._if_at_hand(self._tools.sweep.disk(disk, since))
        if isinstance(shown, Unreadable | Unknown) and want.known_instance is not None:
            # What was known is worth more than a call for each disk while the index is away.
            known = (memory.disk, want.disk_before)
            return next((each for each in known if each is not None and same_id(each.id, disk)), None)
        return shown if isinstance(shown, AzureDisk) else None

    async def instance(
        self, want: Desired, seen: Observed, memory: Memory, now: datetime
    ) -> AzureInstance | Absent | Unknown | Unreadable:
        """Look at the instance itself while it changes, else at the picture of the whole vault."""
        target = self.target(want, seen, memory)
        if target is None:
            return ABSENT if want.deleting else UNKNOWN
        if want.known_instance is not None and not memory.changing and not want.deleting:
            picture = await read(self._tools.sweep.read(target.parent, now - self._tools.settings.picture_stays))
            if isinstance(picture, Unreadable):
                return picture
            return await self._believed(target, want, seen, picture, memory, now)
        if not want.deleting and self._surely_absent(memory, now):
            return ABSENT
        if memory.attempts.busy(now) and memory.instance is not None:
            return memory.instance
        if await self._new_and_not_shown(target, want, memory, now):
            memory.instance, memory.instance_at = ABSENT, now
            return ABSENT
        return await self._look_at(target, want, memory, now)

    async def _new_and_not_shown(self, target: ArmId, want: Desired, memory: Memory, now: datetime) -> bool:
        """Return whether one of a crowd of new objects has no instance: the index shows none, and Azure validates."""
        if not memory.new or want.deleting or memory.changing or isinstance(memory.refusal, AlreadyProtected):
            return False
        if memory.instance is None:
            self._crowd.add(target, now)
        since = now - self._tools.settings.picture_stays if memory.instance is not None else self._crowd.began(now)
        if since is None:
            return False
        picture = await self._if_at_hand(self._tools.sweep.read(target.parent, since))
        return isinstance(picture, Picture) and picture.lacks(target)

    async def _if_at_hand(self, answer: Awaitable[AnswerT]) -> AnswerT | Unreadable | Unknown:
        """Return what a sweep shows; Unknown when it is not our turn to ask for one."""
        try:
            with if_it_can_be_had():
                return await read(answer)
        except Postponed:
            return UNKNOWN

    async def _believed(
        self, target: ArmId, want: Desired, seen: Observed, picture: Picture, memory: Memory, now: datetime
    ) -> AzureInstance | Absent | Unreadable:
        """Believe a picture that fits what is known; else look at the instance itself.

        A row that is missing proves nothing, and one that says otherwise may be older than what we know.
        """
        shown, known = picture.of(target).instance, memory.instance
        if known is not None and memory.instance_at is not None and picture.at < memory.instance_at:
            return known
        if shown is not None and picture.listed and not in_work(shown):
            return shown
        if shown is not None and isinstance(known, AzureInstance) and shown.looks_like(known):
            if not _fits(want, replace(seen, instance=shown), now):
                return known
            # From now on the picture tells it.
            known = memory.instance = memory.instance_at = None
        if shown is not None and known is None and _fits(want, replace(seen, instance=shown), now):
            return shown
        looked = await self._look_at(target, want, memory, now)
        if isinstance(looked, AzureInstance) and (shown is None or not looked.looks_like(shown)):
            # The row was wrong, or behind.
            self._tools.sweep.contradict(target.parent)
        return looked

    def _surely_absent(self, memory: Memory, now: datetime) -> bool:
        """Nobody but us makes an instance of this name, and we did not since we looked."""
        looked = memory.instance_at is not None and now < memory.instance_at + self._tools.settings.observe_every
        return looked and isinstance(memory.instance, Absent) and not memory.changing

    async def _look_at(
        self, target: ArmId, want: Desired, memory: Memory, now: datetime
    ) -> AzureInstance | Absent | Unreadable:
        looked = await read(self._tools.azure.instances.get(target))
        if isinstance(looked, Absent) and self._may_be_deleted(want, memory):
            looked = await read(self._tools.azure.instances.get_deleted(target))
        if isinstance(looked, Unreadable):
            return looked
        memory.instance, memory.instance_at = looked, now
        memory.changing = memory.changing or in_work(looked)
        return looked

    def _may_be_deleted(self, want: Desired, memory: Memory) -> bool:
        return want.known_instance is not None or isinstance(memory.refusal, AlreadyProtected)

    def target(self, want: Desired, seen: Observed, memory: Memory) -> ArmId | None:
        """Return the instance in question: the one that is known, else the one that would be made."""
        if want.known_instance is not None:
            return ArmId.parse(want.known_instance)
        if memory.adopted is not None:
            return memory.adopted
        disk = seen.disk.id if isinstance(seen.disk, AzureDisk) else None
        if disk is None and want.deleting and want.known_disk is not None:
            # The claim may have gone first, and the instance may be so new that status does not name it.
            disk = ArmId.parse(want.known_disk)
        if disk is None and want.deleting and isinstance(seen.claim, ClaimedDisk):
            disk = seen.claim.id
        if disk is None or not isinstance(seen.vault, VaultView) or seen.vault.id is None:
            return None
        return seen.vault.id.child("backupInstances", instance_name(disk))


def _fits(want: Desired, seen: Observed, now: datetime) -> bool:
    """Return whether nothing has to be done or said if this is how the instance looks."""
    todo = plan(want, seen, now)
    return todo.ready and todo.step is None
