"""What Azure did for a disk: its jobs and restore points, as far as status does not have them yet."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskStatus
from azdiskbackup.azure.gateways.azure import capture_error
from azdiskbackup.azure.inventory.snapshot import InventoryEntry, InventorySnapshot
from azdiskbackup.azure.transport.request_scope import in_background
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk, AzureInstance, AzureRestorePoint, JobHistory
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.objects.resource import parse_status
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.ownership import may_be_shown
from azdiskbackup.core.protected_disk.restore_points import hides_expired, is_read_due, none_since
from azdiskbackup.core.protected_disk.rules.instance import instance_request
from azdiskbackup.core.protected_disk.status import backup_expected, job_expected
from azdiskbackup.core.protected_disk.validation import GroupValidations, is_shared
from azdiskbackup.core.rules.lookup import FetchFailed
from azdiskbackup.core.schedule.backup_times import backups_per_day
from azdiskbackup.errors import RateLimited
from azdiskbackup.reconcilers.common.context import ReconcileContext
from azdiskbackup.reconcilers.common.reconciler import NothingNew
from azdiskbackup.reconcilers.protected_disk.state import DiskState, Edits, KnownHistory, Pass


def _no_points_at(
    before: ProtectedDiskStatus,
    instance: ArmId,
    shown: InventoryEntry,
    snapshot: InventorySnapshot,
    known: KnownHistory,
) -> datetime | None:
    """Return when an instance surely had no restore point, so that the jobs since tell of all; None if unknown."""
    if before.restore_points is not None:
        return None
    name = str(instance).lower()
    # Neither a list of the vault nor an index without its row tells whether there is one.
    if shown.instance is not None and not snapshot.listed and shown.newest_point is None and not shown.jobs.completed:
        known.none_at, known.is_made_anew = (name, snapshot.at), False
    return known.none_at[1] if known.none_at is not None and known.none_at[0] == name else None


def _is_read_due(pass_: Pass, observed: Observed, before: ProtectedDiskStatus) -> bool:
    """Return whether Azure's list of restore points is needed: what is known of them does not tell of all."""
    jobs = observed.jobs
    assert isinstance(jobs, JobHistory), "they were just read"
    is_other = pass_.state.history.is_made_anew and before.restore_points is not None
    known = before.restore_points or none_since(observed.no_points_at)
    return (
        is_other
        or is_read_due(known, jobs, observed.newest_point, pass_.now, _between_backups(observed))
        or hides_expired(before, pass_.now)
    )


def _between_backups(observed: Observed) -> timedelta:
    policy = observed.policy
    return timedelta(days=1) / (backups_per_day(policy.schedule) if isinstance(policy, PolicyView) else 1)


def _check_missing_job(before: ProtectedDiskStatus, observed: Observed, pass_: Pass, *, acts: bool) -> None:
    """After a run of the schedule without any job have the instance read: a replica that lags may still show it.

    Raises:
        NothingNew: the next pass reads it.
    """
    expected = job_expected(before, observed)
    if acts or expected is None or (observed.jobs_at or pass_.now) <= expected[1]:
        # A step comes before; the instance is read after it.
        return
    if pass_.state.instance.note_missing_job(expected[1], _between_backups(observed), pass_.now):
        raise NothingNew(pass_.now)


def _has_history(pass_: Pass, observed: Observed) -> bool:
    """Return whether a disk has jobs and restore points that its status reports."""
    if observed.recorded.instance_id is None or pass_.state.instance.change_expected or pass_.desired.deleting:
        return False
    return may_be_shown(pass_.desired, observed)


