"""BackupVault: gather, decide, act, report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultStatus
from azdiskbackup.core import reasons
from azdiskbackup.core.azure_model import AzureVault
from azdiskbackup.core.backup_vault.desired import Desired, desired
from azdiskbackup.core.backup_vault.observed import Observed
from azdiskbackup.core.backup_vault.plan import plan
from azdiskbackup.core.backup_vault.rules import wanted_grants
from azdiskbackup.core.backup_vault.status import status
from azdiskbackup.core.backup_vault.steps import (
    AssignRole,
    CreateGroup,
    CreateVault,
    DeleteVault,
    RevokeRole,
    SetIdentity,
    Step,
    UpdateVault,
)
from azdiskbackup.core.presence import Unknown, Unreadable
from azdiskbackup.core.resource import Invalid, Resource
from azdiskbackup.core.roles import Grant
from azdiskbackup.core.verdicts import Plan
from azdiskbackup.engine.cache import Key
from azdiskbackup.reconcilers.indices import DISKS_BY_POLICY, POLICIES_BY_VAULT
from azdiskbackup.reconcilers.steps import Attempts
from azdiskbackup.reconcilers.tools import Memories, Tools, read


@dataclass(slots=True)
class Memory:
    """What a pass leaves for the next one; losing it costs calls, nothing else.

    Attributes:
        granted_by_others: grants that exist under another name than ours, so that a look for ours does not find them.
        seen: what Azure said while everything was as wanted, good until ``seen_until``.
    """

    attempts: Attempts = field(default_factory=Attempts)
    seen: Observed | None = None
    seen_until: datetime | None = None
    generation: int = 0
    granted_by_others: set[Grant] = field(default_factory=set)


class BackupVaultReconciler:
    """Makes vaults as their objects want them."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.memories = Memories(Memory)

    async def reconcile(self, key: Key) -> datetime | None:
        """Make one pass; return when to look again."""
        raw = self._tools.cache.get(key)
        if raw is None:
            self.memories.forget(key)
            return None
        resource = Resource(raw)
        now = self._tools.clock.now()
        want = desired(resource, self._tools.settings.subscription_id, self._tools.cluster)
        if isinstance(want, Invalid):
            await self._tools.reporter.invalid(resource, want, BackupVaultStatus)
            return None
        memory = self.memories.of(key, resource.uid)
        seen = await self._gather(want, resource.generation, memory, now)
        todo = plan(want, seen, now)
        if want.deleting and todo.ready:
            await self._tools.reporter.release(resource, todo)
            return None
        if todo.step is not None or todo.ready:
            # Also when nothing is to be done: what was found in Azure is ours to let go of from now on.
            resource = await self._tools.reporter.ensure_finalizer(resource)

        async def act(step: Step) -> str | None:
            return await self._act(step, memory)

        todo = await memory.attempts.take(
            todo,
            act,
            self._tools.azure.operations,
            generation=resource.generation,
            now=now,
            jitter=self._tools.jitter(),
        )
        self._remember(memory, seen, todo, resource.generation, now)
        if todo.step is not None and not memory.attempts.failed and todo.verdict.look_again is None:
            await self._tools.reporter.corrected(resource, todo.verdict)
            return now
        await self._tools.reporter.status(resource, status(resource, want, seen, todo, now))
        return todo.verdict.look_again or memory.seen_until

    def _remember(self, memory: Memory, seen: Observed, todo: Plan[Step], generation: int, now: datetime) -> None:
        if not todo.ready:
            memory.seen = memory.seen_until = None
        elif memory.seen_until is None or memory.seen_until <= now:
            memory.seen, memory.generation = seen, generation
            memory.seen_until = now + self._tools.settings.observe_every

    # --- gather -----------------------------------------------------------------------------------

    async def _gather(self, want: Desired, generation: int, memory: Memory, now: datetime) -> Observed:
        """Ask for one thing after the other, as long as the rules say that they do not know enough."""
        seen = self._from_cache(want)
        fresh = memory.seen_until is not None and now < memory.seen_until and memory.generation == generation
        if memory.seen is not None and fresh and not want.deleting:
            known = memory.seen
            return replace(seen, vault=known.vault, groups=known.groups, grants=known.grants)
        while plan(want, seen, now).verdict.reason == reasons.NOT_YET_KNOWN:
            more = await self._ask_next(want, seen, memory)
            if more == seen:
                break
            seen = more
        return seen

    async def _ask_next(self, want: Desired, seen: Observed, memory: Memory) -> Observed:
        if isinstance(seen.vault, Unknown):
            return replace(seen, vault=await read(self._tools.azure.vaults.get(want.id)))
        if isinstance(seen.instances, Unknown) and want.deleting and isinstance(seen.vault, AzureVault):
            found = await read(self._tools.azure.instances.list(want.id))
            return replace(seen, instances=found if isinstance(found, Unreadable) else len(found))
        if isinstance(seen.deleted, Unknown) and want.deleting and isinstance(seen.vault, AzureVault):
            kept = await read(self._tools.azure.instances.list_deleted(want.id))
            return replace(seen, deleted=kept if isinstance(kept, Unreadable) else tuple(kept))
        for group in want.groups if isinstance(seen.vault, AzureVault) else ():
            if group.id not in seen.groups:
                answer = await read(self._tools.azure.resources.get_group(group.id))
                return replace(seen, groups={**seen.groups, group.id: answer})
        for grant in wanted_grants(want, seen):
            if grant not in seen.grants:
                # On the way out only our own counts: what others granted is theirs to take.
                by_others = want.spec.role_assignments == "Preassigned" or grant in memory.granted_by_others
                by_others = by_others and not want.deleting
                roles = self._tools.azure.roles
                exists = await read(roles.held(grant) if by_others else roles.exists(grant))
                return replace(seen, grants={**seen.grants, grant: exists})
        return seen

    def _from_cache(self, want: Desired) -> Observed:
        cache = self._tools.cache
        policies = sorted(key.name for key in cache.find(POLICIES_BY_VAULT, want.name))
        disks = sum(len(cache.find(DISKS_BY_POLICY, policy)) for policy in policies)
        return Observed(policies=tuple(policies), disks=disks, trouble=self._tools.sweep.trouble(want.id))

    # --- act --------------------------------------------------------------------------------------

    async def _act(self, step: Step, memory: Memory) -> str | None:
        azure = self._tools.azure
        match step:
            case CreateGroup(id=group, location=location):
                await azure.resources.create_group(group, location)
            case AssignRole(grant=grant):
                if not await azure.roles.create(grant):
                    memory.granted_by_others.add(grant)
            case RevokeRole(grant=grant):
                await azure.roles.delete(grant)
            case CreateVault() | SetIdentity() | UpdateVault() | DeleteVault():
                return await self._change(step)
            case _:
                assert_never(step)
        return None

    async def _change(self, step: CreateVault | SetIdentity | UpdateVault | DeleteVault) -> str | None:
        vaults = self._tools.azure.vaults
        match step:
            case CreateVault(id=vault, location=location, settings=settings, identity=identity):
                return await vaults.submit_create(vault, location, settings, identity)
            case SetIdentity(id=vault, identity=identity, own=own):
                return await vaults.submit_identity(vault, identity, own=own)
            case UpdateVault(id=vault, settings=settings):
                return await vaults.submit_update(vault, settings)
            case DeleteVault(id=vault):
                return await vaults.submit_delete(vault)
            case _:
                assert_never(step)
