"""One backup for one object, the right one, whatever else happens to the disk; and told when it cannot be."""

from __future__ import annotations

from datetime import timedelta

from harness.objects import policy
from harness.processes import PATIENCE_SECONDS
from harness.stack import Stack
from harness.tenant import Tenant


def protected(shop: Tenant, **spec: str) -> None:
    shop.make_claim()
    shop.protect(**spec)
    shop.until("protecteddisk", "data", "Ready")
    shop.after_the_next_backup()


def jobs(shop: Tenant) -> list[dict[str, object]]:
    """Return the user-triggered jobs of the disk, as Azure has them."""
    instance = shop.instance()
    vault = instance.rsplit("/backupInstances", 1)[0]
    found = [each["properties"] for each in shop.portal("GET", f"{vault}/backupJobs")["value"]]
    return [each for each in found if each["backupInstanceId"] == instance and each["isUserTriggered"]]


def test_a_person_who_starts_one_in_the_portal_at_the_same_moment(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    body = {"backupRuleOptions": {"ruleName": "BackupHourly", "triggerOption": {}}}
    shop.portal("POST", f"{shop.instance()}/backup", body)
    theirs = jobs(shop)[0]["activityID"]
    shop.back_up()
    waiting = shop.until("ondemandbackup", "now", "Succeeded", "Unknown", "OperationInProgress")["message"]
    assert "UserErrorMaxConcurrentOperationLimitReached" in waiting
    shop.until("ondemandbackup", "now", "Succeeded")
    uid = shop.get("ondemandbackup", "now")["metadata"]["uid"]
    assert sorted(str(each["activityID"]) for each in jobs(shop)) == sorted([str(theirs), uid])
    followed = shop.portal("GET", shop.instance().rsplit("/backupInstances", 1)[0] + "/backupJobs/" + shop.get(
        "ondemandbackup", "now")["status"]["jobID"])  # fmt: skip
    assert followed["properties"]["activityID"] == uid, "the right one"


def test_an_answer_that_is_lost_while_the_jobs_are_listed_late(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    stack.azure.knobs(job_list_lag=60)
    stack.azure.plant("backupInstances.backup", status=0, after=True)
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")
    assert len(jobs(shop)) == 1


def test_a_backup_before_the_disk_is_protected_waits(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.back_up()
    waiting = shop.until("ondemandbackup", "now", "Succeeded", "Unknown", "WaitingForProtection")["message"]
    assert "not protected yet" in waiting
    shop.until("ondemandbackup", "now", "Succeeded")
    assert len(jobs(shop)) == 1


def test_a_retention_rule_that_is_removed_meanwhile(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.apply(policy("weekly", "demo", retention={"weekly": {"days": 30}}))
    shop.until("diskbackuppolicy", "weekly", "Ready")
    shop.make_claim()
    shop.protect(policy="weekly")
    shop.back_up(retentionRule="Weekly")
    shop.until("ondemandbackup", "now", "Succeeded", "Unknown", "WaitingForProtection")
    shop.apply(policy("weekly", "demo", retention={}))
    says = shop.until("ondemandbackup", "now", "Accepted", "False", "RetentionRuleMissing")["message"]
    assert "only Default" in says
    shop.until("protecteddisk", "data", "Ready")
    shop.apply(policy("weekly", "demo", retention={"weekly": {"days": 30}}))
    shop.until("ondemandbackup", "now", "Succeeded")
    assert len(jobs(shop)) == 1


def test_a_job_that_fails_is_told_in_azures_words(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    stack.azure.fail_backups("UserErrorDiskSnapshotQuota", "Too many snapshots.", "Delete some snapshots.")
    shop.back_up()
    failed = shop.until("ondemandbackup", "now", "Succeeded", "False", "Failed")["message"]
    stack.azure.fail_backups()
    assert "UserErrorDiskSnapshotQuota: Too many snapshots." in failed and "Delete some snapshots." in failed
    status = shop.get("ondemandbackup", "now")["status"]
    assert status["error"] == {
        "code": "UserErrorDiskSnapshotQuota",
        "message": "Too many snapshots.",
        "recommendedAction": "Delete some snapshots.",
    }
    assert status["completionTime"] and len(jobs(shop)) == 1
    shop.until("protecteddisk", "data", "BackupHealthy", "False", "BackupFailed")


def test_a_job_that_never_ends_is_given_up_and_said_so(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    stack.azure.knobs(backup=3 * 24 * 3600)
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded", "Unknown", "InProgress")
    stack.azure.knobs(backup=216)
    assert stack.stop_operator() == 0
    stack.azure.advance(hours=24)
    stack.start_operator()
    says = shop.until("ondemandbackup", "now", "Succeeded", "False", "TimedOut", within=timedelta(hours=1))["message"]
    assert "for more than 24 h" in says
    assert shop.get("ondemandbackup", "now")["status"]["completionTime"]


def test_an_object_that_is_deleted_while_its_backup_runs(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded", "Unknown", "InProgress")
    shop.kubectl("delete", "ondemandbackup", "now", f"--timeout={PATIENCE_SECONDS}s")
    shop.passes(lambda: jobs(shop)[0]["status"] == "Completed", "the backup itself goes on")
    shop.back_up("next")
    shop.until("ondemandbackup", "next", "Succeeded")
    assert len(jobs(shop)) == 2
