"""DiskBackupPolicy: gather, decide, act, report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicyStatus
from azdiskbackup.core import reasons
from azdiskbackup.core.arm_ids import ArmId, same_id
from azdiskbackup.core.disk_backup_policy.desired import Desired, Limits, desired
from azdiskbackup.core.disk_backup_policy.observed import Observed, Present, Uses
from azdiskbackup.core.disk_backup_policy.plan import plan
from azdiskbackup.core.disk_backup_policy.rules import predecessor
from azdiskbackup.core.disk_backup_policy.status import status
from azdiskbackup.core.disk_backup_policy.steps import CreatePolicy, DeletePolicy, Step
from azdiskbackup.core.presence import ABSENT, Absent, Unreadable
from azdiskbackup.core.resource import Invalid, Resource
from azdiskbackup.core.schedule import next_backup
from azdiskbackup.core.vault_view import VaultView, vault_view
from azdiskbackup.core.verdicts import Plan
from azdiskbackup.engine.cache import Key
from azdiskbackup.reconcilers.indices import DISKS_BY_POLICY
from azdiskbackup.reconcilers.steps import Attempts
from azdiskbackup.reconcilers.tools import Memories, Tools, read

USES_STAY = timedelta(hours=1)


@dataclass(slots=True)
class Memory:
    """What a pass leaves for the next one; losing it costs calls, nothing else.

    Attributes:
        uses: what refers to the policy ``uses_of``, good until ``uses_until``: what holds it does so for long.
        present: ARM id of the policy that Azure surely had, good until ``present_until``.
    """

    attempts: Attempts = field(default_factory=Attempts)
    uses: Uses | None = None
    uses_of: ArmId | None = None
    uses_until: datetime | None = None
    present: str | None = None
    present_until: datetime | None = None


class DiskBackupPolicyReconciler:
    """Makes policies as their objects want them."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.memories = Memories(Memory)
        self._limits = Limits(tools.settings.restore_point_limit, tools.settings.snapshot_limit)

    async def reconcile(self, key: Key) -> datetime | None:
        """Make one pass; return when to look again."""
        raw = self._tools.cache.get(key)
        if raw is None:
            self.memories.forget(key)
            return None
        resource = Resource(raw)
        now = self._tools.clock.now()
        want = desired(resource, self._limits)
        if isinstance(want, Invalid):
            await self._tools.reporter.invalid(resource, want, DiskBackupPolicyStatus)
            return None
        memory = self.memories.of(key, resource.uid)
        seen = await self._gather(want, memory, now)
        todo = plan(want, seen, now)
        if want.deleting and todo.ready:
            await self._tools.reporter.release(resource)
            return None
        if todo.step is not None or todo.ready:
            # Also when nothing is to be done: what was found in Azure is ours to let go of from now on.
            resource = await self._tools.reporter.ensure_finalizer(resource)
        todo = await memory.attempts.take(
            todo,
            self._act,
            self._tools.azure.operations,
            generation=resource.generation,
            now=now,
            jitter=self._tools.jitter(),
        )
        if todo.step is not None and not memory.attempts.failed and todo.verdict.look_again is None:
            await self._tools.reporter.corrected(resource, todo.verdict)
            if isinstance(todo.step, DeletePolicy) and not want.deleting:
                # What is gone is no longer in status, or it would be looked for again.
                seen = replace(seen, gone=todo.step.id)
                await self._tools.reporter.status(resource, status(resource, want, seen, todo, now))
            return now
        await self._tools.reporter.status(resource, status(resource, want, seen, todo, now))
        return self._look_again(want, todo, memory, now)

    def _look_again(self, want: Desired, todo: Plan[Step], memory: Memory, now: datetime) -> datetime | None:
        if not todo.ready:
            return todo.verdict.look_again
        # The time of the next backup is in status, so it is due for a new one then.
        due = next_backup(want.spec.schedule, now)
        return min(due, memory.present_until or due, todo.verdict.look_again or due)

    async def _gather(self, want: Desired, memory: Memory, now: datetime) -> Observed:
        """Ask Azure only once all that can be known without it is as it must be."""
        seen = self._from_cache(want)
        undecided = plan(want, seen, now).verdict.reason == reasons.NOT_YET_KNOWN
        policy = self._id(want, seen)
        if not undecided or policy is None:
            return seen
        seen = replace(seen, policy=await self._presence(want, policy, memory, now))
        if plan(want, seen, now).verdict.reason == reasons.NOT_YET_KNOWN:
            going = policy if want.deleting else predecessor(want, seen)
            assert going is not None, "the rule asks about one"
            seen = replace(seen, uses=await self._known_uses(want, going, memory, now))
        return seen

    async def _presence(
        self, want: Desired, policy: ArmId, memory: Memory, now: datetime
    ) -> Present | Absent | Unreadable:
        fresh = memory.present_until is not None and now < memory.present_until
        if fresh and memory.present == str(policy) and not want.deleting:
            return Present()
        exists = await read(self._tools.azure.policies.exists(policy))
        memory.present = memory.present_until = None
        if isinstance(exists, Unreadable):
            return exists
        if exists:
            memory.present = str(policy)
            memory.present_until = now + self._tools.settings.observe_every
        return Present() if exists else ABSENT

    async def _known_uses(self, want: Desired, policy: ArmId, memory: Memory, now: datetime) -> Uses | Unreadable:
        fresh = memory.uses_of == policy and memory.uses_until is not None and now < memory.uses_until
        if memory.uses is not None and fresh and not want.deleting:
            return memory.uses
        found = await self._uses(policy)
        memory.uses, memory.uses_of = (None if isinstance(found, Unreadable) else found), policy
        memory.uses_until = now + USES_STAY
        if isinstance(found, Uses) and found.kept_until is not None:
            memory.uses_until = min(memory.uses_until, found.kept_until)
        return found

    async def _uses(self, policy: ArmId) -> Uses | Unreadable:
        """Look what refers to a policy: not by trying to delete it, since that would be a write for nothing."""
        live = await read(self._tools.azure.instances.list(policy.parent))
        if isinstance(live, Unreadable):
            return live
        kept = await read(self._tools.azure.instances.list_deleted(policy.parent))
        if isinstance(kept, Unreadable):
            return kept
        ends = [each.soft_deleted_until for each in kept if same_id(each.policy_id, policy)]
        return Uses(
            tuple(each.id.name for each in live if same_id(each.policy_id, policy)),
            max((end for end in ends if end is not None), default=None),
        )

    def _id(self, want: Desired, seen: Observed) -> ArmId | None:
        if want.deleting:
            return ArmId.parse(want.known_id) if want.known_id else None
        if isinstance(seen.vault, VaultView) and seen.vault.id is not None:
            return want.id_in(seen.vault.id)
        return None

    def _from_cache(self, want: Desired) -> Observed:
        raw = self._tools.cache.get(Key("BackupVault", "", want.spec.vault_ref.name))
        vault = vault_view(Resource(raw)) if raw is not None else None
        cache = self._tools.cache
        disks = sorted(f"{key.namespace}/{key.name}" for key in cache.find(DISKS_BY_POLICY, want.name))
        seen = Observed(vault=vault or ABSENT, disks=tuple(disks))
        if want.deleting or self._id(want, seen) is None or predecessor(want, seen) is None:
            return seen
        mine = (Resource(each) for each in cache.read(DISKS_BY_POLICY, want.name))
        # One that is stopped does not move before it is resumed; what holds the predecessor then is its instance.
        moving = (each for each in mine if each.spec.get("protection") != "Stopped")
        in_use = (str(each.status["policyID"]) for each in moving if each.status.get("policyID"))
        return replace(seen, policies_in_use=tuple(in_use))

    async def _act(self, step: Step) -> str | None:
        match step:
            case CreatePolicy(id=policy, content=content):
                await self._tools.azure.policies.create(policy, content)
            case DeletePolicy(id=policy):
                await self._tools.azure.policies.delete(policy)
            case _:
                assert_never(step)
        return None
