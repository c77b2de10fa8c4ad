"""One backup for one object, the right one, whatever else happens to the disk; and told when it cannot be."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from azdiskbackup.core.objects.restored import RESTORE_LABELS
from azdiskbackup.kube.exchange import Answer
from azure_simulator.model.roles import DISK_RESTORE_OPERATOR
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION, backup, disk_id, policy
from harness.stack import CLIENT_ID
from world.api_server import InMemoryExchange
from world.team import Team
from world.world import World


async def protected(shop: Team, **spec: str) -> None:
    shop.make_claim()
    await shop.protect(**spec)
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()


REFUSALS = {
    "a-limit": {"status": 400, "code": "UserErrorOnDemandBackupLimitReached"},
    "busy": {"status": 409, "code": "UserErrorMaxConcurrentOperationLimitReached"},
    "a-lock": {"status": 409, "code": "ScopeLocked"},
    "not-found": {"status": 404, "code": "UserErrorSnapshotRGNotFound"},
    "azures-own": {"status": 500, "code": "InternalServerError"},
    "no-right": {"status": 403, "code": "AuthorizationFailed"},
}


@pytest.fixture
def status_writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The reasons with which the operator writes the status of OnDemandBackups."""
    found: list[str] = []
    send = InMemoryExchange.send

    async def noted(
        self: InMemoryExchange, method: str, path: str, body: object, content_type: str, seconds: float
    ) -> Answer:
        if method == "PATCH" and "/ondemandbackups/" in path and path.endswith("/status"):
            assert isinstance(body, dict)
            told = {each["type"]: each["reason"] for each in body["status"].get("conditions", [])}
            found.append(told.get("Succeeded", ""))
        return await send(self, method, path, body, content_type, seconds)

    monkeypatch.setattr(InMemoryExchange, "send", noted)
    return found


async def test_a_job_that_cannot_be_read_is_read_again_minutes_later(world: World, shop: Team) -> None:
    await protected(shop)
    world.azure.plant(r"^backupJobs\.", times=10**6)
    await shop.apply(backup("now", shop.namespace))
    await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "Unavailable", within=timedelta(hours=1))
    assert "at intervals of 5 min to 1 h" in shop.says("OnDemandBackup", "now")
    world.azure.clear_faults()
    await shop.until("OnDemandBackup", "now", "Succeeded", within=timedelta(minutes=6))


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_that_stays_is_told_once(
    world: World, shop: Team, status_writes: list[str], refusal: str
) -> None:
    await protected(shop)
    since = world.azure.request_count()
    world.azure.plant("backupInstances.backup", times=1000, message="It is so.", **REFUSALS[refusal])
    await shop.back_up()
    await world.advance(hours=6)
    said = shop.condition("OnDemandBackup", "now", "Succeeded")
    assert said["status"] == "Unknown" and f"{REFUSALS[refusal]['code']}: It is so." in said["message"]
    assert "The operator retries at least every" in said["message"]
    assert status_writes == ["Starting", said["reason"]], "one for the intent, one for the refusal"
    assert [reason for _, reason in shop.events("OnDemandBackup", "now")] == [said["reason"]]
    assert bool(shop.condition("OnDemandBackup", "now", "Stalled")) == (refusal == "a-lock")
    tries = [each for each in world.azure.requests(since) if each.route == "backupInstances.backup"]
    assert 6 <= len(tries) <= 6 * 60 / 2.5, "no more often than every five minutes, less what spreads them"
    world.azure.clear_faults()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    assert len(jobs(shop)) == 1


@pytest.mark.parametrize("has_job", [True, False], ids=["its-job-runs", "no-job-runs"])
@pytest.mark.parametrize("code", ["CloudServiceRetryableError", "SomethingUnknown"])
async def test_an_operation_that_ends_with_an_error_of_azures_own(
    world: World, shop: Team, has_job: bool, code: str
) -> None:
    await protected(shop)
    error = {"code": code, "message": "Later.", "is_user_error": False}
    world.azure.plant("backupInstances.backup", at_end=True, **error)
    since = world.azure.request_count()
    await shop.back_up()
    if not has_job:
        await world.passes(lambda: bool(jobs(shop)), "the request has arrived")
        for vault in world.azure.service.azure.vaults.all.values():
            vault.jobs = {key: job for key, job in vault.jobs.items() if not job.user_triggered}
        said = await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "Unavailable")
        assert f"{code}: Later." in said["message"]
    await shop.until("OnDemandBackup", "now", "Succeeded")
    uid = shop.get("OnDemandBackup", "now")["metadata"]["uid"]
    assert [each["activityID"] for each in jobs(shop)] == [uid], "never a second one"
    tries = [each for each in world.azure.requests(since) if each.route == "backupInstances.backup"]
    assert [each.client_request_id for each in tries] == [uid] * (1 if has_job else 2)


