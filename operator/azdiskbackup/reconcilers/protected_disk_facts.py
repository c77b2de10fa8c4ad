"""What a pass of a ProtectedDisk has to know, and where it asks for it: the cache first, Azure only for the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from azdiskbackup.azure.submission import Failed, Succeeded
from azdiskbackup.core import reasons
from azdiskbackup.core.arm_ids import same_id
from azdiskbackup.core.azure_model import AzureDisk, AzureInstance
from azdiskbackup.core.policy_view import PolicyView
from azdiskbackup.core.presence import UNKNOWN, Absent, Unknown, Unreadable
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import is_owner
from azdiskbackup.core.protected_disk.plan import plan
from azdiskbackup.core.protected_disk.reading import (
    VALIDATION_TAKES,
    instance_request,
    reader_grant,
    usable_vault,
)
from azdiskbackup.core.protected_disk.validation import (
    Never,
    Passed,
    Running,
    Validation,
    refused,
)
from azdiskbackup.core.resource import Resource
from azdiskbackup.core.vault_view import VaultView
from azdiskbackup.errors import AlreadyProtected
from azdiskbackup.reconcilers.grants import Grants
from azdiskbackup.reconcilers.protected_disk_history import History
from azdiskbackup.reconcilers.protected_disk_look import Look
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
        self._look = Look(tools)
        self._turns = Turns(tools.settings.move_every)

    async def gather(self, resource: Resource, want: Desired, memory: Memory, now: datetime) -> Observed:
        """Ask for one thing after the other, as long as the rules say that they do not know enough."""
        if memory.new is None:
            memory.new = not want.began
        if isinstance(memory.validation, Running):
            # A validation is followed on its own; to ask for it once more, after its answer, is no repetition.
            memory.attempts.done = None
        memory.validation = await self._validation(want, memory.validation, now)
        seen = replace(
            from_cache(self._tools.cache, want),
            validation=memory.validation,
            holder=memory.holder,
            was_owner=memory.was_owner,
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
        if isinstance(seen.instance, AzureInstance) and seen.instance.soft_deleted_until is None:
            memory.was_owner = is_owner(want, seen, seen.instance)
            self._tools.owned.set(resource.uid, seen.instance.id if memory.was_owner else None)
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
            return replace(seen, disk=await self._look.disk(want, seen, memory, now))
        if isinstance(seen.instance, Unknown):
            return replace(seen, instance=await self._look.instance(want, seen, memory, now))
        if isinstance(seen.disk, Unknown):
            return replace(seen, disk=await self._look.disk(want, seen, memory, now))
        if isinstance(seen.granted, Unknown) and isinstance(seen.disk, AzureDisk):
            vault = usable_vault(seen)
            alone = vault.assigns_roles and vault.role_scope == "Disk"
            if alone and memory.new and isinstance(seen.instance, Absent):
                # Nothing was ever written for this object: to grant it costs no more than to ask whether it is granted.
                return replace(seen, granted=self._grants.known(reader_grant(seen)))
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

    async def _search(self, want: Desired, seen: Observed, memory: Memory, now: datetime) -> Observed:
        """Find the instance because of which Azure refuses ours: in our vault it is adopted, elsewhere it is named."""
        refusal = memory.refusal
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
