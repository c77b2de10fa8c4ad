"""One backup for one object, the right one, whatever else happens to the disk; and told when it cannot be."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from azure_simulator.model.access import DISK_RESTORE_OPERATOR
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION, disk_id, policy
from harness.stack import CLIENT_ID
from world.team import Team
from world.world import World


async def protected(shop: Team, **spec: str) -> None:
    shop.make_claim()
    await shop.protect(**spec)
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()


def jobs(shop: Team) -> list[dict[str, object]]:
    """Return the user-triggered jobs of the disk, as Azure has them."""
    instance = shop.instance()
    vault = instance.rsplit("/backupInstances", 1)[0]
    found = [each["properties"] for each in shop.portal("GET", f"{vault}/backupJobs")["value"]]
    return [each for each in found if each["backupInstanceId"] == instance and each["isUserTriggered"]]


async def test_a_person_who_starts_one_in_the_portal_at_the_same_moment(world: World, shop: Team) -> None:
    await protected(shop)
    body = {"backupRuleOptions": {"ruleName": "BackupHourly", "triggerOption": {}}}
    shop.portal("POST", f"{shop.instance()}/backup", body)
    theirs = jobs(shop)[0]["activityID"]
    await shop.back_up()
    waiting = (await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "OperationInProgress"))["message"]
    assert "UserErrorMaxConcurrentOperationLimitReached" in waiting
    await shop.until("OnDemandBackup", "now", "Succeeded")
    uid = shop.get("OnDemandBackup", "now")["metadata"]["uid"]
    assert sorted(str(each["activityID"]) for each in jobs(shop)) == sorted([str(theirs), uid])
    job = shop.get("OnDemandBackup", "now")["status"]["jobID"]
    followed = shop.portal("GET", shop.instance().rsplit("/backupInstances", 1)[0] + f"/backupJobs/{job}")
    assert followed["properties"]["activityID"] == uid, "the right one"


async def test_an_answer_that_is_lost_while_the_jobs_are_listed_late(world: World, shop: Team) -> None:
    await protected(shop)
    world.azure.knobs(job_list_lag=60)
    world.azure.plant("backupInstances.backup", status=0, after=True)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    assert len(jobs(shop)) == 1


async def test_a_backup_before_the_disk_is_protected_waits(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.back_up()
    waiting = (await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "WaitingForProtection"))["message"]
    assert "not protected yet" in waiting
    await shop.until("OnDemandBackup", "now", "Succeeded")
    assert len(jobs(shop)) == 1


async def test_a_retention_rule_that_is_removed_meanwhile(world: World, shop: Team) -> None:
    await shop.apply(policy("weekly", "demo", retention={"weekly": {"days": 30}}))
    await shop.until("DiskBackupPolicy", "weekly", "Ready")
    shop.make_claim()
    await shop.protect(policy="weekly")
    await shop.back_up(retentionRule="Weekly")
    await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "WaitingForProtection")
    await shop.apply(policy("weekly", "demo", retention={}))
    says = (await shop.until("OnDemandBackup", "now", "Accepted", "False", "RetentionRuleMissing"))["message"]
    assert "only Default" in says
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.apply(policy("weekly", "demo", retention={"weekly": {"days": 30}}))
    await shop.until("OnDemandBackup", "now", "Succeeded")
    assert len(jobs(shop)) == 1


async def test_a_job_that_fails_is_told_in_azures_words(world: World, shop: Team) -> None:
    await protected(shop)
    world.azure.fail_backups("UserErrorDiskSnapshotQuota", "Too many snapshots.", "Delete some snapshots.")
    await shop.back_up()
    failed = (await shop.until("OnDemandBackup", "now", "Succeeded", "False", "Failed"))["message"]
    world.azure.fail_backups()
    assert "UserErrorDiskSnapshotQuota: Too many snapshots." in failed and "Delete some snapshots." in failed
    status = shop.get("OnDemandBackup", "now")["status"]
    assert status["error"] == {
        "code": "UserErrorDiskSnapshotQuota",
        "message": "Too many snapshots.",
        "recommendedAction": "Delete some snapshots.",
    }
    assert status["completionTime"] and len(jobs(shop)) == 1
    await shop.until("ProtectedDisk", "data", "BackupHealthy", "False", "BackupFailed")


async def test_a_job_that_never_ends_is_given_up_and_said_so(world: World, shop: Team) -> None:
    await protected(shop)
    world.azure.knobs(backup=3 * 24 * 3600)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "InProgress")
    world.azure.knobs(backup=216)
    await world.stop_operator()
    await world.advance(hours=24)
    await world.start_operator()
    late = await shop.until("OnDemandBackup", "now", "Succeeded", "False", "TimedOut", within=timedelta(hours=1))
    assert "for more than 24 h" in late["message"]
    assert shop.get("OnDemandBackup", "now")["status"]["completionTime"]


async def test_an_object_that_is_deleted_while_its_backup_runs(world: World, shop: Team) -> None:
    await protected(shop)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "InProgress")
    await shop.delete("OnDemandBackup", "now")
    assert not shop.exists("OnDemandBackup", "now"), "it does not wait for its backup"
    await world.passes(lambda: jobs(shop)[0]["status"] == "Completed", "the backup itself goes on")
    await shop.back_up("next")
    await shop.until("OnDemandBackup", "next", "Succeeded")
    assert len(jobs(shop)) == 2


def restore_by_hand(shop: Team, to: str) -> None:
    """Restore the newest restore point into a new disk, in the portal."""
    point = shop.portal("GET", f"{shop.instance()}/recoveryPoints")["value"][0]["name"]
    target = {"datasourceType": "Microsoft.Compute/disks", "resourceID": disk_id(to)}
    body = {
        "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
        "recoveryPointId": point,
        "sourceDataStoreType": "OperationalStore",
        "restoreTargetInfo": {
            "objectType": "RestoreTargetInfo",
            "recoveryOption": "FailIfExists",
            "restoreLocation": LOCATION,
            "datasourceInfo": target,
        },
    }
    shop.portal("POST", f"{shop.instance()}/restore", body)


@pytest.mark.parametrize("indexed", [True, False], ids=["resource-graph", "list"])
async def test_restores_of_a_day_are_no_backups(world: World, shop: Team, indexed: bool) -> None:
    world.azure.knobs(role_propagation=0)
    await protected(shop)
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{DISK_GROUP}"
    role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{DISK_RESTORE_OPERATOR}"
    principal = shop.get("BackupVault", "demo")["status"]["principalID"]
    right = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}?api-version=2022-04-01"
    world.azure.arm("PUT", right, {"properties": {"roleDefinitionId": role, "principalId": principal}})
    if not indexed:
        world.azure.deny(CLIENT_ID, ("Microsoft.ResourceGraph/.*", ".*"))
    await world.advance(minutes=10)
    before = shop.get("ProtectedDisk", "data")["status"]
    for i in range(10):
        restore_by_hand(shop, f"{shop.namespace}-restored-{i}")
    await world.advance(minutes=20)
    after = shop.get("ProtectedDisk", "data")["status"]
    assert after["lastBackup"] == before["lastBackup"] and after["jobs"] == before["jobs"]
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded", within=timedelta(minutes=30))
    world.azure.deny(CLIENT_ID)
