"""What jobs tell of restore points, and when they have to be read all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.api.v1alpha1.disk_backup_policy import Retention, RetentionRule
from azdiskbackup.api.v1alpha1.protected_disk import (
    RECENT_RESTORE_POINTS,
    RestorePointsStatus,
    RestorePointStatus,
)
from azdiskbackup.core.objects.azure import AzureJob, AzureRestorePoint, job_history
from azdiskbackup.core.protected_disk.computed_points import known_restore_points
from azdiskbackup.core.protected_disk.observed import Observed
from azdiskbackup.core.protected_disk.restore_points import CHECKED_AFTER, is_read_due, none_since
from azdiskbackup.core.rules.lookup import NOT_FOUND
from unit.core.protected_disk.disk_world import INSTANCE, NOW, POLICY, PROTECTED

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEEPS = replace(POLICY, retention=Retention(default=RetentionRule(days=2), daily=RetentionRule(days=30)))


def job(start: datetime, point: str | None = "p1", status: str = "Completed", rule: str | None = "Default") -> AzureJob:
    end = None if status == "InProgress" else start + timedelta(minutes=4)
    name = f"j {start} {point}"
    return AzureJob(
        name, "i", "Backup", status, False, "a", start, end, end and end - start, restore_point_id=point,
        retention_rule=rule,
    )  # fmt: skip


def read(*ages: timedelta, count: int | None = None, **more: Any) -> RestorePointsStatus:
    """Return restore points as they were read an hour ago, the newest first."""
    points = [RestorePointStatus(id=f"old-{number}", time=NOW - age, **more) for number, age in enumerate(ages)]
    return RestorePointsStatus(
        count=len(points) if count is None else count,
        oldest=points[-1].time if points else None,
        newest=points[0].time if points else None,
        recent=points,
        observed_time=NOW - HOUR,
    )


def seen(*jobs: AzureJob, **more: Any) -> Observed:
    return replace(PROTECTED, jobs=job_history(jobs, NOW), **more)


def after(known: RestorePointsStatus, observed: Observed, now: datetime = NOW) -> RestorePointsStatus:
    found = known_restore_points(known, observed, now)
    assert found is not None
    return found


def ids(known: RestorePointsStatus) -> list[str]:
    return [point.id for point in known.recent]


# --- what a job tells ---------------------------------------------------------------------------


def test_a_job_tells_of_the_restore_point_that_it_made() -> None:
    start = NOW - timedelta(minutes=30)
    found = after(read(2 * HOUR), seen(job(start), policy=KEEPS))
    assert (found.count, found.newest, found.oldest) == (2, start, NOW - 2 * HOUR)
    assert found.observed_time == NOW - HOUR, "it was not read"
    newest = found.recent[0]
    assert (newest.id, newest.time, newest.expiry_time, newest.retention_rule, newest.computed) == (
        "p1", start, start + 2 * DAY, "Default", True,
    )  # fmt: skip
    again = after(found, seen(job(start), policy=KEEPS))
    assert again == found, "the same job tells nothing new"


@pytest.mark.parametrize(
    ("rule", "policy", "days"),
    [
        ("Daily", KEEPS, 30),
        ("Weekly", KEEPS, None),
        (None, KEEPS, None),
        ("Default", replace(KEEPS, in_force=False), None),
        ("Default", replace(KEEPS, id="another"), None),
        ("Default", replace(KEEPS, id=None), None),
        ("Default", NOT_FOUND, None),
    ],
)
def test_when_it_expires_the_policy_says_if_it_is_that_of_the_disk(rule: str | None, policy: Any, days: int) -> None:
    start = NOW - timedelta(minutes=30)
    (newest, *_) = after(read(2 * HOUR), seen(job(start, rule=rule), policy=policy)).recent
    assert newest.expiry_time == (start + days * DAY if days else None)


@pytest.mark.parametrize(
    "told",
    [
        job(NOW - 3 * HOUR),
        job(NOW - timedelta(minutes=30), status="Failed"),
        job(NOW - timedelta(minutes=30), status="InProgress"),
        job(NOW - timedelta(minutes=30), point=None),
        job(NOW - timedelta(minutes=30), point="OLD0"),
    ],
    ids=["read since", "failed", "runs", "unnamed", "shown already"],
)
def test_other_jobs_tell_of_none(told: AzureJob) -> None:
    known = read(2 * HOUR)
    assert after(known, seen(told)) == known


def test_nothing_is_computed_before_anything_was_read_nor_without_an_instance() -> None:
    assert known_restore_points(None, seen(job(NOW - HOUR / 2)), NOW) is None
    known = read(2 * HOUR)
    assert after(known, seen(job(NOW - HOUR / 2), instance=NOT_FOUND)) == known
    listed = seen(job(NOW - HOUR / 2), restore_points=(AzureRestorePoint("p1", NOW - HOUR / 2, None, None, None),))
    found = after(known, listed)
    assert ids(found) == ["p1"] and found.observed_time == NOW and found.recent[0].computed is None


def test_what_expires_is_left_out_as_before() -> None:
    known = read(2 * HOUR, 3 * HOUR, expiry_time=NOW)
    found = after(known, seen(job(NOW - HOUR / 2)))
    assert ids(found) == ["p1", "old-0"] and found.count == 2


def test_one_that_has_expired_does_not_come_back_by_its_job() -> None:
    jobs = [job(NOW - 3 * DAY, "p1"), job(NOW - HOUR, "p2")]
    known = read(4 * DAY, expiry_time=NOW - DAY)
    known = known.model_copy(update={"observed_time": NOW - 4 * DAY})
    found = after(known, seen(*jobs, policy=KEEPS))
    assert ids(found) == ["p2", "old-0"] and after(found, seen(*jobs, policy=KEEPS)).count == 1
    assert ids(after(found, seen(*jobs, policy=KEEPS))) == ["p2"]


def test_status_shows_the_newest_and_counts_all() -> None:
    ages = [number * 4 * HOUR for number in range(1, RECENT_RESTORE_POINTS + 1)]
    found = after(read(*ages), seen(job(NOW - HOUR / 2)))
    assert (found.count, len(found.recent)) == (RECENT_RESTORE_POINTS + 1, RECENT_RESTORE_POINTS)
    assert found.oldest == NOW - ages[-1]


@pytest.mark.parametrize(
    ("count", "policy", "expected"),
    [(30, POLICY, 31), (42, POLICY, 42), (50, POLICY, 50), (42, replace(POLICY, in_force=False), 43)],
    ids=["fewer than the policy leads to", "as many", "more", "a policy that is not known"],
)
def test_of_many_the_oldest_expires_with_each_new_one(count: int, policy: Any, expected: int) -> None:
    ages = [number * 4 * HOUR for number in range(1, RECENT_RESTORE_POINTS + 1)]
    known = read(*ages, count=count)
    assert after(known, seen(job(NOW - HOUR / 2), policy=policy)).count == expected


# --- when they are read -------------------------------------------------------------------------


def due(
    known: RestorePointsStatus | None,
    jobs: Sequence[AzureJob] = (),
    newest: datetime | None = None,
    every: timedelta = DAY,
) -> bool:
    return is_read_due(known, job_history(jobs, NOW), newest, NOW, every)


def test_they_are_read_when_the_first_one_is_known_to_exist() -> None:
    assert not due(None) and not due(None, [job(NOW - HOUR / 2, status="InProgress")])
    assert due(None, [job(NOW - HOUR / 2)]) and due(None, newest=NOW)


def test_where_there_was_surely_none_the_jobs_tell_of_all() -> None:
    none = none_since(NOW - HOUR)
    assert none_since(None) is None and not due(none, [job(NOW - HOUR / 2)], newest=NOW - HOUR / 2)
    assert due(none, newest=NOW - HOUR / 2), "nothing tells of this one"
    assert due(none, [job(NOW - HOUR / 2, point=None)])
    assert known_restore_points(None, seen(no_points_at=NOW - HOUR), NOW) is None, "a write for every new disk"
    found = known_restore_points(None, seen(job(NOW - HOUR / 2), no_points_at=NOW - HOUR), NOW)
    assert found is not None and (found.count, ids(found)) == (1, ["p1"]) and found.recent[0].computed


def test_they_are_not_read_while_jobs_tell() -> None:
    known = read(2 * HOUR)
    assert not due(known) and not due(known, [job(NOW - HOUR / 2)])
    assert due(known, [job(NOW - HOUR / 2, point=None)]), "it names none"
    assert not due(known, [job(NOW - 3 * HOUR, point=None)]), "it was read since"


def test_so_many_that_were_computed_are_checked() -> None:
    computed = read(*[number * HOUR for number in range(2, CHECKED_AFTER + 1)], computed=True)
    assert not due(computed)
    assert due(computed, [job(NOW - HOUR / 2)])


def test_what_was_computed_is_checked_after_as_many_backups_although_points_expire() -> None:
    known = read(2 * HOUR)
    made = [job(NOW - HOUR / 2)]
    assert not due(known, made, every=HOUR / CHECKED_AFTER + timedelta(seconds=1))
    assert due(known, made, every=HOUR / CHECKED_AFTER)
    assert not due(known, every=HOUR / CHECKED_AFTER), "there is nothing to check"


def test_one_that_no_job_tells_of_has_them_read() -> None:
    known = read(2 * HOUR)
    assert not due(known, newest=NOW - 2 * HOUR + timedelta(milliseconds=4)), "Resource Graph rounds"
    assert due(known, newest=NOW) and due(read(), newest=NOW)
    start = NOW - HOUR / 2
    for told in (job(start), job(start, status="InProgress"), job(start, point="old-0")):
        assert not due(known, [told], newest=start + timedelta(minutes=1)), "its job tells, or will"
    assert due(known, [job(start, status="Failed")], newest=start + timedelta(minutes=1))
    assert due(known, [job(start)], newest=start + HOUR), "of another one"


def test_the_instance_is_that_of_these_tests() -> None:
    assert POLICY.id == INSTANCE.policy_id
