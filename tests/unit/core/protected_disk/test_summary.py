"""A disk from far away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.protected_disk.summary import NEAR_LIMIT, DiskSummary, needs_attention, summary
from harness import objects
from harness.installation import ROOT
from unit.core.protected_disk.disk_world import NOW, POLICY, resource


def told(status: dict[str, Any], **spec: Any) -> DiskSummary:
    return summary(Resource({**resource(**spec).raw, "status": status}), POLICY)


def at(hours: float) -> str:
    return f"{NOW + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def seconds(hours: float) -> float:
    return (NOW + timedelta(hours=hours)).timestamp()


def job(hours: float, state: str, minutes: int = 4) -> dict[str, Any]:
    return {
        "id": f"j{hours}",
        "operation": "Backup",
        "status": state,
        "type": "Scheduled",
        "startTime": at(hours),
        "endTime": at(hours + minutes / 60),
        "durationSeconds": minutes * 60,
    }


def test_a_new_disk_says_that_nothing_is_known() -> None:
    found = told({})
    assert found == DiskSummary("gold", "demo", "Active", "", False, False, seconds(0), *[None] * 6)
    assert summary(resource(), None).vault == ""


def test_a_protected_disk_says_when_the_next_backup_must_be_there() -> None:
    status = {
        "policyID": str(POLICY.id).upper(),
        "activeSince": at(0),
        "lastSuccessfulBackupTime": at(1),
        "nextBackupTime": at(5),
        "disk": {"id": objects.disk_id("d"), "name": "d", "sizeGiB": 32, "location": "westeurope"},
        "restorePoints": {"count": 12, "newest": at(1), "observedTime": at(2)},
        "jobs": {"completed": 1, "failed": 1, "recent": [job(1, "Completed", 90), job(-3, "Failed")]},
        "conditions": [
            {"type": each, "status": "True", "reason": "Protected", "message": "", "lastTransitionTime": at(0)}
            for each in ("Ready", "Protected")
        ],
    }
    found = told(status)
    # Four hours after 10:00, two for Azure's start window, and as long as a backup took lately.
    assert found.expected_by == seconds(5 + 2 + 1.5)
    assert (found.last_success, found.last_failure) == (seconds(1), seconds(-3 + 4 / 60))
    assert (found.next_backup, found.restore_points, found.size_bytes) == (seconds(5), 12, 32 * 1024**3)
    assert found.protected and found.reason == "Protected"
    assert summary(Resource({**resource().raw, "status": status}), replace(POLICY, in_force=False)).expected_by is None
    # One that has yet to move to the policy as it was edited is not late by a schedule that it does not have.
    assert told({**status, "policyID": f"{POLICY.id}-before"}).expected_by is None
    assert told({key: value for key, value in status.items() if key != "activeSince"}).expected_by is None


def test_the_alert_on_the_limit_begins_where_a_disk_needs_attention() -> None:
    alerts = (ROOT / "charts" / "azdiskbackup" / "files" / "alerts.yaml").read_text()
    assert f"({NEAR_LIMIT} * max(azdiskbackup_disk_restore_points_limit))" in alerts


def test_who_needs_attention() -> None:
    good = DiskSummary("gold", "demo", "Active", "Protected", False, True, 0, 10, None, 90, 99, 400, 1)
    assert not needs_attention(good, 50, 500)
    assert not needs_attention(replace(good, last_failure=5, other_snapshots=50), 50, 500), "a good one came after it"
    assert needs_attention(good, 100, 500), "overdue"
    for wrong in (
        {"protected": False},
        {"stalled": True},
        {"reason": "WaitingForPermissions"},
        {"last_failure": 20},
        {"last_failure": 20, "last_success": None},
        {"restore_points": 451},
        {"other_snapshots": 51},
        {"restore_points": None, "other_snapshots": 451},
    ):
        assert needs_attention(replace(good, **wrong), 50, 500), wrong  # type: ignore[arg-type]
