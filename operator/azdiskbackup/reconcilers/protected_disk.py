"""ProtectedDisk: gather, decide, act, report. What is gathered, and when, is in ``protected_disk_facts.py``."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import assert_never

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.azure_model import AzureInstance, JobHistory
from azdiskbackup.core.protected_disk.desired import desired
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.plan import plan
from azdiskbackup.core.protected_disk.reading import in_work
from azdiskbackup.core.protected_disk.restore_points import next_expiry
from azdiskbackup.core.protected_disk.status import deadline, status
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
from azdiskbackup.core.protected_disk.waiting import covers, waiting
from azdiskbackup.core.resource import Invalid, Resource
from azdiskbackup.core.verdicts import Plan
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import Postponed
from azdiskbackup.reconcilers.grants import Grants
from azdiskbackup.reconcilers.protected_disk_facts import Facts
from azdiskbackup.reconcilers.protected_disk_memory import Memory
from azdiskbackup.reconcilers.tools import Memories, Tools

# Refusals after which it is worth a look whether the right is still there.
DOUBTFUL = 5


class ProtectedDiskReconciler:
    """Leads disks to protection, and out of it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._grants = Grants(tools.azure.roles)
        self._facts = Facts(tools, self._grants)
        self.memories = Memories(Memory)

    async def reconcile(self, key: Key) -> datetime | None:
        """Make one pass; return when to look again."""
        raw = self._tools.cache.get(key)
        if raw is None:
            uid = self.memories.forget(key)
            if uid is not None:
                self._tools.owned.set(uid, None)
            return None
        try:
            return await self._pass(key, Resource(raw), self._tools.clock.now())
        except Postponed as why:
            # The pass may have put the finalizer on.
            resource = Resource(self._tools.cache.get(key) or raw)
            said = waiting(resource, why, self._tools.clock.now())
            if said is not None:
                await self._tools.reporter.status(resource, said)
            raise

    async def _pass(self, key: Key, resource: Resource, now: datetime) -> datetime | None:
        want = desired(resource, self._tools.cluster)
        if isinstance(want, Invalid):
            await self._tools.reporter.invalid(resource, want, ProtectedDiskStatus)
            return None
        memory = self.memories.of(key, resource.uid)
        seen = await self._facts.gather(resource, want, memory, now)
        todo = plan(want, seen, now)
        settled = isinstance(seen.instance, AzureInstance) and todo.step is None and not in_work(seen.instance)
        memory.changing = memory.changing and not settled
        pending = memory.attempts.operation
        appears = pending.look_at if pending is not None and pending.step is PutInstance else now
        if want.deleting and todo.ready and now < appears:
            # Azure may be about to show an instance that we asked for: to let go now would leave it alone.
            return appears
        if want.deleting and todo.ready:
            await self._tools.reporter.release(resource, todo)
            return None
        if todo.step is not None or todo.ready:
            # Also when nothing is to be done: what was found in Azure is ours to let go of from now on.
            resource = await self._tools.reporter.ensure_finalizer(resource)

        async def act(step: Step) -> str | None:
            return await self._act(step, memory, now)

        todo = await memory.attempts.take(
            todo,
            act,
            self._tools.azure.operations,
            generation=resource.generation,
            now=now,
            jitter=self._tools.jitter(),
        )
        if todo.step is not None and not memory.attempts.failed and todo.verdict.look_again is None:
            await self._tools.reporter.corrected(resource, todo.verdict)
            return now
        said = status(resource, want, seen, todo, now)
        if memory.attempts.failed or not covers(resource, todo):
            await self._tools.reporter.status(resource, said)
        self._tools.deadlines.set(key, deadline(said, seen))
        return self._look_again(seen, todo, said, memory, now)

    def _look_again(
        self, seen: Observed, todo: Plan[Step], said: ProtectedDiskStatus, memory: Memory, now: datetime
    ) -> datetime | None:
        """Return the next moment at which time alone changes something; all else is told by the sweep."""
        if not todo.ready:
            return todo.verdict.look_again
        observe_every = self._tools.settings.observe_every
        moments = [seen.turn, todo.verdict.look_again]
        if said.next_backup_time is not None:
            # The time of the next backup is in status. Its job is seen by then, as a rule: one write for both.
            moments.append(said.next_backup_time + observe_every)
        if isinstance(seen.instance, AzureInstance):
            moments.append(next_expiry(said.restore_points, seen.instance.state, now))
        if memory.failed_job is not None or memory.doubted is not None or not isinstance(seen.jobs, JobHistory):
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
    except Postponed:
        # Surely not sent.
        memory.changing = before
        raise
