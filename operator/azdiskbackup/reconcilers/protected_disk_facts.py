"""What a pass of a ProtectedDisk has to know, and where it asks for it: the cache first, Azure only for the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from azdiskbackup.azure.submission import Failed, Succeeded
from azdiskbackup.azure.sweep import Picture
from azdiskbackup.core import reasons
from azdiskbackup.core.arm_ids import ArmId, same_id
from azdiskbackup.core.azure_model import AzureDisk, AzureInstance
from azdiskbackup.core.claims import ClaimedDisk
from azdiskbackup.core.naming import instance_name
from azdiskbackup.core.policy_view import PolicyView
from azdiskbackup.core.presence import ABSENT, UNKNOWN, Absent, Unknown, Unreadable
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.plan import plan
from azdiskbackup.core.protected_disk.reading import (
    VALIDATION_TAKES,
    in_work,
    instance_request,
    reader_grant,
    usable_vault,
)
from azdiskbackup.core.protected_disk.validation import (
    Never,
    Passed,
    Refused,
    Running,
    Validation,
    refused,
)
from azdiskbackup.core.resource import Resource
from azdiskbackup.core.vault_view import VaultView
from azdiskbackup.errors import AlreadyProtected, OperatorError
from azdiskbackup.reconcilers.grants import Grants
from azdiskbackup.reconcilers.protected_disk_history import History
from azdiskbackup.reconcilers.protected_disk_memory import Memory
from azdiskbackup.reconcilers.protected_disk_surroundings import from_cache
from azdiskbackup.reconcilers.steps import GONE
from azdiskbackup.reconcilers.tools import Tools, read
from azdiskbackup.reconcilers.turns import Turns

# A disk that is read is taken to be as it was for this long; its backups would fail, and say so, if it were gone.
DISK_STAYS = timedelta(hours=6)
OPERATION_TELLS_WITHIN = timedelta(minutes=30)


class Facts:
    """Gathers what the rules may know."""

    def __init__(self, tools: Tools, grants: Grants) -> None:
        self._tools = tools
        self._grants = grants
        self._history = History(tools, grants)
        self._turns = Turns(tools.settings.move_every)

    async def gather(self, resource: Resource, want: Desired, memory: Memory, now: datetime) -> Observed:
        """Ask for one thing after the other, as long as the rules say that they do not know enough."""
        if isinstance(memory.validation, Running):
            # A validation is followed on its own; to ask for it once more, after its answer, is no repetition.
            memory.attempts.done = None
        memory.validation = await self._validation(want, memory.validation, now)
        seen = replace(
            from_cache(self._tools.cache, want),
            validation=memory.validation,
            holder=memory.holder,
            rights_doubted=(memory.doubted or "").startswith("job"),
        )
        seen = await self._ask(want, seen, memory, now)
        seen = await self._search(want, seen, memory, now)
        if memory.validated is not None and isinstance(seen.instance, Absent) and isinstance(seen.disk, AzureDisk):
            usable = isinstance(seen.vault, VaultView) and seen.vault.id and isinstance(seen.policy, PolicyView)
            if usable and instance_request(want, seen) != memory.validated:
                memory.validation, memory.validated = Never(), None
                seen = await self._ask(want, replace(seen, validation=memory.validation), memory, now)
        seen = await self._doubt(want, seen, memory, now)
        seen = self._turn(want, seen, memory, now)
        return await self._history.add(resource, want, seen, memory, now)

    async def _ask(self, want: Desired, seen: Observed, memory: Memory, now: datetime) -> Observed:
        while plan(want, seen, now).verdict.reason == reasons.NOT_YET_KNOWN:
            more = await self._ask_next(want, seen, memory, now)
            if more == seen:
                break
            seen = more
        return seen

    async def _ask_next(self, want: Desired, seen: Observed, memory: Memory, now: datetime) -> Observed:
        if isinstance(seen.disk, Unknown) and not want.deleting:
            return replace(seen, disk=await self._disk(want, seen, memory, now))
        if isinstance(seen.instance, Unknown):
            return replace(seen, instance=await self._instance(want, seen, memory, now))
        if isinstance(seen.disk, Unknown):
            return replace(seen, disk=await self._disk(want, seen, memory, now))
        if isinstance(seen.granted, Unknown) and isinstance(seen.disk, AzureDisk):
            vault = usable_vault(seen)
            exists = self._grants.exists(reader_grant(seen), ours=vault.assigns_roles)
            return replace(seen, granted=await read(exists))
        return seen

    # --- from Azure -------------------------------------------------------------------------------

    async def _validation(self, want: Desired, known: Validation, now: datetime) -> Validation:
        if not isinstance(known, Running) or now < known.since + VALIDATION_TAKES:
            return known
        state = await read(self._tools.azure.operations.check(known.operation))
        match state:
            case Succeeded():
                return Passed()
            case Failed(error=error):
                return refused(known.refused, error, now, want.validating_since)
            case Unreadable(error) if error.code in GONE or now >= known.since + OPERATION_TELLS_WITHIN:
                # An operation that cannot be read for so long never will be: ask anew.
                return Never()
            case _:
                return known

    async def _disk(
        self, want: Desired, seen: Observed, memory: Memory, now: datetime
    ) -> AzureDisk | Absent | Unreadable:
        disk = ArmId.parse(want.known_disk) if want.known_disk else None
        if isinstance(seen.claim, ClaimedDisk) and not want.deleting:
            disk = seen.claim.id
        if disk is None:
            return ABSENT
        known = memory.disk
        same = known is not None and same_id(known.id, disk)
        if known is not None and same and memory.disk_until is not None and now < memory.disk_until:
            return known
        if want.known_instance is not None and memory.failed_job is None and not want.deleting:
            # It was read before; what changes of it is told by a query for all disks.
            shown = await read(self._tools.sweep.disk(disk))
            if isinstance(shown, Unreadable):
                shown = known if same else want.disk_before
            if shown is not None and same_id(shown.id, disk):
                return shown
        found = await read(self._tools.azure.resources.get_disk(disk))
        if isinstance(found, AzureDisk):
            memory.disk, memory.disk_until = found, now + DISK_STAYS
        return found

    async def _instance(
        self, want: Desired, seen: Observed, memory: Memory, now: datetime
    ) -> AzureInstance | Absent | Unknown | Unreadable:
        """Look at the instance itself while it changes, else at the picture of the whole vault."""
        target = self._target(want, seen, memory)
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
        return await self._look_at(target, want, memory, now)

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
            return known
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
        return want.known_instance is not None or isinstance(_refusal(memory), AlreadyProtected)

    def _target(self, want: Desired, seen: Observed, memory: Memory) -> ArmId | None:
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

    async def _search(self, want: Desired, seen: Observed, memory: Memory, now: datetime) -> Observed:
        """Find the instance because of which Azure refuses ours: in our vault it is adopted, elsewhere it is named."""
        refusal = _refusal(memory)
        vault = seen.vault.id if isinstance(seen.vault, VaultView) else None
        known = not isinstance(refusal, AlreadyProtected) or refusal is memory.searched
        if known or vault is None or not isinstance(seen.instance, Absent) or not isinstance(seen.disk, AzureDisk):
            return seen
        found = await read(self._tools.azure.instances.list_of_disk(seen.disk.id))
        if not isinstance(found, Unreadable) and not found:
            kept = await read(self._tools.azure.instances.list_deleted(vault))
            ours = [] if isinstance(kept, Unreadable) else kept
            found = [each for each in ours if same_id(each.disk_id, seen.disk.id)]
        memory.searched = refusal
        if isinstance(found, Unreadable) or not found:
            return seen
        if not str(found[0].id).lower().startswith(f"{vault}/".lower()):
            memory.holder = found[0]
            return replace(seen, holder=found[0])
        memory.holder, memory.instance, memory.instance_at = None, found[0], now
        memory.adopted = found[0].id
        return await self._ask(want, replace(seen, instance=found[0], holder=None), memory, now)

    async def _doubt(self, want: Desired, seen: Observed, memory: Memory, now: datetime) -> Observed:
        """Look again at a right of which Azure says that it is missing, once for each time that it begins to say so."""
        instance = seen.instance
        if not isinstance(instance, AzureInstance) or not isinstance(seen.disk, AzureDisk) or want.deleting:
            return seen
        lacks = instance.failure is not None and instance.failure.about_rights
        cause = f"state {instance.state}" if lacks else "deleted" if instance.soft_deleted_until else None
        if cause is None:
            if memory.doubted is not None and not memory.doubted.startswith("job"):
                memory.doubted = None
            return seen
        if memory.doubted == cause:
            return seen
        memory.doubted = cause
        self._grants.doubt(reader_grant(seen))
        return await self._ask(want, replace(seen, granted=UNKNOWN), memory, now)

    def _turn(self, want: Desired, seen: Observed, memory: Memory, now: datetime) -> Observed:
        """Reserve a turn for a disk that has to move; one that a person sent to another policy does not queue."""
        instance, policy = seen.instance, seen.policy
        if not isinstance(instance, AzureInstance) or not isinstance(policy, PolicyView):
            return seen
        if policy.id is None or same_id(instance.policy_id, policy.id):
            memory.turn = None
            return seen
        if memory.turn is None:
            memory.turn = now if want.sent_elsewhere else self._turns.reserve(now)
        return replace(seen, turn=memory.turn)


def _fits(want: Desired, seen: Observed, now: datetime) -> bool:
    """Return whether nothing has to be done or said if this is how the instance looks."""
    todo = plan(want, seen, now)
    return todo.ready and todo.step is None


def _refusal(memory: Memory) -> OperatorError | None:
    return memory.validation.error if isinstance(memory.validation, Refused) else memory.attempts.error
