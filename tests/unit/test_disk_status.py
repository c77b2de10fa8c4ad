"""Whether backups are healthy, and the status of a disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from azdiskbackup.core import reasons
from azdiskbackup.core.azure_model import AzureFailure, AzureJob, AzureRestorePoint
from azdiskbackup.core.protected_disk.health import backup_health, overdue_after
from azdiskbackup.core.protected_disk.plan import plan
from azdiskbackup.core.protected_disk.status import newest_restore_point_expected, status
from azdiskbackup.core.resource import Resource
from unit.disk_world import (
    NOW,
    POLICY_ID,
    PROTECTED,
    SCHEDULE,
    in_state,
    resource,
    want,
)

# --- health and status --------------------------------------------------------------------------


def job(start: datetime, state: str = "Completed", minutes: int = 4, **more: Any) -> AzureJob:
    end = None if state == "InProgress" else start + timedelta(minutes=minutes)
    return AzureJob("j", "i", "Backup", state, False, "a", start, end, end and end - start, **more)


def health(jobs: list[AzureJob], now: datetime, last: datetime | None) -> tuple[str, str]:
    found = backup_health(SCHEDULE, jobs, NOW, last, now)
    return found.status, found.reason


def test_backup_health() -> None:
    due = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    limit = due + timedelta(hours=2, minutes=30)
    assert health([], NOW, None) == ("Unknown", reasons.NO_BACKUP_YET)
    assert health([], limit, None) == ("Unknown", reasons.NO_BACKUP_YET), "no sooner"
    assert health([], limit + timedelta(seconds=1), None) == ("False", reasons.BACKUP_OVERDUE)
    good = job(due)
    assert health([good], due + timedelta(hours=1), due) == ("True", reasons.BACKUP_SUCCEEDED)
    failed = job(due + timedelta(hours=4), "Failed", failure=AzureFailure("C", "m"))
    assert health([failed, good], due + timedelta(hours=5), due) == ("False", reasons.BACKUP_FAILED)
    blip = backup_health(SCHEDULE, [], NOW + timedelta(days=4, hours=23), due, NOW + timedelta(days=5))
    assert blip.reason == reasons.BACKUP_OVERDUE, "a condition that flapped does not hide that the last one is old"
    running = job(due + timedelta(hours=4), "InProgress")
    assert health([running, good], due + timedelta(hours=4, minutes=1), due) == ("True", reasons.BACKUP_SUCCEEDED)
    assert overdue_after(SCHEDULE, NOW, None) == limit
    assert overdue_after(SCHEDULE, NOW, due) == limit + timedelta(hours=4)


def test_status_shows_jobs_and_restore_points_and_keeps_what_was_not_looked_at() -> None:
    good, failed = (
        job(NOW - timedelta(hours=1)),
        job(NOW - timedelta(hours=5), "Failed", failure=AzureFailure("C", "m")),
    )
    old = job(NOW - timedelta(days=8))
    points = tuple(
        AzureRestorePoint(f"p{n}", NOW - timedelta(hours=n), NOW + timedelta(days=7), "Default", "Incremental")
        for n in range(25)
    )
    seen = replace(PROTECTED, jobs=(good, failed, old), restore_points=points)
    found = status(resource(), want(), seen, plan(want(), seen, NOW), NOW)
    assert found.policy_id == POLICY_ID
    assert found.jobs is not None and (found.jobs.completed, found.jobs.failed, found.jobs.in_progress) == (1, 1, 0)
    assert found.last_backup is not None and found.last_backup.duration_seconds == 240
    assert found.last_successful_backup_time == good.start
    assert found.restore_points is not None and found.restore_points.count == 25
    assert len(found.restore_points.recent) == 20 and found.restore_points.recent[0].id == "p0"
    assert found.next_backup_time == datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    assert found.disk is not None and found.disk.persistent_volume == "pv"
    later = Resource({**resource().raw, "status": found.to_wire()})
    kept = status(later, want(), PROTECTED, plan(want(), PROTECTED, NOW), NOW)
    assert kept.restore_points == found.restore_points and kept.jobs == found.jobs


def test_restore_points_are_read_only_when_a_new_one_is_known_to_exist() -> None:
    seen = replace(PROTECTED, restore_points=())
    before = status(resource(), want(), seen, plan(want(), seen, NOW), NOW)
    assert not newest_restore_point_expected(before, [])
    assert not newest_restore_point_expected(before, [job(NOW - timedelta(hours=1))])
    assert newest_restore_point_expected(before, [job(NOW + timedelta(hours=1))])
    assert not newest_restore_point_expected(before, [job(NOW + timedelta(hours=1), "Failed")])
    assert newest_restore_point_expected(before.model_copy(update={"restore_points": None}), [job(NOW)])


def test_health_is_not_judged_by_a_policy_that_the_disk_does_not_have_yet() -> None:
    seen = in_state("ProtectionConfigured", policy_id="before")
    known = replace(want(), known_policy="before")
    found = status(resource(), known, seen, plan(known, seen, NOW), NOW)
    health_ = next(each for each in found.conditions if each.type == "BackupHealthy")
    assert health_.status == "Unknown" and "has yet to move" in health_.message
