"""What the operator reads out of recorded answers."""

from __future__ import annotations

import pytest

from azdiskbackup.azure.gateways import decode
from contract.recordings.replay import RECORDINGS, recorded

pytestmark = pytest.mark.skipif(
    not RECORDINGS.exists(), reason=f"no recorded traffic at {RECORDINGS}: name its folder's parent with AZURE_API_DATA"
)


def test_recorded_answers_are_decoded() -> None:
    disk = list(recorded("backup_instance_create_backup_delete_disk"))
    instances = [call.answer for call in disk if "/backupInstances/" in call.uri and call.method == "GET"]
    states = [decode.instance(body).state for body in instances]
    assert states[0] == "ConfiguringProtection" and states[-1] == "ProtectionConfigured"
    protected = decode.instance(instances[-1])
    assert protected.disk_id.endswith("/disks/clitest-disk-donotdelete") and protected.failure is None
    assert protected.policy_id.endswith("/diskpolicy") and protected.snapshot_group_id is not None
    jobs = [decode.job(call.answer) for call in disk if "/backupJobs/" in call.uri]
    assert jobs[0].running and not jobs[0].succeeded and jobs[0].duration is None and jobs[0].on_demand
    assert jobs[-1].succeeded and jobs[-1].duration is not None
    assert round(jobs[-1].duration.total_seconds()) == 216 and jobs[-1].restore_point_id
    listing, _ = recorded("job_list_and_show")
    listed = [decode.job(body) for body in listing.answer["value"]]
    assert len(listed) > 20 and all(job.start.year == 2025 and job.id for job in listed)
    assert {job.type for job in listed} == {"Scheduled", "OnDemand"}
    points = [decode.restore_point(body) for body in next(recorded("recovery_point_list")).answer["value"]]
    assert all(point.expiry is not None and point.retention_rule == "Default" for point in points)
    vaults = [call.answer for call in recorded("backup_vault_create_and_delete") if "identity" in str(call.answer)]
    first = decode.vault(vaults[0])
    assert (first.provisioning_state, first.settings.immutability) == ("Provisioning", "Locked")
    assert first.principal_id and first.settings.redundancy == "GeoRedundant"
