"""OnDemandBackup: gather, decide, act, report. Exactly one backup an object, whatever crashes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from azdiskbackup.api.v1alpha1.on_demand_backup import OnDemandBackupStatus
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.policy_view import PolicyView, policy_view
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.on_demand_backup.attempt import (
    Recorded,
    Refused,
)
from azdiskbackup.core.on_demand_backup.desired import Desired, is_over, read_desired
from azdiskbackup.core.on_demand_backup.observed import DiskView, Observed
from azdiskbackup.core.on_demand_backup.plan import make_plan
from azdiskbackup.core.on_demand_backup.rules import A_DAY, JOB_POLL, time_to_live
from azdiskbackup.core.on_demand_backup.status import build_status
from azdiskbackup.core.on_demand_backup.steps import DeleteObject, RecordIntent, Step, Submit
from azdiskbackup.core.protected_disk.ownership import names
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND, FetchFailed, NotFound
from azdiskbackup.engine.cache import Key
from azdiskbackup.errors import OperatorError, RateLimited, Terminal, Unavailable
from azdiskbackup.reconcilers.common.context import ReconcileContext, StateStore, capture_error
from azdiskbackup.reconcilers.on_demand_backup.job_follower import Follower, Memory, NothingNew, shown
from azdiskbackup.reconcilers.watch.indices import BACKUPS_BY_DISK, place


class OnDemandBackupReconciler:
    """Takes backups."""

    def __init__(self, tools: ReconcileContext) -> None:
        self._tools = tools
        self._follower = Follower(tools)
        self.states = StateStore(Memory)

    async def reconcile(self, key: Key) -> datetime | None:
        """Make one pass; return when to look again."""
        raw = self._tools.cache.get(key)
        if raw is None:
            self.states.forget(key)
            return None
        resource = Resource(raw)
        now = self._tools.clock.now()
        desired = read_desired(resource)
        if isinstance(desired, Invalid):
            await self._tools.reporter.invalid(resource, desired, OnDemandBackupStatus)
            return None
        if desired.over is not None or resource.deleting:
            return await self._rest(resource, desired, now)
        memory = self.states.of(key, resource.uid)
        try:
            observed = await self._gather(desired, memory, now)
        except NothingNew:
            return now + JOB_POLL
        plan = make_plan(desired, observed, now)
        if isinstance(plan.step, RecordIntent):
            # In status before the request may go out: whoever comes after a crash has to look for the job.
            await self._tools.reporter.status(resource, build_status(resource, Recorded(now), plan, now))
            memory.recorded, memory.sent, memory.operation = now, None, None
            return now

        async def act(step: Step) -> str | None:
            await self._act(step, memory, now)
            return None

        plan = await memory.attempts.take(
            plan,
            act,
            self._tools.azure.operations,
            generation=resource.generation,
            now=now,
            jitter=self._tools.jitter(),
        )
        if memory.refused is not None and not isinstance(observed.attempt, Refused):
            return now
        await self._tools.reporter.status(resource, build_status(resource, observed.attempt, plan, now))
        return plan.verdict.requeue_at

    async def _rest(self, resource: Resource, desired: Desired, now: datetime) -> datetime | None:
        """Delete a finished object whose time is over; nothing else ever happens to it."""
        verdict = time_to_live(desired, now)
        if verdict is not None and isinstance(verdict.step, DeleteObject):
            await self._tools.reporter.delete(resource)
            return None
        return verdict.requeue_at if verdict is not None else None

    # --- gather -----------------------------------------------------------------------------------

    async def _gather(self, desired: Desired, memory: Memory, now: datetime) -> Observed:
        cache = self._tools.cache
        raw_disk = cache.get(Key("ProtectedDisk", desired.namespace, desired.disk))
        disk = _disk_view(Resource(raw_disk)) if raw_disk is not None else NOT_FOUND
        policy: PolicyView | NotFound = NOT_FOUND
        if raw_disk is not None:
            name = raw_disk["spec"]["policyRef"]["name"]
            raw_policy = cache.get(Key("DiskBackupPolicy", "", name))
            policy = (policy_view(Resource(raw_policy)) if raw_policy is not None else None) or NOT_FOUND
        observed = Observed(
            disk=disk,
            policy=policy,
            ahead=self._ahead(desired),
            taken_today=NOT_FETCHED,
            attempt=await self._follower.look(desired, disk, memory),
        )
        if raw_disk is not None and make_plan(desired, observed, now).verdict.reason == reasons.NOT_YET_KNOWN:
            observed = replace(observed, instance_owned=await self._instance_owned(Resource(raw_disk), disk))
        if make_plan(desired, observed, now).verdict.reason == reasons.NOT_YET_KNOWN:
            observed = replace(observed, taken_today=await capture_error(self._taken_today(desired, disk, now)))
        return observed

    async def _instance_owned(self, resource: Resource, disk: DiskView | NotFound) -> bool | FetchFailed:
        """Return whether a disk's instance is its own: known since its last pass, or, after a restart, asked for."""
        assert isinstance(disk, DiskView) and disk.instance is not None, "without one nothing can be asked for"
        if self._tools.owned.has(resource.uid, disk.instance):
            return True
        found = await capture_error(self._tools.azure.instances.get(disk.instance))
        if isinstance(found, FetchFailed):
            return found
        namespace = self._tools.cache.get(Key("Namespace", "", resource.namespace)) or {"metadata": {}}
        owner = (self._tools.cluster, resource.namespace, resource.name)
        return isinstance(found, AzureInstance) and names(found, owner, namespace["metadata"].get("uid"))

    def _ahead(self, desired: Desired) -> tuple[str, ...]:
        """Return unfinished backups of the same disk that were created before, or have begun.

        The server's times of creation are whole seconds; within one the names decide.
        """
        mine: tuple[str, str] | None = None
        others: list[tuple[tuple[str, str], str, bool]] = []
        for resource in self._of_disk(desired):
            if is_over(resource) or resource.deleting or resource.is_true(reasons.STALLED):
                # One that waits for a person holds up nobody.
                continue
            order = (str(resource.meta["creationTimestamp"]), resource.name)
            if resource.uid == desired.uid:
                mine = order
            else:
                others.append((order, resource.name, bool(resource.status.get("startTime"))))
        return tuple(name for order, name, begun in sorted(others) if begun or mine is None or order < mine)

    def _of_disk(self, desired: Desired) -> list[Resource]:
        found = self._tools.cache.read(BACKUPS_BY_DISK, place(desired.namespace, desired.disk))
        return [Resource(each) for each in found]

    async def _taken_today(self, desired: Desired, disk: DiskView | NotFound, now: datetime) -> tuple[datetime, ...]:
        """Return the starts of the disk's on-demand backups of the last 24 hours, ours and others'."""
        starts: dict[str, datetime] = {}
        if isinstance(disk, DiskView) and disk.instance is not None:
            picture = await shown(self._tools, disk.instance.parent, now - self._tools.settings.snapshot_max_age)
            starts |= picture.of(disk.instance).jobs.on_demand
        for resource in self._of_disk(desired):
            job_id, started = resource.status.get("jobID"), resource.status.get("startTime")
            if job_id and started:
                starts[job_id] = datetime.fromisoformat(started)
        return tuple(sorted(start for start in starts.values() if start > now - A_DAY))

    # --- act --------------------------------------------------------------------------------------

    async def _act(self, step: Step, memory: Memory, now: datetime) -> None:
        match step:
            case Submit(instance=instance, rule_name=rule, retention_rule=retention, request_id=request):
                memory.sent = now
                try:
                    memory.operation = await self._tools.azure.backups.submit(instance, rule, retention, request)
                except RateLimited:
                    memory.sent = None
                    raise
                except Unavailable:
                    # It may have arrived: from now on the jobs tell, not we.
                    raise
                except OperatorError as error:
                    # An answer that refuses proves that no job was made.
                    memory.sent, memory.recorded = None, now
                    if isinstance(error, Terminal):
                        memory.refused = Refused(error, now)
                    raise
            case RecordIntent() | DeleteObject():
                raise AssertionError("done where it is decided")
            case _:
                assert_never(step)


def _disk_view(resource: Resource) -> DiskView:
    known = resource.status.get("backupInstanceID")
    condition = resource.condition(reasons.PROTECTED)
    # What was said of an older spec may be about another policy, to which the disk moves right now.
    current = condition.get("observedGeneration") == resource.generation
    protected = condition.get("status") == "True" and current and not resource.deleting
    active = resource.spec.get("protection", "Active") == "Active"
    not_ready_reason = str(resource.condition(reasons.READY).get("reason", reasons.NOT_YET_KNOWN))
    return DiskView(
        protected=protected and active,
        not_ready_reason=not_ready_reason,
        instance=ArmId.parse(known) if known else None,
        policy_id=str(resource.status.get("policyID", "")),
    )
