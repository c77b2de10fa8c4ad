"""What the status of a restore says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from azdiskbackup.core.disk_restore.observed import (
    Observed,
    Recorded,
    read_recorded,
)
from azdiskbackup.core.disk_restore.status import build_status
from azdiskbackup.core.jobs.attempt import (
    Following,
    RequestRefused,
)
from azdiskbackup.core.objects.azure import AzureFailure
from azdiskbackup.core.rules.lookup import NOT_FETCHED, NOT_FOUND
from azdiskbackup.errors import (
    InvalidRequest,
)
from unit.core.disk_restore.disk_restore_world import (
    BOUND,
    DISK,
    DONE,
    INSTANCE,
    INTENT,
    LATER,
    NOW,
    RESTORED,
    RUNS,
    VOLUME,
    desired,
    job,
    make_plan,
    observed,
    resource,
    vault,
)

# --- status -------------------------------------------------------------------------------------------


def status_of(found: Observed, before: dict[str, Any] | None = None, now: datetime = NOW, **spec: Any) -> Any:
    wanted, known = desired(**spec), resource(before, **spec)
    return build_status(known, wanted, found, make_plan(wanted, found, now), now)


def test_what_was_chosen_and_what_will_be_made_is_in_status_before_azure_is_asked() -> None:
    pinned = status_of(observed(recorded=Recorded(), claim=NOT_FOUND))
    assert pinned.vault == "demo" and pinned.backup_instance_id == str(INSTANCE)
    assert (pinned.restore_point.id, pinned.restore_point.size_gib) == ("p", 32)
    intended = status_of(observed())
    assert intended.target_disk_id == str(DISK) and intended.start_time == NOW
    assert intended.persistent_volume_claim == "data-restored"


def test_conditions_stand_in_the_order_of_the_way_and_end_with_a_verdict() -> None:
    running = status_of(observed(attempt=RUNS, recorded=INTENT))
    assert [each.type for each in running.conditions][:5] == [
        "SourceResolved", "AccessGranted", "Validated", "DiskRestored", "VolumeBound",
    ]  # fmt: skip
    told = {each.type: each.status for each in running.conditions}
    assert told["VolumeBound"] == "False" and told["Succeeded"] == told["Ready"] == "Unknown"
    assert running.job_id == "job-1" and running.completion_time is None
    (succeeded,) = (each for each in running.conditions if each.type == "Succeeded")
    assert succeeded.reason == "InProgress" and "has been running" in succeeded.message
    bad = Following(job("Failed", failure=AzureFailure("C", "Words.", "Do.")))
    failed = status_of(observed(attempt=bad, recorded=INTENT, disk=NOT_FETCHED))
    assert failed.disk is None
    told = {each.type: (each.status, each.reason) for each in failed.conditions}
    assert told["Succeeded"] == ("False", "Failed") and told["Ready"] == ("False", "Failed")
    assert failed.completion_time == NOW and failed.error.code == "C" and failed.duration_seconds == 216
    refusal = status_of(observed(attempt=RequestRefused(InvalidRequest("x", "y"), NOW), recorded=INTENT))
    assert refusal.error.code == "x" and refusal.completion_time == NOW


def test_what_was_restored_is_in_status_for_good() -> None:
    found = observed(attempt=DONE, recorded=INTENT, volume=VOLUME, claim=BOUND, is_untaggable=True)
    done = status_of(found)
    assert done.completion_time == NOW and done.disk.zones == ["2"] and done.disk.size_gib == 32
    assert done.persistent_volume == desired().volume and done.error is None
    assert status_of(observed(), done.to_wire(), LATER) == done
    assert read_recorded(resource(done.to_wire())).over is not None


def test_a_disk_that_was_restored_is_named_also_where_its_pvc_is_gone() -> None:
    ended = status_of(observed(attempt=DONE, recorded=INTENT, claim=NOT_FOUND))
    assert ended.completion_time == NOW and ended.disk.id == str(RESTORED.id)


def test_what_can_still_change_is_not_the_end() -> None:
    waiting = status_of(observed(vault=vault(access={"restoreNamespaces": None})))
    assert waiting.completion_time is None
    told = {each.type: each.status for each in waiting.conditions}
    assert told["Ready"] == "Unknown" and told["Stalled"] == "True"
