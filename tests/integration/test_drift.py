"""What somebody changes in Azure by hand, and what Azure itself breaks: shown in its words, put right, nothing lost."""

from __future__ import annotations

import pytest

from azdiskbackup.core.protected_disk.desired import OWNER_TAGS
from harness.objects import SNAPSHOT_GROUP, SUBSCRIPTION, disk, policy, vault
from harness.stack import Stack
from harness.tenant import Tenant

SNAPSHOTS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SNAPSHOT_GROUP}"


def protected(shop: Tenant, **spec: str) -> str:
    shop.make_claim()
    shop.protect(**spec)
    shop.until("protecteddisk", "data", "Ready")
    return shop.instance()


def test_a_configuration_that_fails_is_shown_and_tried_again(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    handle = shop.get("backupvault", "demo")["status"]
    # While Azure configures, the right on the snapshot group is taken away.
    since = len(stack.azure.requests())
    shop.protect()
    shop.passes(lambda: "backupInstances.put" in stack.writes(since), "Azure configures")
    found = shop.azure.arm(
        "GET",
        f"{SNAPSHOTS}/providers/Microsoft.Authorization/roleAssignments"
        f"?$filter=principalId%20eq%20'{handle['principalID']}'&api-version=2022-04-01",
    )["value"]
    for each in found:
        shop.portal("DELETE", each["id"], version="2022-04-01")
    shop.until("protecteddisk", "data", "Protected", "False", "ProtectionError")
    says = shop.says("protecteddisk", "data")
    assert "UserErrorNotEnoughPermissionOnSnapshotRG" in says and "Azure recommends: Grant" in says
    since = len(stack.azure.requests())
    # The vault gives the right back; Azure is asked again until it works.
    shop.until("protecteddisk", "data", "Ready")
    sent = stack.writes(since)
    assert "backupInstances.sync" in sent and sent.count("backupInstances.sync") <= 8
    assert ("Warning", "DriftCorrected") in shop.events("backupvault", "demo")


@pytest.mark.parametrize("state", ["BackupSchedulesSuspended2", "SomethingNobodyKnows"])
def test_a_state_that_nobody_knows_is_shown_as_it_is(stack: Stack, shop: Tenant, gold: str, state: str) -> None:
    instance = protected(shop)
    stack.azure.set_state(instance, state)
    says = shop.until("protecteddisk", "data", "Protected", "False", "UnknownProtectionState")["message"]
    assert f"Azure says {state}" in says
    assert shop.get("protecteddisk", "data")["status"]["protectionState"] == state
    stack.azure.set_state(instance, "ProtectionConfigured")
    shop.until("protecteddisk", "data", "Ready")


@pytest.mark.parametrize(
    ("wanted", "action", "putting_back"),
    [
        ("Active", "stopProtection", "backupInstances.resumeProtection"),
        ("Active", "suspendBackups", "backupInstances.resumeProtection"),
        ("Suspended", "resumeProtection", "backupInstances.suspendBackups"),
        ("Stopped", "resumeProtection", "backupInstances.stopProtection"),
    ],
)
def test_a_mode_that_somebody_set_is_put_back(
    stack: Stack, shop: Tenant, gold: str, wanted: str, action: str, putting_back: str
) -> None:
    instance = protected(shop, protection=wanted)
    shop.portal("POST", f"{instance}/{action}", {})
    since = len(stack.azure.requests())
    shop.passes(lambda: stack.writes(since), "it is noticed")
    shop.until("protecteddisk", "data", "Ready")
    assert stack.writes(since) == [putting_back]
    assert ("Warning", "DriftCorrected") in shop.events("protecteddisk", "data")


def test_every_change_of_mode(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    for mode, reason in (
        ("Suspended", "Suspended"),
        ("Active", "Protected"),
        ("Stopped", "Stopped"),
        ("Suspended", "Suspended"),
        ("Stopped", "Stopped"),
        ("Active", "Protected"),
    ):
        shop.protect(protection=mode)
        shop.until("protecteddisk", "data", "Ready", "True", reason)
    assert ("Warning", "DriftCorrected") not in shop.events("protecteddisk", "data"), "a person asked for it here"


def test_a_policy_that_somebody_set_is_put_back(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.apply(policy("other", "demo", schedule={"frequency": "Daily"}))
    shop.until("diskbackuppolicy", "other", "Ready")
    instance = protected(shop)
    body = shop.portal("GET", instance)
    body["properties"]["policyInfo"]["policyId"] = shop.get("diskbackuppolicy", "other")["status"]["policyID"]
    shop.portal("PUT", instance, {"tags": body["tags"], "properties": body["properties"]})
    since = len(stack.azure.requests())
    shop.passes(lambda: "backupInstances.put" in stack.writes(since), "it is noticed")
    shop.until("protecteddisk", "data", "Ready")
    assert ("Warning", "DriftCorrected") in shop.events("protecteddisk", "data")
    assert shop.get("protecteddisk", "data")["status"]["policyID"].split("/")[-1].startswith("gold-")


def test_a_deleted_instance_is_brought_back(stack: Stack, shop: Tenant, gold: str) -> None:
    instance = protected(shop)
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")
    shop.portal("DELETE", instance)
    since = len(stack.azure.requests())
    shop.passes(lambda: stack.writes(since), "it is noticed")
    shop.until("protecteddisk", "data", "Ready")
    assert stack.writes(since) == ["deletedBackupInstances.undelete", "backupInstances.resumeProtection"]
    assert ("Warning", "DriftCorrected") in shop.events("protecteddisk", "data")
    assert shop.get("protecteddisk", "data")["status"]["restorePoints"]["count"] == 1, "nothing was lost"


def test_a_policy_and_a_vault_that_somebody_deleted_are_made_again(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("swept"), policy("swept", "swept"))
    shop.until("diskbackuppolicy", "swept", "Ready")
    known = shop.get("diskbackuppolicy", "swept")["status"]["policyID"]
    shop.portal("DELETE", known)
    shop.passes(lambda: ("Warning", "DriftCorrected") in shop.events("diskbackuppolicy", "swept"), "it is noticed")
    shop.until("diskbackuppolicy", "swept", "Ready")
    shop.portal("DELETE", known)
    shop.portal("DELETE", shop.get("backupvault", "swept")["status"]["vaultID"])
    stack.azure.advance(seconds=5)
    shop.passes(lambda: ("Warning", "DriftCorrected") in shop.events("backupvault", "swept"), "it is noticed")
    shop.until("backupvault", "swept", "Ready")
    shop.until("diskbackuppolicy", "swept", "Ready")


def test_a_vault_that_is_run_elsewhere_is_used_and_never_written(stack: Stack, shop: Tenant) -> None:
    since = len(stack.azure.requests())
    shop.apply(vault("terraform", managementPolicy="Observe"), policy("terraform", "terraform"))
    says = shop.until("backupvault", "terraform", "Synced", "False", "VaultMissing")["message"]
    assert "Observe" in says
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults"
    security = {"softDeleteSettings": {"state": "On", "retentionDurationInDays": 30.0}}
    stores = [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"storageSettings": stores, "securitySettings": security},
    }
    shop.portal("PUT", f"{path}/terraform", body)
    shop.until("backupvault", "terraform", "Ready")
    drift = shop.condition("backupvault", "terraform", "Synced")
    assert (drift["status"], drift["reason"]) == ("False", "DriftDetected")
    assert "`softDelete.retentionDays`" in drift["message"]
    shop.make_claim()
    shop.protect(policy="terraform")
    shop.until("protecteddisk", "data", "Ready")
    assert not [route for route in stack.writes(since) if route.startswith("backupVaults.p")]


# --- instances that are there already ---------------------------------------------------------------


@pytest.mark.parametrize("deleted", [False, True], ids=["living", "soft-deleted"])
def test_an_instance_that_nobody_owns_is_taken_over(stack: Stack, shop: Tenant, gold: str, deleted: bool) -> None:
    handle = shop.make_claim()
    status = shop.get("diskbackuppolicy", "gold")["status"]
    vault_id = shop.get("backupvault", "demo")["status"]["vaultID"]
    theirs = shop.protect_by_hand(f"{shop.namespace}-by-hand", handle, vault_id, status["policyID"], {"mine": "yes"})
    if deleted:
        stack.azure.advance(minutes=15)
        shop.portal("DELETE", theirs)
        stack.azure.advance(minutes=1)
    since = len(stack.azure.requests())
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    assert shop.instance() == theirs
    tags = shop.portal("GET", theirs)["tags"]
    assert tags["mine"] == "yes" and tags["azdiskbackup.io.protecteddisk"] == "data"
    assert ("deletedBackupInstances.undelete" in stack.writes(since)) is deleted


def test_an_instance_of_another_cluster_is_left_alone(stack: Stack, shop: Tenant, gold: str) -> None:
    handle = shop.make_claim()
    status = shop.get("diskbackuppolicy", "gold")["status"]
    vault_id = shop.get("backupvault", "demo")["status"]["vaultID"]
    tags = {
        "azdiskbackup.io.cluster": "another-cluster",
        "azdiskbackup.io.namespace": "far",
        "azdiskbackup.io.protecteddisk": "away",
    }
    theirs = shop.protect_by_hand(f"{shop.namespace}-theirs", handle, vault_id, status["policyID"], tags)
    since = len(stack.azure.requests())
    shop.protect()
    says = shop.until("protecteddisk", "data", "DiskResolved", "False", "OwnedElsewhere")["message"]
    assert "the cluster another-cluster (ProtectedDisk far/away)" in says
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    assert not [each for each in stack.azure.requests(since) if each.writes and theirs in each.path]


def test_an_instance_of_another_cluster_is_taken_over_where_the_vault_says_so(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("shared"), policy("shared", "shared"))
    shop.until("diskbackuppolicy", "shared", "Ready")
    handle = shop.make_claim()
    status = shop.get("diskbackuppolicy", "shared")["status"]
    vault_id = shop.get("backupvault", "shared")["status"]["vaultID"]
    tags = dict(zip(OWNER_TAGS, ("another-cluster", "far", "away"), strict=True))
    theirs = shop.protect_by_hand(f"{shop.namespace}-theirs", handle, vault_id, status["policyID"], tags)
    shop.protect(policy="shared")
    shop.until("protecteddisk", "data", "DiskResolved", "False", "OwnedElsewhere")
    shop.apply(vault("shared", access={"namespaces": {}, "adoptFromClusters": ["another-cluster"]}))
    shop.until("protecteddisk", "data", "Ready")
    assert shop.instance().lower() == theirs.lower()
    now = shop.portal("GET", theirs)["tags"]
    assert now[OWNER_TAGS[0]] != "another-cluster" and now[OWNER_TAGS[2]] == "data"
    shop.apply(vault("shared"))
    shop.until("protecteddisk", "data", "Ready")
    # As the other cluster sees it: what was taken from it is not touched when its object goes.
    shop.protect_by_hand(f"{shop.namespace}-theirs", handle, vault_id, status["policyID"], now | tags)
    since = len(stack.azure.requests())
    shop.until("protecteddisk", "data", "DiskResolved", "False", "OwnedElsewhere")
    # Nor is the right that its backups need, whatever the object says.
    shop.apply(vault("shared", access={"namespaces": {}, "deletionNamespaces": {}}))
    shop.protect(policy="shared", deletionPolicy="Delete")
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    assert not stack.writes(since)


def test_an_instance_in_another_vault_is_named(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.apply(vault("first"), policy("first", "first"))
    shop.until("diskbackuppolicy", "first", "Ready")
    handle = shop.make_claim()
    vault_id = shop.get("backupvault", "first")["status"]["vaultID"]
    policy_id = shop.get("diskbackuppolicy", "first")["status"]["policyID"]
    theirs = shop.protect_by_hand(f"{shop.namespace}-first", handle, vault_id, policy_id, {})
    # By then the vault may write snapshots, and so delete them.
    stack.azure.advance(minutes=11)
    shop.protect()
    says = shop.until("protecteddisk", "data", "Validated", "False", "OwnedElsewhere")["message"]
    assert "in the vault first of backup-rg" in says and theirs.rsplit("/", 1)[1] in says
    shop.portal("DELETE", theirs)
    shop.until("protecteddisk", "data", "Ready")


def test_an_object_of_another_name_takes_over_what_is_left(stack: Stack, shop: Tenant, gold: str) -> None:
    instance = protected(shop)
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    shop.apply(disk("renamed", shop.namespace))
    shop.until("protecteddisk", "renamed", "Ready")
    assert shop.instance("renamed") == instance
    assert shop.portal("GET", instance)["tags"]["azdiskbackup.io.protecteddisk"] == "renamed"
