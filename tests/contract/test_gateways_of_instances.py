"""Gateways for backup instances, backups and jobs against the simulator, over TLS, through the real SDKs."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from azdiskbackup.azure.gateways import decode
from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.core.identity.arm_ids import ArmId, ResourceGroupId, same_id
from azdiskbackup.core.objects.azure import AzureInstance, AzureJob
from azdiskbackup.core.objects.operation import Failed, Pending, Succeeded
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.errors import (
    AlreadyProtected,
    Conflict,
    InvalidRequest,
    PermissionsMissing,
    Waiting,
)
from azure_simulator.client import Simulator
from contract.azure_world import (
    grants,
    made_vault,
    protected,
    quiet_hours,
    request_for,
    state,
)
from harness.objects import SUBSCRIPTION, VAULT_GROUP

# --- instances ----------------------------------------------------------------------------------


async def test_validation_fails_until_rights_have_spread(azure: Azure, simulator: Simulator) -> None:
    vault = await made_vault(azure, simulator)
    request = await request_for(azure, simulator, vault, rights=False)
    for grant in grants(vault, request.disk.id):
        await azure.roles.create(grant)
    operation = await azure.instances.submit_validation(request)
    assert isinstance(await azure.operations.check(operation), Pending)
    simulator.advance(seconds=60)
    failed = await azure.operations.check(operation)
    assert isinstance(failed, Failed) and isinstance(failed.error, PermissionsMissing)
    assert failed.error.code == "UserErrorMissingRequiredPermissions" and failed.error.action
    simulator.advance(minutes=10)
    operation = await azure.instances.submit_validation(request)
    simulator.advance(seconds=60)
    assert isinstance(await azure.operations.check(operation), Succeeded)


async def test_an_operation_that_succeeded_is_not_yet_protection(azure: Azure, simulator: Simulator) -> None:
    request = await request_for(azure, simulator, await made_vault(azure, simulator))
    assert await azure.instances.get(request.id) is NOT_FOUND
    await azure.instances.submit_create_or_update(request)
    simulator.advance(seconds=2)
    assert await state(azure, request.id) == "ConfiguringProtection"
    simulator.advance(seconds=60)
    found = await azure.instances.get(request.id)
    assert isinstance(found, AzureInstance) and found.state == "ProtectionConfigured"
    assert same_id(found.disk_id, request.disk.id) and same_id(found.policy_id, request.policy_id)
    assert found.snapshot_group_id == request.snapshot_group_id and found.tags == {"owner": "me"}


async def test_protection_without_rights_ends_in_an_error_with_azures_words(azure: Azure, simulator: Simulator) -> None:
    request = await request_for(azure, simulator, await made_vault(azure, simulator), rights=False)
    await azure.instances.submit_create_or_update(request)
    simulator.advance(seconds=61)
    found = await azure.instances.get(request.id)
    assert isinstance(found, AzureInstance) and found.state == "ProtectionError"
    assert found.failure is not None and found.failure.code == "UserErrorNotEnoughPermissionOnDisk"


async def test_one_instance_a_disk(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    with pytest.raises(AlreadyProtected):
        await azure.instances.submit_create_or_update(
            replace(request, id=replace(request.id, path=(*request.id.path[:-1], "another")))
        )


async def test_a_snapshot_group_never_changes(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    other = str(ResourceGroupId(SUBSCRIPTION, VAULT_GROUP))
    with pytest.raises(InvalidRequest, match="UserErrorInvalidOperationalStoreResourceGroup"):
        await azure.instances.submit_create_or_update(replace(request, snapshot_group_id=other))


async def test_modes_and_soft_deletion(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    instances = azure.instances
    await instances.submit_resume(request.id)
    for submit, wanted in (
        (instances.submit_suspend, "BackupsSuspended"),
        (instances.submit_resume, "ProtectionConfigured"),
        (instances.submit_stop, "ProtectionStopped"),
        (instances.submit_resume, "ProtectionConfigured"),
    ):
        await submit(request.id)
        simulator.advance(seconds=10)
        assert await state(azure, request.id) == wanted
    asked = simulator.now
    await instances.submit_delete(request.id)
    simulator.advance(seconds=10)
    assert await instances.get(request.id) is NOT_FOUND
    deleted = await instances.get_deleted(request.id)
    assert isinstance(deleted, AzureInstance) and deleted.state == "SoftDeleted"
    assert deleted.soft_deleted_until == asked + timedelta(days=14) and same_id(deleted.id, request.id)
    with pytest.raises(AlreadyProtected):
        await instances.submit_create_or_update(request)
    assert await instances.submit_undelete(request.id) is None, "it is over at once"
    assert await state(azure, request.id) == "ProtectionStopped"
    assert await instances.get_deleted(request.id) is NOT_FOUND


# --- backups ------------------------------------------------------------------------------------


async def test_an_on_demand_backup_is_a_job_with_the_requests_id(azure: Azure, simulator: Simulator) -> None:
    quiet_hours(simulator)
    request = await protected(azure, simulator)
    mine = str(uuid.uuid4())
    operation = await azure.backups.submit(request.id, "BackupHourly", "Daily", mine)
    assert operation is not None
    simulator.advance(seconds=2)
    started = await azure.operations.check(operation)
    assert isinstance(started, Succeeded) and started.job
    vault = ArmId(request.id.subscription, request.id.group, request.id.provider, request.id.path[:2])
    job = await azure.backups.get_job(vault, started.job)
    assert isinstance(job, AzureJob) and job.running and job.activity_id == mine and job.on_demand
    with pytest.raises(Conflict):
        await azure.backups.submit(request.id, "BackupHourly", "Daily", str(uuid.uuid4()))
    simulator.advance(seconds=216)
    job = await azure.backups.get_job(vault, started.job)
    assert isinstance(job, AzureJob) and job.succeeded and job.duration == timedelta(seconds=216)
    assert job.restore_point_id is not None
    point = await azure.backups.get_restore_point(request.id, job.restore_point_id)
    assert point is not NOT_FOUND and point.retention_rule == "Daily"  # type: ignore[union-attr]
    assert point.expiry == point.time + timedelta(days=30)  # type: ignore[union-attr, operator]
    assert [each.id for each in await azure.backups.list_restore_points(request.id)] == [job.restore_point_id]
    assert await azure.backups.get_restore_point(request.id, "nonsense") is NOT_FOUND
    listed, following = await azure.backups.jobs_page(vault)
    assert following is None
    assert [each.id for each in listed] == [job.id] and listed[0].duration == job.duration
    with pytest.raises(InvalidRequest, match="no retention rule"):
        await azure.backups.submit(request.id, "BackupHourly", "Weekly", str(uuid.uuid4()))


async def test_schedules_run_and_points_expire_when_the_clock_passes(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    simulator.advance(days=8)
    points = await azure.backups.list_restore_points(request.id)
    rules = [each.retention_rule for each in points]
    assert rules.count("Default") <= 42 and 7 <= rules.count("Daily") <= 9
    assert min(each.time for each in points if each.retention_rule == "Default") >= simulator.now - timedelta(days=7)


async def test_the_eleventh_backup_of_a_day_is_refused(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    quiet_hours(simulator)
    for _ in range(10):
        await azure.backups.submit(request.id, "BackupHourly", "Default", str(uuid.uuid4()))
        simulator.advance(minutes=4)
    with pytest.raises(Waiting, match="At most 10 on-demand backups"):
        await azure.backups.submit(request.id, "BackupHourly", "Default", str(uuid.uuid4()))


async def test_long_lists_come_in_pages(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    vault = ArmId(request.id.subscription, request.id.group, request.id.provider, request.id.path[:2])
    simulator.advance(days=34)
    since = len(simulator.requests())
    jobs, following = await azure.backups.jobs_page(vault)
    assert len(jobs) == 200 and following is not None
    more, end = await azure.backups.jobs_page(vault, following)
    assert more and end is None and not {each.id for each in jobs} & {each.id for each in more}
    assert simulator.counts(since)["backupJobs.list"] == 2


async def test_a_row_that_nobody_understands_hides_no_other(azure: Azure) -> None:
    rows = [{"id": "/x", "properties": None}, {"name": "j", "id": "/j", "properties": {"startTime": "nonsense"}},
            {"name": "good", "id": "/good", "properties": {"startTime": "2026-01-05T09:00:00.1234567Z"}}]  # fmt: skip
    assert [job.id for job in decode.each(rows, decode.job)] == ["good"]
