"""What a pass of a ProtectedDisk has to know, and where it asks for it: the cache first, Azure only for the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from azdiskbackup.azure.gateways.operations import Failed, Succeeded
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.objects.vault_view import VaultView
from azdiskbackup.core.protected_disk.desired import Desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import is_owner
from azdiskbackup.core.protected_disk.plan import make_plan
from azdiskbackup.core.protected_disk.rules.common import (
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
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED, FetchFailed, NotFetched, NotFound
from azdiskbackup.errors import AlreadyProtected
from azdiskbackup.reconcilers.common.context import ReconcileContext, capture_error
from azdiskbackup.reconcilers.common.role_grants import Grants
from azdiskbackup.reconcilers.common.step_runner import GONE
from azdiskbackup.reconcilers.protected_disk.from_cache import from_cache
from azdiskbackup.reconcilers.protected_disk.history import History
from azdiskbackup.reconcilers.protected_disk.instance_observer import Look
from azdiskbackup.reconcilers.protected_disk.migration_pacer import MigrationPacer
from azdiskbackup.reconcilers.protected_disk.state import Memory

# A disk that is read is taken to be as it was for this long; its backups would fail, and say so, if it were gone.
DISK_STAYS = timedelta(hours=6)
OPERATION_TELLS_WITHIN = timedelta(minutes=30)


class Facts:
    """Gathers what the rules may know."""

    def __init__(self, tools: ReconcileContext, grants: Grants) -> None:
        self._tools = tools
        self._grants = grants
        self._history = History(tools, grants)
        self._look = Look(tools)
        self._turns = MigrationPacer(tools.settings.move_every)

    async def gather(self, resource: Resource, desired: Desired, memory: Memory, now: datetime) -> Observed:
        """Ask for one thing after the other, as long as the rules say that they do not know enough."""
        if memory.new is None:
            memory.new = not desired.began
        if isinstance(memory.validation, Running):
            # A validation is followed on its own; to ask for it once more, after its answer, is no repetition.
            memory.attempts.done = None
        memory.validation = await self._validation(desired, memory.validation, now)
        observed = replace(
            from_cache(self._tools.cache, desired),
            validation=memory.validation,
            holder=memory.holder,
            was_owner=memory.was_owner,
            rights_doubted=(memory.doubted or "").startswith("job"),
        )
        observed = await self._ask(desired, observed, memory, now)
        observed = await self._search(desired, observed, memory, now)
        if (
            memory.validated is not None
            and isinstance(observed.instance, NotFound)
            and isinstance(observed.disk, AzureDisk)
        ):
            usable = (
                isinstance(observed.vault, VaultView) and observed.vault.id and isinstance(observed.policy, PolicyView)
            )
            if usable and instance_request(desired, observed) != memory.validated:
                memory.validation, memory.validated = Never(), None
                observed = await self._ask(desired, replace(observed, validation=memory.validation), memory, now)
        observed = await self._doubt(desired, observed, memory, now)
        if isinstance(observed.instance, AzureInstance) and observed.instance.soft_deleted_until is None:
            memory.was_owner = is_owner(desired, observed, observed.instance)
            self._tools.owned.set(resource.uid, observed.instance.id if memory.was_owner else None)
        observed = self._turn(desired, observed, memory, now)
        return await self._history.add(resource, desired, observed, memory, now)

    async def _ask(self, desired: Desired, observed: Observed, memory: Memory, now: datetime) -> Observed:
        while make_plan(desired, observed, now).verdict.reason == reasons.NOT_YET_KNOWN:
            more = await self._ask_next(desired, observed, memory, now)
            if more == observed:
                break
            observed = more
        return observed

    async def _ask_next(self, desired: Desired, observed: Observed, memory: Memory, now: datetime) -> Observed:
        if isinstance(observed.disk, NotFetched) and not desired.deleting:
            return replace(observed, disk=await self._look.disk(desired, observed, memory, now))
        if isinstance(observed.instance, NotFetched):
            return replace(observed, instance=await self._look.instance(desired, observed, memory, now))
        if isinstance(observed.disk, NotFetched):
            return replace(observed, disk=await self._look.disk(desired, observed, memory, now))
        if isinstance(observed.granted, NotFetched) and isinstance(observed.disk, AzureDisk):
            vault = usable_vault(observed)
            alone = vault.assigns_roles and vault.role_scope == "Disk"
            if alone and memory.new and isinstance(observed.instance, NotFound):
                # Nothing was ever written for this object: to grant it costs no more than to ask whether it is granted.
                return replace(observed, granted=self._grants.known(reader_grant(observed)))
            exists = self._grants.exists(reader_grant(observed), ours=vault.assigns_roles)
            return replace(observed, granted=await capture_error(exists))
        return observed

    # --- from Azure -------------------------------------------------------------------------------

    async def _validation(self, desired: Desired, known: Validation, now: datetime) -> Validation:
        if not isinstance(known, Running) or now < known.since + VALIDATION_TAKES:
            return known
        state = await capture_error(self._tools.azure.operations.check(known.operation))
        match state:
            case Succeeded():
                return Passed()
            case Failed(error=error):
                return refused(known.refused, error, now, desired.validating_since)
            case FetchFailed(error) if error.code in GONE or now >= known.since + OPERATION_TELLS_WITHIN:
                # An operation that cannot be read for so long never will be: ask anew.
                return Never()
            case _:
                return known

    async def _search(self, desired: Desired, observed: Observed, memory: Memory, now: datetime) -> Observed:
        """Find the instance because of which Azure refuses ours: in our vault it is adopted, elsewhere it is named."""
        refusal = memory.refusal
        vault = observed.vault.id if isinstance(observed.vault, VaultView) else None
        known = not isinstance(refusal, AlreadyProtected) or refusal is memory.searched
        if (
            known
            or vault is None
            or not isinstance(observed.instance, NotFound)
            or not isinstance(observed.disk, AzureDisk)
        ):
            return observed
        found = await capture_error(self._tools.azure.instances.list_of_disk(observed.disk.id))
        if not isinstance(found, FetchFailed) and not found:
            kept = await capture_error(self._tools.azure.instances.list_deleted(vault))
            ours = [] if isinstance(kept, FetchFailed) else kept
            found = [each for each in ours if same_id(each.disk_id, observed.disk.id)]
        memory.searched = refusal
        if isinstance(found, FetchFailed) or not found:
            return observed
        if not str(found[0].id).lower().startswith(f"{vault}/".lower()):
            memory.holder = found[0]
            return replace(observed, holder=found[0])
        memory.holder, memory.instance, memory.instance_at = None, found[0], now
        memory.adopted = found[0].id
        return await self._ask(desired, replace(observed, instance=found[0], holder=None), memory, now)

    async def _doubt(self, desired: Desired, observed: Observed, memory: Memory, now: datetime) -> Observed:
        """Look again at a right of which Azure says that it is missing, once for each time that it begins to say so."""
        instance = observed.instance
        if not isinstance(instance, AzureInstance) or not isinstance(observed.disk, AzureDisk) or desired.deleting:
            return observed
        lacks = instance.failure is not None and instance.failure.about_rights
        cause = f"state {instance.state}" if lacks else "deleted" if instance.soft_deleted_until else None
        if cause is None:
            if memory.doubted is not None and not memory.doubted.startswith("job"):
                memory.doubted = None
            return observed
        if memory.doubted == cause:
            return observed
        memory.doubted = cause
        self._grants.doubt(reader_grant(observed))
        return await self._ask(desired, replace(observed, granted=NOT_FETCHED), memory, now)

    def _turn(self, desired: Desired, observed: Observed, memory: Memory, now: datetime) -> Observed:
        """Reserve a turn for a disk that has to move; one that a person sent to another policy does not queue."""
        instance, policy = observed.instance, observed.policy
        if not isinstance(instance, AzureInstance) or not isinstance(policy, PolicyView):
            return observed
        if policy.id is None or same_id(instance.policy_id, policy.id):
            memory.turn = None
            return observed
        if memory.turn is None:
            memory.turn = now if desired.sent_elsewhere else self._turns.reserve(now)
        return replace(observed, turn=memory.turn)
