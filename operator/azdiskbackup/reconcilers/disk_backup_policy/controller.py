"""DiskBackupPolicy: gather, decide, act, report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicyStatus
from azdiskbackup.core.disk_backup_policy.desired import Desired, Limits, read_desired
from azdiskbackup.core.disk_backup_policy.observed import Observed, Present, Uses
from azdiskbackup.core.disk_backup_policy.plan import make_plan
from azdiskbackup.core.disk_backup_policy.rules import predecessor
from azdiskbackup.core.disk_backup_policy.status import build_status
from azdiskbackup.core.disk_backup_policy.steps import CreatePolicy, DeletePolicy, Step
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed, NotFound
from azdiskbackup.core.rules.verdicts import Plan
from azdiskbackup.core.schedule.backup_times import next_backup
from azdiskbackup.engine.cache import Key
from azdiskbackup.reconcilers.common.context import ReconcileContext, StateStore, capture_error
from azdiskbackup.reconcilers.common.step_runner import StepRunner
from azdiskbackup.reconcilers.watch.indices import DISKS_BY_POLICY

USES_STAY = timedelta(hours=1)


@dataclass(slots=True)
class Memory:
    """What a pass leaves for the next one; losing it costs calls, nothing else.

    Attributes:
        uses: what refers to the policy ``uses_of``, good until ``uses_until``: what holds it does so for long.
        present: ARM id of the policy that Azure surely had, good until ``present_until``.
    """

    attempts: StepRunner = field(default_factory=StepRunner)
    uses: Uses | None = None
    uses_of: ArmId | None = None
    uses_until: datetime | None = None
    present: str | None = None
    present_until: datetime | None = None


class DiskBackupPolicyReconciler:
    """Makes policies as their objects want them."""

    def __init__(self, tools: ReconcileContext) -> None:
        self._tools = tools
        self.states = StateStore(Memory)
        self._limits = Limits(tools.settings.restore_point_limit, tools.settings.snapshot_limit)

    async def reconcile(self, key: Key) -> datetime | None:
        """Make one pass; return when to look again."""
        raw = self._tools.cache.get(key)
        if raw is None:
            self.states.forget(key)
            return None
        resource = Resource(raw)
        now = self._tools.clock.now()
        desired = read_desired(resource, self._limits)
        if isinstance(desired, Invalid):
            await self._tools.reporter.invalid(resource, desired, DiskBackupPolicyStatus)
            return None
        memory = self.states.of(key, resource.uid)
        observed = await self._gather(desired, memory, now)
        plan = make_plan(desired, observed, now)
        if desired.deleting and plan.ready:
            await self._tools.reporter.release(resource)
            return None
        if plan.step is not None or plan.ready:
            # Also when nothing is to be done: what was found in Azure is ours to let go of from now on.
            resource = await self._tools.reporter.ensure_finalizer(resource)
        plan = await memory.attempts.take(
            plan,
            self._act,
            self._tools.azure.operations,
            generation=resource.generation,
            now=now,
            jitter=self._tools.jitter(),
        )
        if plan.step is not None and not memory.attempts.failed and plan.verdict.requeue_at is None:
            await self._tools.reporter.corrected(resource, plan.verdict)
            if isinstance(plan.step, DeletePolicy) and not desired.deleting:
                # What is gone is no longer in status, or it would be looked for again.
                observed = replace(observed, gone=plan.step.id)
                await self._tools.reporter.status(resource, build_status(resource, desired, observed, plan, now))
            return now
        await self._tools.reporter.status(resource, build_status(resource, desired, observed, plan, now))
        return self._look_again(desired, plan, memory, now)

    def _look_again(self, desired: Desired, plan: Plan[Step], memory: Memory, now: datetime) -> datetime | None:
        if not plan.ready:
            return plan.verdict.requeue_at
        # The time of the next backup is in status, so it is due for a new one then.
        due = next_backup(desired.spec.schedule, now)
        return min(due, memory.present_until or due, plan.verdict.requeue_at or due)

    async def _gather(self, desired: Desired, memory: Memory, now: datetime) -> Observed:
        """Ask Azure only once all that can be known without it is as it must be."""
        observed = self._from_cache(desired)
        undecided = make_plan(desired, observed, now).verdict.reason == reasons.NOT_YET_KNOWN
        policy = self._id(desired, observed)
        if not undecided or policy is None:
            return observed
        observed = replace(observed, policy=await self._presence(desired, policy, memory, now))
        if make_plan(desired, observed, now).verdict.reason == reasons.NOT_YET_KNOWN:
            going = policy if desired.deleting else predecessor(desired, observed)
            assert going is not None, "the rule asks about one"
            observed = replace(observed, uses=await self._known_uses(desired, going, memory, now))
        return observed

    async def _presence(
        self, desired: Desired, policy: ArmId, memory: Memory, now: datetime
    ) -> Present | NotFound | FetchFailed:
        fresh = memory.present_until is not None and now < memory.present_until
        if fresh and memory.present == str(policy) and not desired.deleting:
            return Present()
        exists = await capture_error(self._tools.azure.policies.exists(policy))
        memory.present = memory.present_until = None
        if isinstance(exists, FetchFailed):
            return exists
        if exists:
            memory.present = str(policy)
            memory.present_until = now + self._tools.settings.observe_every
        return Present() if exists else NOT_FOUND

    async def _known_uses(self, desired: Desired, policy: ArmId, memory: Memory, now: datetime) -> Uses | FetchFailed:
        fresh = memory.uses_of == policy and memory.uses_until is not None and now < memory.uses_until
        if memory.uses is not None and fresh and not desired.deleting:
            return memory.uses
        found = await self._uses(policy)
        memory.uses, memory.uses_of = (None if isinstance(found, FetchFailed) else found), policy
        memory.uses_until = now + USES_STAY
        if isinstance(found, Uses) and found.kept_until is not None:
            memory.uses_until = min(memory.uses_until, found.kept_until)
        return found

    async def _uses(self, policy: ArmId) -> Uses | FetchFailed:
        """Look what refers to a policy: not by trying to delete it, since that would be a write for nothing."""
        live = await capture_error(self._tools.azure.instances.list(policy.parent))
        if isinstance(live, FetchFailed):
            return live
        kept = await capture_error(self._tools.azure.instances.list_deleted(policy.parent))
        if isinstance(kept, FetchFailed):
            return kept
        ends = [each.soft_deleted_until for each in kept if same_id(each.policy_id, policy)]
        return Uses(
            tuple(each.id.name for each in live if same_id(each.policy_id, policy)),
            max((end for end in ends if end is not None), default=None),
        )

    def _id(self, desired: Desired, observed: Observed) -> ArmId | None:
        if desired.deleting:
            return ArmId.parse(desired.known_id) if desired.known_id else None
        if isinstance(observed.vault, VaultView) and observed.vault.id is not None:
            return desired.id_in(observed.vault.id)
        return None

    def _from_cache(self, desired: Desired) -> Observed:
        raw = self._tools.cache.get(Key("BackupVault", "", desired.spec.vault_ref.name))
        vault = vault_view(Resource(raw)) if raw is not None else None
        cache = self._tools.cache
        disks = sorted(f"{key.namespace}/{key.name}" for key in cache.find(DISKS_BY_POLICY, desired.name))
        observed = Observed(vault=vault or NOT_FOUND, disks=tuple(disks))
        if desired.deleting or self._id(desired, observed) is None or predecessor(desired, observed) is None:
            return observed
        mine = (Resource(each) for each in cache.read(DISKS_BY_POLICY, desired.name))
        # One that is stopped does not move before it is resumed; what holds the predecessor then is its instance.
        moving = (each for each in mine if each.spec.get("protection") != "Stopped")
        in_use = (str(each.status["policyID"]) for each in moving if each.status.get("policyID"))
        return replace(observed, policies_in_use=tuple(in_use))

    async def _act(self, step: Step) -> str | None:
        match step:
            case CreatePolicy(id=policy, content=content):
                await self._tools.azure.policies.create(policy, content)
            case DeletePolicy(id=policy):
                await self._tools.azure.policies.delete(policy)
            case _:
                assert_never(step)
        return None
