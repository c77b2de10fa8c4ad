"""DiskRestore: what it brings to the pass. At most one disk an object, whatever crashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from azdiskbackup.api.v1alpha1.disk_restore import DiskRestoreStatus
from azdiskbackup.core.disk_restore.desired import Desired, read_desired
from azdiskbackup.core.disk_restore.observed import Fact, Observed
from azdiskbackup.core.disk_restore.rules import NOT_REPEATED_RULES, PROVISIONING_RULES
from azdiskbackup.core.disk_restore.status import build_status
from azdiskbackup.core.disk_restore.steps import (
    AssignRole,
    CreateClaim,
    CreateVolume,
    PinPoint,
    RecordIntent,
    SetReclaimPolicy,
    Step,
    Submit,
    TagDisk,
    Validate,
)
from azdiskbackup.core.jobs.ending import FINISHED_RULES, DeleteObject
from azdiskbackup.core.jobs.recorded import is_over, read_recorded
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.protected_disk.validation import RECHECK_ROLE_AFTER_TRIES, Passed, Running, ValidationRefused
from azdiskbackup.core.rules.verdicts import Plan, Rules
from azdiskbackup.errors import OperatorError
from azdiskbackup.kube.watched import CLAIM, VOLUME, WatchedResource
from azdiskbackup.reconcilers.common import reconciler
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.disk_restore.job_follower import RestoreState
from azdiskbackup.reconcilers.disk_restore.observe import Fetchers, Pass, from_cache


class DiskRestoreKind(reconciler.KindController[Desired, Observed, Step, RestoreState]):
    """Restores disks."""

    status_model = DiskRestoreStatus
    state_model = RestoreState
    has_finalizer = False
    unpaced_steps = (PinPoint, RecordIntent, DeleteObject, Submit, TagDisk)
    # A job that runs is followed at its own pace.
    watched_facts = frozenset({Fact.ATTEMPT})

    def __init__(self, context: ReconcileContext) -> None:
        self._context = context
        self.fetchers = Fetchers(context).by_fact

    # --- gather and decide ------------------------------------------------------------------------

    def read_desired(self, resource: Resource) -> Desired | Invalid:
        """Read the spec."""
        return read_desired(resource, self._context.cluster)

    def rules(self, pass_: Pass) -> Rules:
        """Return the rules for a restore, or for an object with which nothing happens any more."""
        if _is_finished(pass_):
            return FINISHED_RULES
        is_new = pass_.state.instance is None and read_recorded(pass_.resource).intent is None
        return NOT_REPEATED_RULES if is_new and pass_.desired.restored_by else PROVISIONING_RULES

    def from_cache(self, pass_: Pass) -> Observed:
        """Return what the cache tells."""
        return from_cache(self._context, pass_)

    # --- act --------------------------------------------------------------------------------------

    async def act(self, pass_: Pass, step: Step) -> str | None:
        """Take a step: one write."""
        match step:
            case PinPoint() | RecordIntent():
                # Written with the status of this pass.
                pass
            case DeleteObject():
                await self._context.status_writer.delete(pass_.resource)
            case CreateClaim(manifest=manifest):
                await self._create(CLAIM, pass_.resource.namespace, manifest)
            case CreateVolume(manifest=manifest):
                await self._create(VOLUME, "", manifest)
            case SetReclaimPolicy(volume=volume, policy=policy):
                body = {"spec": {"persistentVolumeReclaimPolicy": policy}}
                self._keep(VOLUME, await self._context.kube.merge(f"{VOLUME.path_in('')}/{volume}", body))
            case AssignRole() | Validate() | Submit() | TagDisk():
                await self._ask_azure(pass_, step)
            case _:
                assert_never(step)
        return None

    async def _ask_azure(self, pass_: Pass, step: AssignRole | Validate | Submit | TagDisk) -> None:
        match step:
            case AssignRole(grant=grant):
                await self._context.grants.create(grant)
            case Validate():
                await self._validate(pass_, step)
            case Submit():
                await pass_.state.send(
                    self._context.azure.restores.submit(step.request, step.request_id),
                    pass_.now,
                    self._context.jitter(),
                )
            case TagDisk(disk=disk, tags=tags):
                try:
                    await self._context.azure.resources.set_tags(disk, tags)
                except OperatorError:
                    # The restore is done: that nobody can tell later whose disk it is must not undo that.
                    pass_.state.is_untaggable = True
                else:
                    assert pass_.state.disk is not None, "it was read"
                    pass_.state.disk = replace(pass_.state.disk, tags=tags)
            case _:
                assert_never(step)

    async def _create(self, what: WatchedResource, namespace: str, manifest: Mapping[str, Any]) -> None:
        """Create an object, and know of it at once: that the watch tells of it later must not look like its absence."""
        self._keep(what, await self._context.kube.create(what.path_in(namespace), manifest))

    def _keep(self, what: WatchedResource, answer: Mapping[str, Any]) -> None:
        self._context.cache.put(what.kind, what.trim(answer))

    async def _validate(self, pass_: Pass, step: Validate) -> None:
        state = pass_.state
        before = state.validation if isinstance(state.validation, ValidationRefused) else None
        if before is not None and before.tries >= RECHECK_ROLE_AFTER_TRIES:
            # The next pass assigns it once more.
            self._context.grants.recheck(step.grant)
        operation = await self._context.azure.restores.submit_validation(step.request)
        state.validation = Running(operation, pass_.now, before) if operation is not None else Passed()

    # --- report -----------------------------------------------------------------------------------

    def build_status(self, pass_: Pass, observed: Observed, plan: Plan[Step]) -> DiskRestoreStatus:
        """Return the status after the pass."""
        return build_status(pass_.resource, pass_.desired, observed, plan, pass_.now)

    def is_status_due(self, pass_: Pass, plan: Plan[Step]) -> bool:
        """Return whether the status has to be written: it is final at the end, and a failure is for the next pass."""
        return not _is_finished(pass_) and not _failed_just_now(pass_, plan)

    def finish(self, pass_: Pass, observed: Observed, plan: Plan[Step], status: DiskRestoreStatus) -> datetime | None:
        """Return when to look again."""
        if isinstance(plan.step, RecordIntent):
            # Only now, since status has it: the request may be sent.
            pass_.state.intend(plan.step.instance)
        return pass_.now if _failed_just_now(pass_, plan) else plan.verdict.requeue_at


def _is_finished(pass_: Pass) -> bool:
    return is_over(pass_.resource) or pass_.desired.deleting


def _failed_just_now(pass_: Pass, plan: Plan[Step]) -> bool:
    """Return whether the request of this pass failed: the next pass tells it, in the words of every later one."""
    return isinstance(plan.step, Submit) and pass_.state.not_before is not None
