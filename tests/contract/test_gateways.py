"""Every gateway against the simulator, over TLS, through the real SDKs."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from azure.identity.aio import WorkloadIdentityCredential

from azdiskbackup.azure import decode, encode
from azdiskbackup.azure.connection import AzureConnection
from azdiskbackup.azure.gateways import Azure
from azdiskbackup.azure.submission import Failed, Pending, Succeeded
from azdiskbackup.azure.sweep import Sweep
from azdiskbackup.core.arm_ids import ArmId, ResourceGroupId, same_id, vault_id
from azdiskbackup.core.azure_model import AzureInstance, AzureJob, AzureVault, InstanceRequest, VaultSettings
from azdiskbackup.core.disk_backup_policy.content import PolicyContent
from azdiskbackup.core.naming import instance_name
from azdiskbackup.core.presence import ABSENT
from azdiskbackup.core.roles import DISK_BACKUP_READER, DISK_SNAPSHOT_CONTRIBUTOR, Grant
from azdiskbackup.errors import (
    AlreadyProtected,
    Conflict,
    InvalidRequest,
    PermissionsMissing,
    Throttled,
    Waiting,
)
from azure_simulator.client import Simulator
from harness.objects import DISK_GROUP, LOCATION, SNAPSHOT_GROUP, SUBSCRIPTION, VAULT_GROUP

SETTINGS = VaultSettings("LocallyRedundant", "On", 14, "Disabled", {"env": "test"})
CONTENT = PolicyContent("BackupHourly", "R/2024-01-01T02:00:00+00:00/PT4H", "UTC", {"Default": 7, "Daily": 30})
SNAPSHOTS = ResourceGroupId(SUBSCRIPTION, SNAPSHOT_GROUP)


def new_vault() -> ArmId:
    return vault_id(SUBSCRIPTION, VAULT_GROUP, f"v-{uuid.uuid4()}")


async def made_vault(azure: Azure, simulator: Simulator) -> AzureVault:
    vault = new_vault()
    await azure.vaults.submit_create(vault, LOCATION, SETTINGS)
    simulator.advance(seconds=2)
    found = await azure.vaults.get(vault)
    assert isinstance(found, AzureVault)
    return found


async def request_for(azure: Azure, simulator: Simulator, vault: AzureVault, *, rights: bool = True) -> InstanceRequest:
    """Return what protects a new disk in a vault, with a policy and with the rights, or without."""
    name = f"d-{uuid.uuid4()}"
    disk_id = ArmId.parse(
        simulator.seed(disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": name, "location": LOCATION}])[
            "disks"
        ][0]
    )
    policy = vault.id.child("backupPolicies", CONTENT.name("gold"))
    await azure.policies.create(policy, CONTENT)
    if rights:
        for grant in grants(vault, disk_id):
            await azure.roles.create(grant)
        simulator.advance(minutes=11)
    disk = await azure.resources.get_disk(disk_id)
    assert disk is not ABSENT
    instance = vault.id.child("backupInstances", instance_name(disk_id))
    return InstanceRequest(instance, disk, str(policy), str(SNAPSHOTS), {"owner": "me"})  # type: ignore[arg-type]


def grants(vault: AzureVault, disk: ArmId) -> list[Grant]:
    principal = vault.principal_id or ""
    return [
        Grant(str(disk), SUBSCRIPTION, DISK_BACKUP_READER, principal),
        Grant(str(SNAPSHOTS), SUBSCRIPTION, DISK_SNAPSHOT_CONTRIBUTOR, principal),
    ]


async def protected(azure: Azure, simulator: Simulator) -> InstanceRequest:
    request = await request_for(azure, simulator, await made_vault(azure, simulator))
    await azure.instances.submit_create_or_update(request)
    simulator.advance(seconds=61)
    return request


def quiet_hours(simulator: Simulator) -> None:
    """Go to ten minutes after a time of the schedule: nothing is scheduled for hours then."""
    now = simulator.now
    hours = (2 - now.hour) % 4 or 4
    due = now.replace(minute=10, second=0, microsecond=0) + timedelta(hours=hours)
    simulator.advance(seconds=(due - now).total_seconds())


async def state(azure: Azure, instance: ArmId) -> str:
    found = await azure.instances.get(instance)
    assert isinstance(found, AzureInstance)
    return found.state


# --- vaults and policies ------------------------------------------------------------------------


async def test_a_vault_is_absent_then_provisioned_then_gone(azure: Azure, simulator: Simulator) -> None:
    vault = new_vault()
    assert await azure.vaults.get(vault) is ABSENT
    await azure.vaults.submit_create(vault, LOCATION, SETTINGS)
    found = await azure.vaults.get(vault)
    assert isinstance(found, AzureVault) and found.provisioning_state == "Provisioning"
    assert found.principal_id and found.settings == SETTINGS and same_id(found.id, vault)
    simulator.advance(seconds=2)
    await azure.vaults.submit_update(vault, replace(SETTINGS, soft_delete_days=30, tags={"env": "x"}))
    simulator.advance(seconds=2)
    found = await azure.vaults.get(vault)
    assert isinstance(found, AzureVault) and found.provisioning_state == "Succeeded"
    assert (found.settings.soft_delete_days, found.settings.tags) == (30, {"env": "x"})
    await azure.vaults.submit_delete(vault)
    simulator.advance(seconds=2)
    assert await azure.vaults.get(vault) is ABSENT


async def test_a_vault_in_a_group_that_does_not_exist(azure: Azure) -> None:
    with pytest.raises(Waiting, match="ResourceGroupNotFound"):
        await azure.vaults.submit_create(vault_id(SUBSCRIPTION, "no-such-rg", "vault"), LOCATION, SETTINGS)


async def test_a_one_way_setting_is_refused_in_azures_words(azure: Azure, simulator: Simulator) -> None:
    vault = (await made_vault(azure, simulator)).id
    await azure.vaults.submit_update(vault, replace(SETTINGS, soft_delete_state="AlwaysOn"))
    with pytest.raises(InvalidRequest, match="UserErrorDisableSoftDeleteNotAllowed"):
        await azure.vaults.submit_update(vault, SETTINGS)


async def test_a_policy_is_made_once_and_never_changed(azure: Azure, simulator: Simulator) -> None:
    vault = (await made_vault(azure, simulator)).id
    policy = vault.child("backupPolicies", "gold")
    assert not await azure.policies.exists(policy)
    await azure.policies.create(policy, CONTENT)
    await azure.policies.create(policy, CONTENT)
    assert await azure.policies.exists(policy)
    with pytest.raises(InvalidRequest, match="BMSUserErrorInvalidInput"):
        await azure.policies.create(policy, replace(CONTENT, windows_zone="W. Europe Standard Time"))
    await azure.policies.delete(policy)
    await azure.policies.delete(policy)
    assert not await azure.policies.exists(policy)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CONTENT, windows_zone="Europe/Berlin"),
        replace(CONTENT, rule_name="BackupDaily"),
        replace(CONTENT, repeats="R/2024-01-01T02:00:00+00:00/PT3H"),
        replace(CONTENT, repeats="R/2024-01-01T02:00:00/PT4H"),
        replace(CONTENT, retention_days={"Default": 366}),
        replace(CONTENT, retention_days={"Default": 80}),
        replace(CONTENT, retention_days={"Daily": 30}),
    ],
    ids=["zone", "rule name", "period", "offset", "days", "points", "no default"],
)
async def test_the_simulator_is_strict_about_policies(azure: Azure, simulator: Simulator, wrong: PolicyContent) -> None:
    policy = (await made_vault(azure, simulator)).id.child("backupPolicies", "wrong")
    with pytest.raises(InvalidRequest):
        await azure.policies.create(policy, wrong)


async def test_newer_versions_of_the_api_want_soft_delete_always_on(connection: AzureConnection) -> None:
    vault = new_vault()
    for version, accepted in (("2025-07-01", True), ("2025-09-01", False), ("2026-06-01", False)):
        body = encode.new_vault(LOCATION, SETTINGS)
        if accepted:
            await connection.send("PUT", str(vault), version, body)
        else:
            with pytest.raises(InvalidRequest, match="DppAlwaysOnSoftDeleteStateMandatory"):
                await connection.send("PUT", str(vault), version, body)


async def test_in_a_pod_the_workload_identity_is_used_and_nothing_else(connection: AzureConnection) -> None:
    assert isinstance(connection.credential.source, WorkloadIdentityCredential)


# --- disks, groups, rights ----------------------------------------------------------------------


async def test_disks_and_groups(azure: Azure, simulator: Simulator) -> None:
    name = f"d-{uuid.uuid4()}"
    missing = ArmId(SUBSCRIPTION, DISK_GROUP, "Microsoft.Compute", ("disks", name))
    assert await azure.resources.get_disk(missing) is ABSENT
    assert await azure.resources.get_disk(replace(missing, group="no-such-rg")) is ABSENT
    simulator.seed(disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": name, "location": LOCATION,
                           "sizeGiB": 64, "sku": "Premium_LRS"}])  # fmt: skip
    disk = await azure.resources.get_disk(ArmId.parse(str(missing).upper()))
    assert disk is not ABSENT and (disk.size_gib, disk.sku, disk.location) == (64, "Premium_LRS", LOCATION)  # type: ignore[union-attr]
    group = ResourceGroupId(SUBSCRIPTION, f"g-{uuid.uuid4()}")
    assert await azure.resources.get_group(group) is ABSENT
    await azure.resources.create_group(group, LOCATION)
    assert await azure.resources.get_group(group) is not ABSENT


async def test_a_grant_is_made_once_even_under_another_name(
    azure: Azure, simulator: Simulator, connection: AzureConnection
) -> None:
    vault = await made_vault(azure, simulator)
    grant = Grant(str(SNAPSHOTS), SUBSCRIPTION, DISK_SNAPSHOT_CONTRIBUTOR, vault.principal_id or "")
    assert not await azure.roles.exists(grant)
    body = {
        "properties": {
            "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization"
            f"/roleDefinitions/{DISK_SNAPSHOT_CONTRIBUTOR.guid}",
            "principalId": vault.principal_id,
            "principalType": "ServicePrincipal",
        }
    }
    path = f"{SNAPSHOTS}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    await connection.send("PUT", path, "2022-04-01", body)
    assert await azure.roles.create(grant) is False, "somebody else's stands for it"
    assert not await azure.roles.exists(grant)
    await azure.roles.delete(grant)


async def test_a_principal_that_nobody_knows_heals_by_itself(azure: Azure) -> None:
    grant = Grant(str(SNAPSHOTS), SUBSCRIPTION, DISK_SNAPSHOT_CONTRIBUTOR, str(uuid.uuid4()))
    with pytest.raises(Exception, match="PrincipalNotFound") as error:
        await azure.roles.create(grant)
    assert getattr(error.value, "waiting_helps", False)


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
    assert await azure.instances.get(request.id) is ABSENT
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
    await instances.submit_delete(request.id)
    simulator.advance(seconds=10)
    assert await instances.get(request.id) is ABSENT
    deleted = await instances.get_deleted(request.id)
    assert isinstance(deleted, AzureInstance) and deleted.state == "SoftDeleted"
    assert deleted.soft_deleted_until == simulator.now + timedelta(days=14) and same_id(deleted.id, request.id)
    with pytest.raises(AlreadyProtected):
        await instances.submit_create_or_update(request)
    await instances.submit_undelete(request.id)
    simulator.advance(seconds=10)
    assert await state(azure, request.id) == "ProtectionStopped"
    assert await instances.get_deleted(request.id) is ABSENT


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
    assert point is not ABSENT and point.retention_rule == "Daily"  # type: ignore[union-attr]
    assert point.expiry == point.time + timedelta(days=30)  # type: ignore[union-attr, operator]
    assert [each.id for each in await azure.backups.list_restore_points(request.id)] == [job.restore_point_id]
    assert await azure.backups.get_restore_point(request.id, "nonsense") is ABSENT
    listed = await azure.backups.list_jobs(vault)
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
    assert len(await azure.backups.list_jobs(vault)) > 200
    assert simulator.counts(since)["backupJobs.list"] == 2


async def test_the_sweep_asks_once_for_many_readers(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    vault = ArmId(request.id.subscription, request.id.group, request.id.provider, request.id.path[:2])
    sweep = Sweep(azure, lambda: simulator.now)
    now, since = simulator.now, len(simulator.requests())
    pictures = await asyncio.gather(*(sweep.read(vault, now) for _ in range(20)))
    assert all(str(request.id).lower() in picture.instances for picture in pictures)
    assert simulator.counts(since) == {"backupInstances.list": 1, "backupJobs.list": 1}
    await sweep.read(vault, now)
    sweep.forget(vault)
    await sweep.read(vault, now)
    assert simulator.counts(since)["backupInstances.list"] == 2


async def test_a_sweep_that_was_refused_is_not_repeated_by_everybody(azure: Azure, simulator: Simulator) -> None:
    request = await protected(azure, simulator)
    vault = ArmId(request.id.subscription, request.id.group, request.id.provider, request.id.path[:2])
    sweep = Sweep(azure, lambda: simulator.now)
    simulator.plant("backupJobs.list", status=429, headers={"Retry-After": "90"})
    since = len(simulator.requests())
    for _ in range(5):
        with pytest.raises(Throttled):
            await sweep.read(vault, simulator.now)
    assert simulator.counts(since)["backupJobs.list"] == 1
    simulator.advance(seconds=91)
    await sweep.read(vault, simulator.now)
    assert simulator.counts(since)["backupJobs.list"] == 2


async def test_a_row_that_nobody_understands_hides_no_other(azure: Azure) -> None:
    rows = [{"id": "/x", "properties": None}, {"name": "j", "id": "/j", "properties": {"startTime": "nonsense"}},
            {"name": "good", "id": "/good", "properties": {"startTime": "2026-01-05T09:00:00.1234567Z"}}]  # fmt: skip
    assert [job.id for job in decode.each(rows, decode.job)] == ["good"]