class History:
    """Reads what happened."""

    def __init__(self, context: ReconcileContext, validations: GroupValidations, edits: Edits) -> None:
        self._context = context
        self._edits = edits
        self._grants = context.grants
        self._validations = validations

    async def add(self, pass_: Pass, observed: Observed, *, acts: bool) -> Observed:
        """Add jobs and restore points of a disk that has an instance since an earlier pass.

        Args:
            pass_: over it.
            observed: what is known of it.
            acts: whether the pass takes a step.

        Raises:
            NothingNew: whether the instance is there has to be known first.
        """
        instance, state = observed.instance, pass_.state
        if not isinstance(instance, AzureInstance) or not _has_history(pass_, observed):
            return observed
        sweep, since = self._context.sweep, pass_.now - self._context.settings.snapshot_max_age
        if acts and not sweep.is_at_hand(instance.id.parent, since) and self._edits.is_urgent(pass_):
            # What is to be done comes before what is told.
            return observed
        snapshot = await capture_error(sweep.read(instance.id.parent, since))
        if isinstance(snapshot, FetchFailed):
            return replace(observed, jobs=snapshot)
        shown = snapshot.of(instance.id)
        observed = replace(observed, jobs=shown.jobs, jobs_at=snapshot.at, newest_point=shown.newest_point)
        self._recheck_after_failure(shown.jobs, observed, state)
        self._tell_group(shown.jobs, pass_, observed)
        before = parse_status(ProtectedDiskStatus, pass_.resource, pass_.now)
        observed = replace(observed, no_points_at=_no_points_at(before, instance.id, shown, snapshot, state.history))
        expected = backup_expected(before, observed)
        if expected is not None and expected[1] < snapshot.at:
            due, limit = expected
            _check_missing_job(before, observed, pass_, acts=acts)
            if due != state.history.overdue_checked_for:
                return await self._look_for_overdue(due, limit, instance, observed, state)
        if _is_read_due(pass_, observed, before):
            # Scarce, and nobody waits for it: what is known already is reported meanwhile.
            with contextlib.suppress(RateLimited), in_background():
                points = await self._points(instance)
                if not isinstance(points, FetchFailed):
                    state.history.is_made_anew = False
                return replace(observed, restore_points=points)
        return observed

    def _tell_group(self, jobs: JobHistory, pass_: Pass, observed: Observed) -> None:
        """A backup that succeeded used the roles; one that failed for want of them tells that they are gone."""
        ended = jobs.ended_backup
        if ended is None or ended.end is None or not isinstance(observed.disk, AzureDisk):
            return
        if not is_shared(observed.reader_grant):
            return
        request = instance_request(pass_.desired, observed)
        if ended.succeeded:
            self._validations.backed_up(request, ended.end)
        elif ended.failure is not None and ended.failure.about_rights:
            self._validations.doubt(request, ended.end)

    async def _look_for_overdue(
        self, due: datetime, limit: datetime, instance: AzureInstance, observed: Observed, state: DiskState
    ) -> Observed:
        """See whether a backup that is overdue only does not show its job; until that is known, it is not overdue."""
        try:
            points = await self._points(instance)
        except RateLimited:
            return replace(observed, jobs_at=limit)
        if not isinstance(points, FetchFailed):
            state.history.overdue_checked_for = due
        return replace(observed, restore_points=points)

    async def _points(self, instance: AzureInstance) -> tuple[AzureRestorePoint, ...] | FetchFailed:
        points = await capture_error(self._context.azure.backups.list_restore_points(instance.id))
        return points if isinstance(points, FetchFailed) else tuple(points)

    def _recheck_after_failure(self, jobs: JobHistory, observed: Observed, state: DiskState) -> None:
        """After a failed backup, have the next pass look again at what may be why, once for each failure."""
        ended = jobs.ended_backup
        if state.history.is_new_failure(ended):
            # The disk itself may be why.
            state.disk.expire()
        lacks_role = ended is not None and ended.failure is not None and ended.failure.about_rights
        if ended is None or not lacks_role:
            state.role_recheck.job_is_fine()
        elif isinstance(observed.disk, AzureDisk) and state.role_recheck.is_new(f"job {ended.id}"):
            # The role may be why: it is assigned again if somebody revoked it.
            self._grants.recheck(observed.reader_grant)
