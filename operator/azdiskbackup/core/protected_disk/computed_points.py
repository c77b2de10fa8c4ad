"""Restore points between two reads: with those that jobs made, since a read for each would be scarce."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from azdiskbackup.api.v1alpha1.protected_disk import RECENT_RESTORE_POINTS, RestorePointsStatus, RestorePointStatus
from azdiskbackup.core.identity.arm_ids import same_id
from azdiskbackup.core.objects.azure import AzureInstance, AzureJob, JobHistory
from azdiskbackup.core.objects.policy_view import PolicyView
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.restore_points import listed, made_since, none_since, unexpired
from azdiskbackup.core.schedule.retention import expected_restore_points


def known_restore_points(
    before: RestorePointsStatus | None, observed: Observed, now: datetime
) -> RestorePointsStatus | None:
    """Return what is known after a pass: what was listed in it, or else what is left of what was."""
    if isinstance(observed.restore_points, tuple):
        return listed(observed.restore_points, now)
    known = before or none_since(observed.no_points_at)
    if known is None or not isinstance(observed.instance, AzureInstance):
        return before
    left = unexpired(known, observed.instance.state, now)
    policy = _policy_of(observed.instance, observed)
    told = made_since(left, observed.jobs) if isinstance(observed.jobs, JobHistory) else []
    made = [job for job in told if (expiry := _expiry(job, policy)) is None or expiry > now]
    # That there is none yet is no news, and would be a write for every new disk.
    return _with(left, made, policy) if made else (left if before is not None else None)


def _policy_of(instance: AzureInstance, observed: Observed) -> PolicyView | None:
    """Return the policy by which restore points of an instance expire, if that is the one that we know."""
    policy = observed.policy
    if not isinstance(policy, PolicyView) or not policy.in_force:
        return None
    return policy if same_id(instance.policy_id, policy.id or "") else None


def _with(known: RestorePointsStatus, made: Sequence[AzureJob], policy: PolicyView | None) -> RestorePointsStatus:
    """Return restore points with those that jobs made since."""
    new = [
        RestorePointStatus(
            id=str(job.restore_point_id),
            time=job.start,
            expiry_time=_expiry(job, policy),
            retention_rule=job.retention_rule,
            computed=True,
        )
        for job in made
    ]
    newest_first = sorted([*new, *known.recent], key=lambda point: point.time, reverse=True)
    hides = known.count > len(known.recent)
    count = known.count + len(new)
    if hides and policy is not None:
        # When those expire that status does not show is not known: a disk has no more than its policy leads to.
        count = min(count, max(known.count, expected_restore_points(policy.schedule, policy.retention).count))
    return known.model_copy(
        update={
            "count": count,
            "oldest": known.oldest if hides else newest_first[-1].time,
            "newest": newest_first[0].time,
            "recent": newest_first[:RECENT_RESTORE_POINTS],
        }
    )


def _expiry(job: AzureJob, policy: PolicyView | None) -> datetime | None:
    days = policy.kept_days.get(job.retention_rule or "") if policy is not None else None
    return job.start + timedelta(days=days) if days is not None else None
