"""What somebody changes in Azure by hand, and what Azure itself breaks: shown in its words, put right, nothing lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from azdiskbackup.core.protected_disk.desired import OWNER_TAGS
from harness.objects import SNAPSHOT_GROUP, SUBSCRIPTION, disk, policy, vault
from world.team import Team
from world.world import World

SNAPSHOTS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SNAPSHOT_GROUP}"


async def protected(shop: Team, **spec: str) -> str:
    shop.make_claim()
    await shop.protect(**spec)
    await shop.until("ProtectedDisk", "data", "Ready")
    return shop.instance()


async def test_a_configuration_that_fails_is_shown_and_tried_again(world: World, shop: Team) -> None:
    shop.make_claim()
    handle = shop.get("BackupVault", "demo")["status"]
    # While Azure configures, the right on the snapshot group is taken away.
    since = world.azure.request_count()
    await shop.protect()
    await world.passes(lambda: "backupInstances.put" in world.writes(since), "Azure configures")
    found = world.azure.arm(
        "GET",
        f"{SNAPSHOTS}/providers/Microsoft.Authorization/roleAssignments"
        f"?$filter=principalId%20eq%20'{handle['principalID']}'&api-version=2022-04-01",
    )["value"]
    for each in found:
        shop.portal("DELETE", each["id"], version="2022-04-01")
    await shop.until("ProtectedDisk", "data", "Protected", "False", "ProtectionError")
    says = shop.says("ProtectedDisk", "data")
    assert "UserErrorNotEnoughPermissionOnSnapshotRG" in says and "Azure recommends: Grant" in says
    since = world.azure.request_count()
    # While a disk is refused, the vault looks at its rights as often as at itself, and gives this one back.
    await world.passes(lambda: "roleAssignments.put" in world.writes(since), "it is there", timedelta(minutes=15))
    # Azure is asked again until it works.
    await shop.until("ProtectedDisk", "data", "Ready")
    sent = world.writes(since)
    assert "backupInstances.sync" in sent and sent.count("backupInstances.sync") <= 8
    assert ("Warning", "DriftCorrected") in shop.events("BackupVault", "demo")


@pytest.mark.parametrize("state", ["BackupSchedulesSuspended2", "SomethingNobodyKnows"])
async def test_a_state_that_nobody_knows_is_shown_as_it_is(world: World, shop: Team, state: str) -> None:
    instance = await protected(shop)
    world.azure.set_state(instance, state)
    says = (await shop.until("ProtectedDisk", "data", "Protected", "False", "UnknownProtectionState"))["message"]
    assert f"Azure reports the state {state}" in says
    assert shop.get("ProtectedDisk", "data")["status"]["protectionState"] == state
    world.azure.set_state(instance, "ProtectionConfigured")
    await shop.until("ProtectedDisk", "data", "Ready")


@pytest.mark.parametrize(
    ("wanted", "action", "putting_back"),
    [
        ("Active", "stopProtection", "backupInstances.resumeProtection"),
        ("Active", "suspendBackups", "backupInstances.resumeProtection"),
        ("Suspended", "resumeProtection", "backupInstances.suspendBackups"),
        ("Stopped", "resumeProtection", "backupInstances.stopProtection"),
    ],
)
async def test_a_mode_that_somebody_set_is_put_back(
    world: World, shop: Team, wanted: str, action: str, putting_back: str
) -> None:
    instance = await protected(shop, protection=wanted)
    shop.portal("POST", f"{instance}/{action}", {})
    since = world.azure.request_count()
    await world.passes(lambda: world.writes(since), "it is noticed")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert world.writes(since) == [putting_back]
    assert ("Warning", "DriftCorrected") in shop.events("ProtectedDisk", "data")


async def test_every_change_of_mode(world: World, shop: Team) -> None:
    await protected(shop)
    for mode, reason in (
        ("Suspended", "Suspended"),
        ("Active", "Protected"),
        ("Stopped", "Stopped"),
        ("Suspended", "Suspended"),
        ("Stopped", "Stopped"),
        ("Active", "Protected"),
    ):
        await shop.protect(protection=mode)
        await shop.until("ProtectedDisk", "data", "Ready", "True", reason)
    assert ("Warning", "DriftCorrected") not in shop.events("ProtectedDisk", "data"), "a person asked for it here"


async def test_the_restore_points_of_an_instance_that_is_gone_are_not_those_of_the_next(
    world: World, shop: Team
) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    await world.advance(minutes=20)
    assert shop.get("ProtectedDisk", "data")["status"]["restorePoints"]["count"] == 1
    (vault,) = world.azure.service.azure.vaults.all.values()
    vault.instances.clear()
    await world.passes(lambda: vault.instances, "it is put back")
    await shop.until("ProtectedDisk", "data", "Ready")
    await world.advance(minutes=15)
    assert shop.get("ProtectedDisk", "data")["status"]["restorePoints"]["count"] == 0


async def test_a_policy_that_somebody_set_is_put_back(world: World, shop: Team) -> None:
    await shop.apply(policy("other", "demo", schedule={"frequency": "Daily"}))
    await shop.until("DiskBackupPolicy", "other", "Ready")
    instance = await protected(shop)
    body = shop.portal("GET", instance)
    body["properties"]["policyInfo"]["policyId"] = shop.get("DiskBackupPolicy", "other")["status"]["policyID"]
    shop.portal("PUT", instance, {"tags": body["tags"], "properties": body["properties"]})
    since = world.azure.request_count()
    await world.passes(lambda: "backupInstances.put" in world.writes(since), "it is noticed")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert ("Warning", "DriftCorrected") in shop.events("ProtectedDisk", "data")
    assert shop.get("ProtectedDisk", "data")["status"]["policyID"].split("/")[-1].startswith("gold-")


async def test_a_deleted_instance_is_brought_back(world: World, shop: Team) -> None:
    instance = await protected(shop)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    shop.portal("DELETE", instance)
    since = world.azure.request_count()
    await world.passes(lambda: world.writes(since), "it is noticed")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert world.writes(since) == ["deletedBackupInstances.undelete", "backupInstances.resumeProtection"]
    assert ("Warning", "DriftCorrected") in shop.events("ProtectedDisk", "data")
    assert shop.get("ProtectedDisk", "data")["status"]["restorePoints"]["count"] == 1, "nothing was lost"


async def test_a_policy_and_a_vault_that_somebody_deleted_are_made_again(world: World, shop: Team) -> None:
    await shop.apply(vault("swept"), policy("swept", "swept"))
    await shop.until("DiskBackupPolicy", "swept", "Ready")
    known = shop.get("DiskBackupPolicy", "swept")["status"]["policyID"]
    shop.portal("DELETE", known)
    await world.passes(
        lambda: ("Warning", "DriftCorrected") in shop.events("DiskBackupPolicy", "swept"), "it is noticed"
    )
    await shop.until("DiskBackupPolicy", "swept", "Ready")
    shop.portal("DELETE", known)
    shop.portal("DELETE", shop.get("BackupVault", "swept")["status"]["vaultID"])
    await world.advance(seconds=5)
    await world.passes(lambda: ("Warning", "DriftCorrected") in shop.events("BackupVault", "swept"), "it is noticed")
    await shop.until("BackupVault", "swept", "Ready")
    await shop.until("DiskBackupPolicy", "swept", "Ready")


async def test_a_vault_that_is_run_elsewhere_is_used_and_never_written(world: World, shop: Team) -> None:
    since = world.azure.request_count()
    await shop.apply(vault("terraform", managementPolicy="Observe"), policy("terraform", "terraform"))
    says = (await shop.until("BackupVault", "terraform", "Synced", "False", "VaultMissing"))["message"]
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
    await shop.until("BackupVault", "terraform", "Ready")
    drift = shop.condition("BackupVault", "terraform", "Synced")
    assert (drift["status"], drift["reason"]) == ("False", "DriftDetected")
    assert "`softDelete.retentionDays`" in drift["message"]
    shop.make_claim()
    await shop.protect(policy="terraform")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert not [route for route in world.writes(since) if route.startswith("backupVaults.p")]


# --- instances that are there already ---------------------------------------------------------------


@pytest.mark.parametrize("deleted", [False, True], ids=["living", "soft-deleted"])
async def test_an_instance_that_nobody_owns_is_taken_over(world: World, shop: Team, deleted: bool) -> None:
    handle = shop.make_claim()
    status = shop.get("DiskBackupPolicy", "gold")["status"]
    vault_id = shop.get("BackupVault", "demo")["status"]["vaultID"]
    theirs = await shop.protect_by_hand(
        f"{shop.namespace}-by-hand", handle, vault_id, status["policyID"], {"mine": "yes"}
    )
    if deleted:
        await world.advance(minutes=15)
        shop.portal("DELETE", theirs)
        await world.advance(minutes=1)
    since = world.azure.request_count()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    assert shop.instance() == theirs
    tags = shop.portal("GET", theirs)["tags"]
    assert tags["mine"] == "yes" and tags["azdiskbackup.io.protecteddisk"] == "data"
    assert ("deletedBackupInstances.undelete" in world.writes(since)) is deleted


async def test_an_instance_of_another_cluster_is_left_alone(world: World, shop: Team) -> None:
    handle = shop.make_claim()
    status = shop.get("DiskBackupPolicy", "gold")["status"]
    vault_id = shop.get("BackupVault", "demo")["status"]["vaultID"]
    tags = {
        "azdiskbackup.io.cluster": "another-cluster",
        "azdiskbackup.io.namespace": "far",
        "azdiskbackup.io.protecteddisk": "away",
    }
    theirs = await shop.protect_by_hand(f"{shop.namespace}-theirs", handle, vault_id, status["policyID"], tags)
    since = world.azure.request_count()
    await shop.protect()
    says = (await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "OwnedElsewhere"))["message"]
    assert "the cluster another-cluster (ProtectedDisk far/away)" in says
    waits_since = world.azure.request_count()
    await world.advance(hours=12)
    assert not world.azure.counts(waits_since)["backupInstances.get"], "the sweep shows whose it is"
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert not [each for each in world.azure.requests(since) if each.writes and theirs in each.path]


async def test_an_instance_of_another_cluster_is_taken_over_where_the_vault_says_so(world: World, shop: Team) -> None:
    await shop.apply(vault("shared"), policy("shared", "shared"))
    await shop.until("DiskBackupPolicy", "shared", "Ready")
    handle = shop.make_claim()
    status = shop.get("DiskBackupPolicy", "shared")["status"]
    vault_id = shop.get("BackupVault", "shared")["status"]["vaultID"]
    tags = dict(zip(OWNER_TAGS, ("another-cluster", "far", "away"), strict=True))
    theirs = await shop.protect_by_hand(f"{shop.namespace}-theirs", handle, vault_id, status["policyID"], tags)
    await shop.protect(policy="shared")
    await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "OwnedElsewhere")
    await shop.apply(vault("shared", access={"namespaces": {}, "adoptFromClusters": ["another-cluster"]}))
    await shop.until("ProtectedDisk", "data", "Ready")
    assert shop.instance().lower() == theirs.lower()
    now = shop.portal("GET", theirs)["tags"]
    assert now[OWNER_TAGS[0]] != "another-cluster" and now[OWNER_TAGS[2]] == "data"
    await shop.apply(vault("shared"))
    await shop.until("ProtectedDisk", "data", "Ready")
    # As the other cluster sees it: what was taken from it is not touched when its object goes.
    await shop.protect_by_hand(f"{shop.namespace}-theirs", handle, vault_id, status["policyID"], now | tags)
    since = world.azure.request_count()
    await shop.until("ProtectedDisk", "data", "DiskResolved", "False", "OwnedElsewhere")
    # Nor is the right that its backups need, whatever the object says.
    await shop.apply(vault("shared", access={"namespaces": {}, "deletionNamespaces": {}}))
    await shop.protect(policy="shared", deletionPolicy="Delete")
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert not world.writes(since)


async def test_an_instance_in_another_vault_is_named(world: World, shop: Team) -> None:
    await shop.apply(vault("first"), policy("first", "first"))
    await shop.until("DiskBackupPolicy", "first", "Ready")
    handle = shop.make_claim()
    vault_id = shop.get("BackupVault", "first")["status"]["vaultID"]
    policy_id = shop.get("DiskBackupPolicy", "first")["status"]["policyID"]
    theirs = await shop.protect_by_hand(f"{shop.namespace}-first", handle, vault_id, policy_id, {})
    # By then the vault may write snapshots, and so delete them.
    await world.advance(minutes=11)
    await shop.protect()
    says = (await shop.until("ProtectedDisk", "data", "Validated", "False", "OwnedElsewhere"))["message"]
    assert "in the vault first of backup-rg" in says and theirs.rsplit("/", 1)[1] in says
    shop.portal("DELETE", theirs)
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_an_object_of_another_name_takes_over_what_is_left(world: World, shop: Team) -> None:
    instance = await protected(shop)
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    await shop.apply(disk("renamed", shop.namespace))
    await shop.until("ProtectedDisk", "renamed", "Ready")
    assert shop.instance("renamed") == instance
    assert shop.portal("GET", instance)["tags"]["azdiskbackup.io.protecteddisk"] == "renamed"


async def test_a_policy_that_somebody_deletes_keeps_no_disk_for_long(world: World, shop: Team) -> None:
    """Azure calls it an invalid parameter; the policy is created anew, and the disk goes on with it."""
    shop.make_claim()
    policy_id = shop.get("DiskBackupPolicy", "gold")["status"]["policyID"]
    shop.portal("DELETE", policy_id)
    await shop.protect()
    applied = world.clock.now()
    await shop.until("ProtectedDisk", "data", "Ready")
    assert world.clock.now() - applied < timedelta(minutes=45)


async def test_a_role_that_somebody_takes_away_is_given_back_within_the_hour(world: World, shop: Team) -> None:
    """Before any disk is refused for it: that it exists is verified once an hour."""
    await protected(shop)
    await shop.after_the_next_backup()
    principal = shop.get("BackupVault", "demo")["status"]["principalID"]
    url = f"{SNAPSHOTS}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId%20eq%20'{principal}'"
    found = [each["id"] for each in world.azure.arm("GET", f"{url}&api-version=2022-04-01")["value"]]
    assert found
    since = world.azure.request_count()
    for each in found:
        shop.portal("DELETE", each, version="2022-04-01")
    # It was there: two looks, a while apart, prove that it is gone.
    await world.passes(lambda: world.writes(since), "it is there again", timedelta(minutes=75))
    assert world.writes(since) == ["roleAssignments.put"] * len(found)
    await shop.until("BackupVault", "demo", "Ready")
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_an_identity_that_another_tool_takes_away_is_given_back(world: World, shop: Team) -> None:
    """A PUT replaces the whole vault: one without an identity leaves it without, and its backups fail."""
    await protected(shop)
    vault_id = shop.get("BackupVault", "demo")["status"]["vaultID"]
    before = shop.portal("GET", vault_id)
    shop.portal("PUT", vault_id, {**before, "identity": {"type": "None"}})
    await world.advance(minutes=1)
    assert "identity" not in shop.portal("GET", vault_id)
    await world.passes(lambda: "identity" in shop.portal("GET", vault_id), "the identity is back", timedelta(hours=26))
    await shop.until("BackupVault", "demo", "Ready")
    await shop.until("ProtectedDisk", "data", "Ready")
    await world.passes(lambda: world.azure.points_kept() > 0, "its rights are back, too", timedelta(hours=8))
