"""ProtectedDisk: gather, decide, act, report. What is gathered, and when, is in ``protected_disk_facts.py``."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import assert_never

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.objects.azure import AzureInstance, JobHistory
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.protected_disk.desired import read_desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.plan import make_plan
from azdiskbackup.core.protected_disk.rate_limited import covers, waiting
from azdiskbackup.core.protected_disk.restore_points import next_expiry
from azdiskbackup.core.protected_disk.rules.common import in_work
from azdiskbackup.core.protected_disk.status import build_status, deadline
from azdiskbackup.core.protected_disk.steps import (
    AssignRole,
    Change,
    DeleteInstance,
    PutInstance,
    Resume,
    RevokeRole,
    Step,
    Stop,
    Suspend,
    Sync,
    Undelete,
    Validate,
)
from azdiskbackup.core.protected_disk.validation import Refused, Running
from azdiskbackup.core.rules.verdicts import Plan
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext, StateStore
from azdiskbackup.reconcilers.common.role_grants import Grants
from azdiskbackup.reconcilers.protected_disk.observe import Facts
from azdiskbackup.reconcilers.protected_disk.state import Memory

# Refusals after which it is worth a look whether the right is still there.
DOUBTFUL = 5


class ProtectedDiskReconciler:
    """Leads disks to protection, and out of it."""

    def __init__(self, tools: ReconcileContext) -> None:
        self._tools = tools
        self._grants = Grants(tools.azure.roles)
        self._facts = Facts(tools, self._grants)
        self.states = StateStore(Memory)

    async def reconcile(self, key: Key) -> datetime | None:
        """Make one pass; return when to look again."""
        raw = self._tools.cache.get(key)
        if raw is None:
            uid = self.states.forget(key)
            if uid is not None:
                self._tools.owned.set(uid, None)
            return None
        try:
            return await self._pass(key, Resource(raw), self._tools.clock.now())
        except RateLimited as why:
            # The pass may have put the finalizer on.
            resource = Resource(self._tools.cache.get(key) or raw)
            status = waiting(resource, why, self._tools.clock.now())
            if status is not None:
                await self._tools.reporter.status(resource, status)
            raise

    async def _pass(self, key: Key, resource: Resource, now: datetime) -> datetime | None:
        desired = read_desired(resource, self._tools.cluster)
        if isinstance(desired, Invalid):
            await self._tools.reporter.invalid(resource, desired, ProtectedDiskStatus)
            return None
        memory = self.states.of(key, resource.uid)
        observed = await self._facts.gather(resource, desired, memory, now)
        plan = make_plan(desired, observed, now)
        settled = isinstance(observed.instance, AzureInstance) and plan.step is None and not in_work(observed.instance)
        memory.changing = memory.changing and not settled
        pending = memory.attempts.operation
        appears = pending.look_at if pending is not None and pending.step is PutInstance else now
        if desired.deleting and plan.ready and now < appears:
            # Azure may be about to show an instance that we asked for: to let go now would leave it alone.
            return appears
        if desired.deleting and plan.ready:
            await self._tools.reporter.release(resource, plan)
            return None
        if plan.step is not None or plan.ready:
            # Also when nothing is to be done: what was found in Azure is ours to let go of from now on.
            resource = await self._tools.reporter.ensure_finalizer(resource)

        async def act(step: Step) -> str | None:
            return await self._act(step, memory, now)

        plan = await memory.attempts.take(
            plan,
            act,
            self._tools.azure.operations,
            generation=resource.generation,
            now=now,
            jitter=self._tools.jitter(),
        )
        if plan.step is not None and not memory.attempts.failed and plan.verdict.requeue_at is None:
            await self._tools.reporter.corrected(resource, plan.verdict)
            return now
        status = build_status(resource, desired, observed, plan, now)
        if memory.attempts.failed or not covers(resource, plan):
            await self._tools.reporter.status(resource, status)
        self._tools.deadlines.set(key, deadline(status, observed))
        return self._look_again(observed, plan, status, memory, now)

    def _look_again(
        self, observed: Observed, plan: Plan[Step], status: ProtectedDiskStatus, memory: Memory, now: datetime
    ) -> datetime | None:
        """Return the next moment at which time alone changes something; all else is told by the sweep."""
        if not plan.ready:
            return plan.verdict.requeue_at
        observe_every = self._tools.settings.observe_every
        moments = [observed.turn, plan.verdict.requeue_at]
        if status.next_backup_time is not None:
            # The time of the next backup is in status. Its job is seen by then, as a rule: one write for both.
            moments.append(status.next_backup_time + observe_every)
        if isinstance(observed.instance, AzureInstance):
            moments.append(next_expiry(status.restore_points, observed.instance.state, now))
        if memory.failed_job is not None or memory.doubted is not None or not isinstance(observed.jobs, JobHistory):
            moments.append(now + observe_every)
        return min((each for each in moments if each is not None and each > now), default=None)

    async def _act(self, step: Step, memory: Memory, now: datetime) -> str | None:
        azure = self._tools.azure
        match step:
            case AssignRole(grant=grant):
                await self._grants.create(grant)
            case RevokeRole(grant=grant):
                await self._grants.delete(grant)
            case Validate(request=request, grant=grant):
                before = memory.validation if isinstance(memory.validation, Refused) else None
                if before is not None and before.tries >= DOUBTFUL:
                    # It takes long: somebody may have taken the right away since we looked.
                    self._grants.doubt(grant)
                operation = await azure.instances.submit_validation(request)
                memory.validation = Running(operation, now, before)
                memory.validated = request
            case PutInstance(request=request):
                return await _sent(azure.instances.submit_create_or_update(request), memory)
            case Sync() | Undelete() | Resume() | Suspend() | Stop() | DeleteInstance():
                if isinstance(step, Sync):
                    self._grants.doubt(step.grant)
                return await _sent(self._change(step), memory)
            case _:
                assert_never(step)
        return None

    async def _change(self, step: Change) -> str | None:
        instances = self._tools.azure.instances
        call = {
            Sync: instances.submit_sync,
            Undelete: instances.submit_undelete,
            Resume: instances.submit_resume,
            Suspend: instances.submit_suspend,
            Stop: instances.submit_stop,
            DeleteInstance: instances.submit_delete,
        }[type(step)]
        return await call(step.id)


async def _sent(change: Awaitable[str | None], memory: Memory) -> str | None:
    """Send a change of the instance; an answer that is lost may have changed it all the same."""
    before, memory.changing = memory.changing, True
    try:
        return await change
    except RateLimited:
        # Surely not sent.
        memory.changing = before
        raise
