"""The whole story of "Back up Azure Managed Disks", told by kubectl and the clock alone.

A vault, a policy with two retention rules beside the default, both role assignments, the wait for rights, disks of two
namespaces and two subscriptions, an on-demand backup, jobs and restore points.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from harness.objects import RESTORE_GROUP, SECOND_SUBSCRIPTION, SNAPSHOT_GROUP, policy, vault
from harness.stack import OPERATOR_USER, Stack
from harness.tenant import Tenant


@pytest.fixture
def other(stack: Stack, shop: Tenant) -> Iterator[Tenant]:
    tenant = Tenant(stack, f"{shop.namespace}-b")
    tenant.create()
    yield tenant
    tenant.clear()


def test_from_apply_to_a_protected_disk_and_a_finished_backup(stack: Stack, shop: Tenant, other: Tenant) -> None:
    azure, start = stack.azure, len(stack.azure.requests())
    groups = [{"name": SNAPSHOT_GROUP}, {"name": "made-rg", "subscriptionID": SECOND_SUBSCRIPTION, "create": True}]
    shop.apply(
        vault("story", azureName="StoryVault", snapshotResourceGroups=groups, tags={"env": "test"}),
        policy("story", "story", retention={"daily": {"days": 30}, "weekly": {"days": 84}}),
    )
    shop.make_claim("data-0", size=128)
    shop.make_claim("data-1")
    other.make_claim("data-0", subscription=SECOND_SUBSCRIPTION)
    for tenant, name, claim in ((shop, "a", "data-0"), (shop, "b", "data-1"), (other, "c", "data-0")):
        tenant.protect(name, claim, policy="story")

    # The vault: created, with an identity, its groups checked or made, and the right on them granted.
    shop.until("backupvault", "story", "Ready")
    status = shop.get("backupvault", "story")["status"]
    assert status["vaultID"].endswith("/backupVaults/StoryVault") and status["provisioningState"] == "Succeeded"
    assert status["principalID"] and status["protectedDisks"] == 3
    for type_ in ("Accepted", "Synced", "IdentityReady", "SnapshotResourceGroupsReady"):
        assert shop.condition("backupvault", "story", type_)["status"] == "True"

    # The policy: the sum of its restore points, and when it runs next.
    shop.until("diskbackuppolicy", "story", "Ready")
    status = shop.get("diskbackuppolicy", "story")["status"]
    assert status["restorePoints"] == {"expected": 84, "limit": 450, "roomForOnDemand": 416}
    assert status["backupsPerDay"] == 6 and "nextBackupTime" in status
    assert "/backupPolicies/story-" in status["policyID"]

    # The wait: rights are granted and do not work yet; the object says so, with how long and when next.
    waiting = shop.until("protecteddisk", "a", "Validated", "False", "WaitingForPermissions")
    assert "up to 30 minutes" in waiting["message"] and "next attempt at 2026-" in waiting["message"]
    assert shop.condition("protecteddisk", "a", "Ready")["status"] == "False"
    assert shop.condition("protecteddisk", "a", "Reconciling")["status"] == "True"
    assert shop.condition("protecteddisk", "a", "RolesGranted")["status"] == "True"

    # Protected: when Azure itself says so, and not before.
    for tenant, name in ((shop, "a"), (shop, "b"), (other, "c")):
        tenant.until("protecteddisk", name, "Ready")
        assert tenant.get("protecteddisk", name)["status"]["protectionState"] == "ProtectionConfigured"
    status = shop.get("protecteddisk", "a")["status"]
    assert status["disk"]["sizeGiB"] == 128 and status["disk"]["persistentVolume"] == f"{shop.namespace}-data-0"
    assert (status["vault"], status["policy"]) == ("story", "story")
    assert not shop.condition("protecteddisk", "a", "Reconciling")

    # The on-demand backup: one job, followed to its end, and its restore point on both objects.
    shop.back_up("now", "a", retentionRule="Weekly")
    shop.until("ondemandbackup", "now", "Succeeded")
    done = shop.get("ondemandbackup", "now")
    assert done["status"]["durationSeconds"] == 216
    assert done["status"]["restorePoint"]["id"] and done["status"]["restorePoint"]["expiryTime"]
    shop.passes(lambda: shop.get("protecteddisk", "a")["status"].get("restorePoints"), "the point is shown")
    status = shop.get("protecteddisk", "a")["status"]
    assert status["lastBackup"]["type"] == "OnDemand" and status["lastBackup"]["status"] == "Completed"
    assert status["restorePoints"]["recent"][0]["id"] == done["status"]["restorePoint"]["id"]
    assert status["restorePoints"]["recent"][0]["retentionRule"] == "Weekly"

    # Half a day later: scheduled backups ran, points are counted, health is good.
    shop.after_the_next_backup("story")
    azure.advance(minutes=15)
    assert shop.get("protecteddisk", "b")["status"]["jobs"]["completed"] == 1
    azure.advance(hours=12)
    status = shop.get("protecteddisk", "b")["status"]
    assert status["jobs"]["completed"] == 4 and status["restorePoints"]["count"] == 4
    rules = {each["retentionRule"] for each in status["restorePoints"]["recent"]}
    assert {"Default", "Weekly"} <= rules, "the first one of the week, and those that no other rule keeps"
    assert shop.condition("protecteddisk", "b", "BackupHealthy")["status"] == "True"

    # What a person heard of, and what was asked of Azure and of the API server.
    events = shop.events("protecteddisk", "a")
    assert events.count(("Normal", "Protected")) == 1 and ("Normal", "WaitingForPermissions") in events
    assert ("Normal", "Completed") in shop.events("ondemandbackup", "now")
    sent = azure.requests(start)
    posts = [each for each in sent if each.route == "backupInstances.backup"]
    assert [each.client_request_id for each in posts] == [done["metadata"]["uid"]]
    grants = [each.body["properties"] for each in sent if each.route == "roleAssignments.put"]
    assert len(grants) == 5, "one for each snapshot group and for each disk"
    assert {grant["principalType"] for grant in grants} == {"ServicePrincipal"}
    tags = [each.body["tags"] for each in sent if each.route == "backupInstances.put"]
    assert {(tag["azdiskbackup.io.namespace"], tag["azdiskbackup.io.pvc"]) for tag in tags} == {
        (shop.namespace, "data-0"),
        (shop.namespace, "data-1"),
        (other.namespace, "data-0"),
    }
    finalizers = [
        entry
        for entry in stack.plane.audit(OPERATOR_USER)
        if entry.is_write and not entry.subresource and entry.name == "a" and entry.namespace == shop.namespace
    ]
    assert len(finalizers) == 1, "the finalizer went on once"
    shop.rests()


def test_a_finished_backup_goes_when_its_time_is_over(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.back_up(ttlSecondsAfterFinished=600)
    shop.until("ondemandbackup", "now", "Succeeded")
    stack.azure.advance(minutes=8)
    assert shop.get("ondemandbackup", "now")
    shop.gone("ondemandbackup", "now")


def test_a_disk_comes_back_as_a_pvc_that_the_real_controllers_bind(stack: Stack, shop: Tenant) -> None:
    groups, access = [{"name": RESTORE_GROUP}], {"namespaces": {}, "restoreNamespaces": {}}
    shop.apply(vault("restores", restoreResourceGroups=groups, access=access), policy("restores", "restores"))
    shop.make_claim()
    shop.protect(policy="restores")
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")

    shop.restore(reclaimPolicy="Delete", ttlSecondsAfterFinished=3600)
    shop.until("diskrestore", "back", "DiskRestored")
    claims = f"/api/v1/namespaces/{shop.namespace}/persistentvolumeclaims"
    shop.really(lambda: stack.plane.read(f"{claims}/data-restored")["status"]["phase"] == "Bound", "the PVC is bound")
    shop.until("diskrestore", "back", "Succeeded")
    restore = shop.get("diskrestore", "back")
    status, uid = restore["status"], restore["metadata"]["uid"]
    taken = shop.get("ondemandbackup", "now")["status"]["restorePoint"]["id"]
    assert status["restorePoint"]["id"] == taken and status["persistentVolumeClaim"] == "data-restored"
    assert status["disk"]["id"] == status["targetDiskID"] and f"/{RESTORE_GROUP}/" in status["targetDiskID"]
    assert shop.portal("GET", status["disk"]["id"], version="2024-03-02")["tags"] == {
        "azdiskbackup.io.cluster": stack.plane.read("/api/v1/namespaces/kube-system")["metadata"]["uid"],
        "azdiskbackup.io.namespace": shop.namespace,
        "azdiskbackup.io.diskrestore": "back",
    }
    volume = stack.plane.read(f"/api/v1/persistentvolumes/azdiskbackup-{uid}")
    assert volume["spec"]["csi"]["volumeHandle"] == status["disk"]["id"] and volume["status"]["phase"] == "Bound"
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    written = Counter(
        (entry.verb, entry.resource, entry.subresource)
        for entry in stack.plane.audit(OPERATOR_USER)
        if entry.is_write and entry.resource.startswith("persistentvolume") and entry.code < 300
    )
    assert written == {
        ("create", "persistentvolumeclaims", ""): 1,
        ("create", "persistentvolumes", ""): 1,
        ("patch", "persistentvolumes", ""): 1,
    }

    # The object goes; what it made stays.
    shop.gone("diskrestore", "back")
    assert stack.plane.read(f"{claims}/data-restored")["spec"]["volumeName"] == volume["metadata"]["name"]
    assert stack.plane.read(f"/api/v1/persistentvolumes/{volume['metadata']['name']}")
    shop.rests()
