"""BackupVault: gather, decide, act, report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultStatus
from azdiskbackup.core.backup_vault.desired import Desired, read_desired
from azdiskbackup.core.backup_vault.observed import Observed
from azdiskbackup.core.backup_vault.plan import make_plan
from azdiskbackup.core.backup_vault.rules import needed_grants
from azdiskbackup.core.backup_vault.status import build_status
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
from azdiskbackup.core.identity.roles import Grant
from azdiskbackup.core.objects.azure import AzureVault
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import FetchFailed, NotFetched
from azdiskbackup.core.rules.verdicts import Plan
from azdiskbackup.engine.cache import Key
from azdiskbackup.reconcilers.common.context import ReconcileContext, StateStore, capture_error
from azdiskbackup.reconcilers.common.step_runner import StepRunner
from azdiskbackup.reconcilers.watch.indices import DISKS_BY_POLICY, POLICIES_BY_VAULT


@dataclass(slots=True)
class Memory:
    """What a pass leaves for the next one; losing it costs calls, nothing else.

    Attributes:
        granted_by_others: grants that exist under another name than ours, so that a look for ours does not find them.
        seen: what Azure said while everything was as wanted, good until ``seen_until``.
    """

    attempts: StepRunner = field(default_factory=StepRunner)
    observed: Observed | None = None
    seen_until: datetime | None = None
    generation: int = 0
    granted_by_others: set[Grant] = field(default_factory=set)


class BackupVaultReconciler:
    """Makes vaults as their objects want them."""

    def __init__(self, tools: ReconcileContext) -> None:
        self._tools = tools
        self.states = StateStore(Memory)

    async def reconcile(self, key: Key) -> datetime | None:
        """Make one pass; return when to look again."""
        raw = self._tools.cache.get(key)
        if raw is None:
            self.states.forget(key)
            return None
        resource = Resource(raw)
        now = self._tools.clock.now()
        desired = read_desired(resource, self._tools.settings.subscription_id, self._tools.cluster)
        if isinstance(desired, Invalid):
            await self._tools.reporter.invalid(resource, desired, BackupVaultStatus)
            return None
        memory = self.states.of(key, resource.uid)
        observed = await self._gather(desired, resource.generation, memory, now)
        plan = make_plan(desired, observed, now)
        if desired.deleting and plan.ready:
            await self._tools.reporter.release(resource, plan)
            return None
        if plan.step is not None or plan.ready:
            # Also when nothing is to be done: what was found in Azure is ours to let go of from now on.
            resource = await self._tools.reporter.ensure_finalizer(resource)

        async def act(step: Step) -> str | None:
            return await self._act(step, memory)

        plan = await memory.attempts.take(
            plan,
            act,
            self._tools.azure.operations,
            generation=resource.generation,
            now=now,
            jitter=self._tools.jitter(),
        )
        self._remember(memory, observed, plan, resource.generation, now)
        if plan.step is not None and not memory.attempts.failed and plan.verdict.requeue_at is None:
            await self._tools.reporter.corrected(resource, plan.verdict)
            return now
        await self._tools.reporter.status(resource, build_status(resource, desired, observed, plan, now))
        return plan.verdict.requeue_at or memory.seen_until

    def _remember(self, memory: Memory, observed: Observed, plan: Plan[Step], generation: int, now: datetime) -> None:
        if not plan.ready:
            memory.observed = memory.seen_until = None
        elif memory.seen_until is None or memory.seen_until <= now:
            memory.observed, memory.generation = observed, generation
            memory.seen_until = now + self._tools.settings.observe_every

    # --- gather -----------------------------------------------------------------------------------

    async def _gather(self, desired: Desired, generation: int, memory: Memory, now: datetime) -> Observed:
        """Ask for one thing after the other, as long as the rules say that they do not know enough."""
        observed = self._from_cache(desired)
        fresh = memory.seen_until is not None and now < memory.seen_until and memory.generation == generation
        if memory.observed is not None and fresh and not desired.deleting:
            known = memory.observed
            return replace(observed, vault=known.vault, groups=known.groups, grants=known.grants)
        while make_plan(desired, observed, now).verdict.reason == reasons.NOT_YET_KNOWN:
            more = await self._ask_next(desired, observed, memory)
            if more == observed:
                break
            observed = more
        return observed

    async def _ask_next(self, desired: Desired, observed: Observed, memory: Memory) -> Observed:
        if isinstance(observed.vault, NotFetched):
            return replace(observed, vault=await capture_error(self._tools.azure.vaults.get(desired.id)))
        if isinstance(observed.instances, NotFetched) and desired.deleting and isinstance(observed.vault, AzureVault):
            found = await capture_error(self._tools.azure.instances.list(desired.id))
            return replace(observed, instances=found if isinstance(found, FetchFailed) else len(found))
        if isinstance(observed.deleted, NotFetched) and desired.deleting and isinstance(observed.vault, AzureVault):
            kept = await capture_error(self._tools.azure.instances.list_deleted(desired.id))
            return replace(observed, deleted=kept if isinstance(kept, FetchFailed) else tuple(kept))
        for group in desired.groups if isinstance(observed.vault, AzureVault) else ():
            if group.id not in observed.groups:
                answer = await capture_error(self._tools.azure.resources.get_group(group.id))
                return replace(observed, groups={**observed.groups, group.id: answer})
        for grant in needed_grants(desired, observed):
            if grant not in observed.grants:
                # On the way out only our own counts: what others granted is theirs to take.
                by_others = desired.spec.role_assignments == "Preassigned" or grant in memory.granted_by_others
                by_others = by_others and not desired.deleting
                roles = self._tools.azure.roles
                exists = await capture_error(roles.held(grant) if by_others else roles.exists(grant))
                return replace(observed, grants={**observed.grants, grant: exists})
        return observed

    def _from_cache(self, desired: Desired) -> Observed:
        cache = self._tools.cache
        policies = sorted(key.name for key in cache.find(POLICIES_BY_VAULT, desired.name))
        disks = sum(len(cache.find(DISKS_BY_POLICY, policy)) for policy in policies)
        return Observed(
            policies=tuple(policies), disks=disks, degraded_reason=self._tools.sweep.degraded_reason(desired.id)
        )

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
