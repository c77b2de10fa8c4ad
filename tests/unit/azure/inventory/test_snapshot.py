"""What a picture shows of jobs that were seen to end, and how long that is news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from azdiskbackup.azure.inventory.snapshot import InventorySnapshot
from azdiskbackup.core.objects.azure import AzureJob

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def ended(when: datetime) -> AzureJob:
    start = when - timedelta(minutes=4)
    return AzureJob("j", "/i", "Backup", "Completed", True, "a", start, when, when - start)


def test_a_job_that_just_ended_is_shown_before_the_index_shows_it() -> None:
    observed = InventorySnapshot(NOW, {}, {}, ended={"/i": ended(NOW - timedelta(minutes=5))}).of("/I")
    assert observed.jobs.completed == 1 and observed.instance is None


def test_one_that_ended_long_ago_is_not_counted_beside_what_the_index_counts() -> None:
    assert InventorySnapshot(NOW, {}, {}, ended={"/i": ended(NOW - timedelta(hours=41))}).of("/i").jobs.completed == 0
