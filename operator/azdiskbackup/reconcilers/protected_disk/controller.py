"""ProtectedDisk: what it brings to the pass."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, InstanceRequest, JobHistory
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.protected_disk.deletion import DELETION_RULES
from azdiskbackup.core.protected_disk.desired import Desired, read_desired
from azdiskbackup.core.protected_disk.observed import Observed, read_recorded
from azdiskbackup.core.protected_disk.rate_limited import status_while_rate_limited, stays_true
from azdiskbackup.core.protected_disk.restore_points import next_expiry
from azdiskbackup.core.protected_disk.rules import PROVISIONING_RULES
from azdiskbackup.core.protected_disk.status import build_status, deadline
from azdiskbackup.core.protected_disk.steps import (
    AssignRole,
    Change,
    DeleteInstance,
    FollowPVC,
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
from azdiskbackup.core.protected_disk.validation import (
    RECHECK_ROLE_AFTER_TRIES,
    GroupValidations,
    NeverRun,
    Passed,
    Running,
    ValidationRefused,
    is_shared,
)
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NotFetched, NotFound
from azdiskbackup.core.rules.verdicts import Plan, Rules
from azdiskbackup.errors import OperatorError, PermissionsMissing, RateLimited
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.protected_disk.history import History
from azdiskbackup.reconcilers.protected_disk.inventory_reader import Configurations
from azdiskbackup.reconcilers.protected_disk.observe import Fetchers, from_cache
from azdiskbackup.reconcilers.protected_disk.state import DiskState, Edits, KnownInstance, Pass


class ProtectedDiskKind(reconciler.KindController[Desired, Observed, Step, DiskState]):
    """Leads disks to protection, and out of it."""

    status_model = ProtectedDiskStatus
    left_in_azure = (
        "backupInstanceID",
        "Its backup instance stays as it is, with its restore points, their cost and its role assignment",
    )
    harmless_leftovers = (RevokeRole,)
    state_model = DiskState
    unpaced_steps = (FollowPVC,)

    def __init__(self, context: ReconcileContext) -> None:
        self._context = context
        self._grants = context.grants
        self._validations = GroupValidations()
        edits = Edits()
        self._history = History(context, self._validations, edits)
        self._configurations = Configurations(context.sweep)
        self.fetchers = Fetchers(context, self._validations, self._configurations, edits).by_fact

    def forget(self, uid: str) -> None:
        """Drop which instance the object owned."""
        self._context.owned.set(uid, None)

    # --- gather and decide ------------------------------------------------------------------------

    def read_desired(self, resource: Resource) -> Desired | Invalid:
        """Read the spec."""
        return read_desired(resource, self._context.cluster)

    def rules(self, pass_: Pass) -> Rules:
        """Return the rules for protecting a disk, or for ending that."""
        return DELETION_RULES if pass_.desired.deleting else PROVISIONING_RULES

    def from_cache(self, pass_: Pass) -> Observed:
        """Return what the cache and earlier passes tell."""
        recorded, state = read_recorded(pass_.resource), pass_.state
        if state.is_new is None:
            state.is_new = not recorded.has_finalizer
        creation = state.steps.operation
        return replace(
            from_cache(self._context.cache, pass_.resource, pass_.desired, recorded),
            conflicting_instance=state.conflict.instance,
            creation_visible_at=creation.look_at if creation is not None and creation.step is PutInstance else None,
            was_owner=state.instance.was_owner,
            role_recheck_needed=state.role_recheck.is_for_job,
        )

    async def complete(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> Observed:
        """Add jobs and restore points, and how many snapshots others took."""
        try:
            observed = await self._history.add(pass_, observed, acts=plan.step is not None)
        except RateLimited:
            if plan.step is None:
                raise
            # What is to be done comes before what is told.
        if isinstance(observed.disk, AzureDisk):
            observed = replace(observed, other_snapshots=self._context.sweep.other_snapshots(observed.disk.id))
        instance = observed.instance
        if isinstance(instance, AzureInstance) and plan.step is None and not instance.is_changing:
            pass_.state.instance.change_expected = False
        return observed

    # --- act --------------------------------------------------------------------------------------

    async def act(self, pass_: Pass, step: Step) -> str | None:
        """Take a step: one write to Azure."""
        known = pass_.state.instance
        match step:
            case AssignRole(grant=grant):
                await self._grants.create(grant)
                self._validations.doubt_grant(grant, pass_.now)
            case RevokeRole(grant=grant):
                self._validations.doubt_grant(grant, pass_.now)
                await self._grants.delete(grant)
            case Validate():
                await self._validate(pass_, step)
            case PutInstance(request=request):
                return await self._put(pass_, request)
            case FollowPVC():
                # Written with the status of this pass.
                pass
            case Sync() | Undelete() | Resume() | Suspend() | Stop() | DeleteInstance():
                if isinstance(step, Sync):
                    self._grants.recheck(step.grant)
                return await _change(self._submit(step), known)
            case _:
                assert_never(step)
        return None

    async def _validate(self, pass_: Pass, step: Validate) -> None:
        known, uid, shared = pass_.state.validation, pass_.resource.uid, is_shared(step.grant)
        before = known.state if isinstance(known.state, ValidationRefused) else None
        last = self._validations.refusal(step.request) if shared and before is None else before
        if last is not None and last.tries >= RECHECK_ROLE_AFTER_TRIES:
            # It takes long: somebody may have revoked the role since.
            self._grants.recheck(step.grant)
        try:
            operation = await self._context.azure.instances.submit_validation(step.request)
        except OperatorError as error:
            if shared and not isinstance(error, RateLimited):
                # Each tells by itself how it was refused.
                self._validations.answered(step.request, uid, NeverRun(), pass_.now, None)
            raise
        known.state = Running(operation, pass_.now, before) if operation is not None else Passed()
        known.request = step.request
        if shared:
            self._validations.answered(step.request, uid, known.state, pass_.now, None)

    async def _put(self, pass_: Pass, request: InstanceRequest) -> str | None:
        submit = self._context.azure.instances.submit_create_or_update(request)
        try:
            operation = await _change(submit, pass_.state.instance)
        except PermissionsMissing:
            self._validations.doubt(request, pass_.now)
            raise
        if isinstance(pass_.state.instance.value, NotFound):
            self._configurations.begin(request.id, pass_.now)
            pass_.state.history.is_made_anew = True
        return operation

    async def _submit(self, step: Change) -> str | None:
        instances = self._context.azure.instances
        submit = {
            Sync: instances.submit_sync,
            Undelete: instances.submit_undelete,
            Resume: instances.submit_resume,
            Suspend: instances.submit_suspend,
            Stop: instances.submit_stop,
            DeleteInstance: instances.submit_delete,
        }[type(step)]
        return await submit(step.id)

    # --- report -----------------------------------------------------------------------------------

    def build_status(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> ProtectedDiskStatus:
        """Return the status after the pass."""
        return build_status(pass_.resource, pass_.desired, observed, plan, pass_.now)

    def is_status_due(self, pass_: Pass, plan: Plan[Step]) -> bool:
        """Return whether the status has to be written: not for a step in the midst of a queue."""
        was_just_sent = plan.verdict.reason == reasons.CONFIGURING and self._configurations.first_look_pending(pass_)
        return pass_.state.steps.failed or not stays_true(pass_.resource, plan, was_just_sent=was_just_sent)

    def status_while_rate_limited(
        self, resource: Resource, why: RateLimited, now: datetime
    ) -> ProtectedDiskStatus | None:
        """Return the status of a disk whose turn has not come."""
        return status_while_rate_limited(resource, why, now)

    def finish(self, pass_: Pass, observed: Observed, plan: Plan[Step], status: ProtectedDiskStatus) -> datetime | None:
        """Return the next moment at which time alone changes something; of all else the sweep tells."""
        self._context.deadlines.set(pass_.key, deadline(status, observed, pass_.now))
        if isinstance(plan.step, FollowPVC):
            # Status says so by now; what is known here was about the earlier disk.
            pass_.state.forget_disk()
        if not plan.ready:
            return plan.verdict.requeue_at
        state, now = pass_.state, pass_.now
        observe_every = self._context.settings.observe_every
        moments = [plan.verdict.requeue_at]
        if not isinstance(observed.migrate_at, NotFetched):
            moments.append(observed.migrate_at)
        if status.next_backup_time is not None:
            # The time of the next backup is in status. Its job is visible by then, as a rule: one write for both.
            moments.append(status.next_backup_time + observe_every)
        if isinstance(observed.instance, AzureInstance):
            moments.append(next_expiry(status.restore_points, observed.instance.state, now))
        is_rechecking = state.history.failed_job is not None or state.role_recheck.cause is not None
        if is_rechecking or not isinstance(observed.jobs, JobHistory):
            moments.append(now + observe_every)
        return min((each for each in moments if each is not None and each > now), default=None)


async def _change(request: Awaitable[str | None], known: KnownInstance) -> str | None:
    """Send a change of the instance; an answer that is lost may have changed it all the same."""
    before, known.change_expected = known.change_expected, True
    try:
        return await request
    except RateLimited:
        # Surely not sent.
        known.change_expected = before
        raise
