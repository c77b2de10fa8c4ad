"""OnDemandBackup: what it brings to the pass. Exactly one backup an object, whatever crashes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypeAlias, assert_never

from azdiskbackup.api.v1alpha1.on_demand_backup import OnDemandBackupStatus
from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.core.jobs.ending import FINISHED_RULES, DeleteObject
from azdiskbackup.core.jobs.recorded import Recorded, is_over, read_recorded
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.objects.policy_view import PolicyView, policy_view
from azdiskbackup.core.objects.recorded import INSTANCE, POLICY, recorded_id
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.on_demand_backup.desired import Desired, read_desired
from azdiskbackup.core.on_demand_backup.observed import DiskView, Fact, Observed
from azdiskbackup.core.on_demand_backup.rules import DAY, PROVISIONING_RULES
from azdiskbackup.core.on_demand_backup.status import build_status
from azdiskbackup.core.on_demand_backup.steps import RecordIntent, Step, Submit
from azdiskbackup.core.protected_disk.ownership import names
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed, NotFound
from azdiskbackup.core.rules.verdicts import Plan, Rules
from azdiskbackup.engine.cache import Key
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.job_follower import JobState
from azdiskbackup.reconcilers.on_demand_backup.job_follower import BackupFollower, shown
from azdiskbackup.reconcilers.watch.indices import BACKUP_QUEUE, BACKUPS_STARTED, VAULTS_BY_ID, disk_of_backup

Pass: TypeAlias = reconciler.Pass[Desired, JobState]


class OnDemandBackupKind(reconciler.KindController[Desired, Observed, Step, JobState]):
    """Takes backups."""

    status_model = OnDemandBackupStatus
    state_model = JobState
    has_finalizer = False
    unpaced_steps = (RecordIntent, DeleteObject, Submit)
    # A job that runs is followed at its own pace.
    watched_facts = frozenset({Fact.ATTEMPT})

    def __init__(self, context: ReconcileContext) -> None:
        self._context = context
        self._follower = BackupFollower(context)
        self.fetchers = {
            Fact.ATTEMPT: self._attempt,
            Fact.INSTANCE_OWNER: self._instance_owner,
            Fact.BACKUPS_TAKEN: self._backups_taken,
        }

    # --- gather and decide ------------------------------------------------------------------------

    def read_desired(self, resource: Resource) -> Desired | Invalid:
        """Read the spec."""
        return read_desired(resource)

    def rules(self, pass_: Pass) -> Rules:
        """Return the rules for a backup, or for an object with which nothing happens any more."""
        return FINISHED_RULES if _is_finished(pass_) else PROVISIONING_RULES

    def from_cache(self, pass_: Pass) -> Observed:
        """Return what the cache tells."""
        cache, desired = self._context.cache, pass_.desired
        ahead = cache.ahead(BACKUP_QUEUE, pass_.resource.raw)
        raw = cache.get(Key("ProtectedDisk", desired.namespace, desired.disk))
        policy: PolicyView | Invalid | NotFound = NOT_FOUND
        if raw is not None:
            raw_policy = cache.get(Key("DiskBackupPolicy", "", raw["spec"]["policyRef"]["name"]))
            policy = policy_view(Resource(raw_policy)) if raw_policy is not None else NOT_FOUND
        return Observed(
            disk=_disk_view(Resource(raw)) if raw is not None else NOT_FOUND,
            policy=policy,
            ahead=ahead.name if ahead is not None else None,
            recorded=self._recorded(pass_.resource),
        )

    def _recorded(self, resource: Resource) -> Recorded:
        """Return what status says; an instance in a vault that no BackupVault has was written by somebody else."""
        recorded = read_recorded(resource)
        vault = str(recorded.instance.parent).lower() if recorded.instance is not None else ""
        return recorded if self._context.cache.knows(VAULTS_BY_ID, vault) else replace(recorded, instance=None)

    async def _attempt(self, pass_: Pass, observed: Observed) -> Observed:
        usual = observed.disk.instance if isinstance(observed.disk, DiskView) else None
        attempt = await self._follower.look(pass_.desired, observed.recorded, usual, pass_.state)
        return replace(observed, attempt=attempt)

    async def _instance_owner(self, pass_: Pass, observed: Observed) -> Observed:
        """See whether a disk's instance is its own: known since its last pass, or, after a restart, asked for."""
        disk, cache, desired = observed.disk, self._context.cache, pass_.desired
        assert isinstance(disk, DiskView) and disk.instance is not None, "the rules before guarantee it"
        raw = cache.get(Key("ProtectedDisk", desired.namespace, desired.disk))
        if raw is not None and self._context.owned.has(Resource(raw).uid, disk.instance):
            return replace(observed, instance_owned=True)
        found = await capture_error(self._context.azure.instances.get(disk.instance))
        if isinstance(found, FetchFailed):
            return replace(observed, instance_owned=found)
        namespace = cache.get(Key("Namespace", "", desired.namespace)) or {"metadata": {}}
        owner = (self._context.cluster, desired.namespace, desired.disk)
        is_owned = isinstance(found, AzureInstance) and names(found, owner, namespace["metadata"].get("uid"))
        return replace(observed, instance_owned=is_owned)

    async def _backups_taken(self, pass_: Pass, observed: Observed) -> Observed:
        return replace(observed, taken_today=await capture_error(self._taken_today(pass_, observed)))

    async def _taken_today(self, pass_: Pass, observed: Observed) -> tuple[datetime, ...]:
        """Return the starts of the disk's on-demand backups of the last 24 hours, ours and others'."""
        starts: dict[str, datetime] = {}
        disk = observed.disk
        if isinstance(disk, DiskView) and disk.instance is not None:
            since = pass_.now - self._context.settings.snapshot_max_age
            snapshot = await shown(self._context, disk.instance.parent, since)
            starts |= snapshot.of(disk.instance).jobs.on_demand
        begin = pass_.now - DAY
        for raw in self._context.cache.read_back(BACKUPS_STARTED, disk_of_backup(pass_.resource.raw)):
            recorded = read_recorded(Resource(raw))
            assert recorded.job is not None and recorded.intent is not None, "it would not be found"
            if recorded.intent <= begin:
                break
            starts[recorded.job] = recorded.intent
        return tuple(sorted(start for start in starts.values() if start > begin))

    # --- act --------------------------------------------------------------------------------------

    async def act(self, pass_: Pass, step: Step) -> str | None:
        """Take a step: one write."""
        match step:
            case RecordIntent():
                # Written with the status of this pass.
                pass
            case DeleteObject():
                await self._context.status_writer.delete(pass_.resource)
            case Submit():
                await pass_.state.send(
                    self._context.azure.backups.submit(
                        step.instance, step.rule_name, step.retention_rule, step.request_id
                    ),
                    pass_.now,
                    self._context.jitter(),
                )
            case _:
                assert_never(step)
        return None

    # --- report -----------------------------------------------------------------------------------

    def build_status(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> OnDemandBackupStatus:
        """Return the status after the pass."""
        return build_status(pass_.resource, observed.attempt, plan, pass_.now)

    def is_status_due(self, pass_: Pass, plan: Plan[Step]) -> bool:
        """Return whether the status has to be written: it is final at the end, and a failure is for the next pass."""
        return not _is_finished(pass_) and not _failed_just_now(pass_, plan)

    def finish(
        self, pass_: Pass, observed: Observed, plan: Plan[Step], status: OnDemandBackupStatus
    ) -> datetime | None:
        """Return when to look at the job again."""
        if isinstance(plan.step, RecordIntent):
            # Only now, since status has it: the request may be sent.
            pass_.state.intend(plan.step.instance)
        return pass_.now if _failed_just_now(pass_, plan) else plan.verdict.requeue_at


def _is_finished(pass_: Pass) -> bool:
    return is_over(pass_.resource) or pass_.desired.deleting


def _failed_just_now(pass_: Pass, plan: Plan[Step]) -> bool:
    """Return whether the request of this pass failed: the next pass tells it, in the words of every later one."""
    return isinstance(plan.step, Submit) and pass_.state.not_before is not None


def _disk_view(resource: Resource) -> DiskView:
    condition = resource.condition(reasons.PROTECTED)
    # What was reported of an older spec may be about another policy, to which the disk moves right now.
    is_current = condition.get("observedGeneration") == resource.generation
    is_protected = condition.get("status") == "True" and is_current and not resource.deleting
    is_active = resource.spec.get("protection", "Active") == "Active"
    return DiskView(
        protected=is_protected and is_active,
        not_ready_reason=str(resource.condition(reasons.READY).get("reason", reasons.NOT_YET_KNOWN)),
        instance=recorded_id(resource, INSTANCE, "backupInstanceID"),
        policy_id=str(recorded_id(resource, POLICY, "policyID") or ""),
    )