async def running(shop: Team) -> str:
    """Make a backup, and wait until its job is known; return the id of the backup instance."""
    await protected(shop)
    instance = shop.instance()
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "InProgress")
    assert shop.get("OnDemandBackup", "now")["status"]["backupInstanceID"] == instance
    return instance


async def deleted(shop: Team) -> None:
    await shop.delete("ProtectedDisk", "data")


async def made_anew(shop: Team) -> None:
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    await shop.protect()


async def wiped(shop: Team) -> None:
    await shop.patch("ProtectedDisk", "data", {"status": None}, "status")


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
@pytest.mark.parametrize("happens", [deleted, made_anew, wiped])
async def test_a_backup_goes_on_whatever_becomes_of_the_object_of_its_disk(
    world: World, shop: Team, happens: Callable[[Team], Awaitable[None]], restarted: bool
) -> None:
    instance = await running(shop)
    await happens(shop)
    if restarted:
        await world.stop_operator()
        await world.start_operator()
    await shop.until("OnDemandBackup", "now", "Succeeded", within=timedelta(minutes=30))
    assert shop.get("OnDemandBackup", "now")["status"]["restorePoint"]["id"]
    vault = instance.rsplit("/backupInstances", 1)[0]
    found = [each["properties"] for each in shop.portal("GET", f"{vault}/backupJobs")["value"]]
    assert sum(each["isUserTriggered"] and each["backupInstanceId"] == instance for each in found) == 1


async def test_a_job_that_azure_does_not_find_once_is_not_gone(world: World, shop: Team) -> None:
    await running(shop)
    world.azure.plant("backupJobs.get", status=404, code="ResourceNotFound", message="Not found.")
    await shop.until("OnDemandBackup", "now", "Succeeded", within=timedelta(minutes=30))


async def test_a_job_that_azure_no_longer_knows_is_told(world: World, shop: Team) -> None:
    await running(shop)
    await world.stop_operator()
    await world.advance(days=36)
    await world.start_operator()
    said = await shop.until("OnDemandBackup", "now", "Succeeded", "False", "Failed", within=timedelta(minutes=10))
    assert "How the backup ended is unknown" in said["message"]
    assert shop.get("OnDemandBackup", "now")["status"]["error"]["code"] == "JobNotFound"
    assert jobs(shop) == [], "and no other is taken"


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


@pytest.mark.parametrize("label", RESTORE_LABELS)
async def test_a_restored_manifest_takes_no_backup(world: World, shop: Team, label: str) -> None:
    await protected(shop)
    brought_back = backup("now", shop.namespace, ttlSecondsAfterFinished=3600)
    brought_back["metadata"]["labels"] = {label: "nightly"}
    await shop.apply(brought_back)
    said = await shop.until("OnDemandBackup", "now", "Succeeded", "False", "NotRepeated", within=timedelta(minutes=1))
    assert label in said["message"] and "Create another OnDemandBackup" in said["message"]
    status = shop.get("OnDemandBackup", "now")["status"]
    assert status["completionTime"] and "error" not in status and "startTime" not in status
    assert shop.condition("OnDemandBackup", "now", "Ready")["status"] == "True"
    assert not shop.condition("OnDemandBackup", "now", "Stalled")
    assert shop.events("OnDemandBackup", "now") == [("Normal", "NotRepeated")]
    await shop.gone("OnDemandBackup", "now", within=timedelta(hours=2))
    assert jobs(shop) == []


async def test_a_manifest_that_is_restored_with_its_status_takes_no_backup(world: World, shop: Team) -> None:
    await running(shop)
    status = shop.get("OnDemandBackup", "now")["status"]
    await shop.until("OnDemandBackup", "now", "Succeeded")
    await world.stop_operator()
    await shop.delete("OnDemandBackup", "now")
    brought_back = backup("now", shop.namespace)
    brought_back["metadata"]["labels"] = {RESTORE_LABELS[0]: "nightly"}
    await shop.apply(brought_back)
    await shop.patch("OnDemandBackup", "now", {"status": status}, "status")
    await world.start_operator()
    await shop.until("OnDemandBackup", "now", "Succeeded", "False", "NotRepeated")
    assert len(jobs(shop)) == 1


async def test_a_label_that_comes_later_ends_nothing(world: World, shop: Team) -> None:
    await running(shop)
    await shop.patch("OnDemandBackup", "now", {"metadata": {"labels": {RESTORE_LABELS[0]: "late"}}})
    await world.stop_operator()
    await world.start_operator()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    assert len(jobs(shop)) == 1
