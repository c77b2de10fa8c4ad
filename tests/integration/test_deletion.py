"""Deleting: what `deletionPolicy` says, in words, and nothing more; everything in order, nothing left hanging."""

import pytest

from harness.objects import LOCATION, SUBSCRIPTION, namespace, policy, vault
from harness.stack import Stack
from harness.tenant import Tenant


def test_retain_stops_and_keeps_everything(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    assert stack.writes(since) == ["backupInstances.stopProtection"]
    # Protected again: the same instance is resumed, no other one is made.
    since = len(stack.azure.requests())
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    assert stack.writes(since) == ["backupInstances.resumeProtection"]


def test_suspend_lets_restore_points_expire(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect(deletionPolicy="Suspend")
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    assert stack.writes(since) == ["backupInstances.suspendBackups"]


def test_modes_of_protection(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    for mode, reason, state in (
        ("Suspended", "Suspended", "BackupsSuspended"),
        ("Stopped", "Stopped", "ProtectionStopped"),
        ("Active", "Protected", "ProtectionConfigured"),
    ):
        shop.protect(protection=mode)
        shop.until("protecteddisk", "data", "Ready", "True", reason)
        assert shop.get("protecteddisk", "data")["status"]["protectionState"] == state


def test_delete_needs_the_vaults_leave_and_revokes_afterwards(stack: Stack, shop: Tenant) -> None:
    shop.apply(
        vault("purge", access={"deletionNamespaces": {"matchLabels": {"may": "purge"}}}), policy("purge", "purge")
    )
    shop.make_claim()
    shop.protect(policy="purge", deletionPolicy="Delete")
    shop.until("protecteddisk", "data", "Ready")
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    says = shop.until("protecteddisk", "data", "Protected", "False", "DeletionNotAllowed")["message"]
    assert "destroys restore points" in says
    since = len(stack.azure.requests())
    stack.plane.apply(namespace(shop.namespace, may="purge"))
    shop.gone("protecteddisk", "data")
    assert stack.writes(since) == ["backupInstances.delete", "roleAssignments.delete"], "delete first, revoke after"


def test_used_things_stay_until_nothing_uses_them(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("leaving", deletionPolicy="Delete"), policy("leaving", "leaving"))
    shop.until("diskbackuppolicy", "leaving", "Ready")
    shop.make_claim()
    shop.protect(policy="leaving")
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    shop.kubectl("delete", "backupvault,diskbackuppolicy", "leaving", "--wait=false")
    says = shop.until("diskbackuppolicy", "leaving", "Synced", "False", "InUse")["message"]
    assert f"{shop.namespace}/data" in says
    assert "leaving" in shop.until("backupvault", "leaving", "Synced", "False", "InUse")["message"]
    assert not stack.writes(since)
    # The disk goes; its instance is kept, stopped, so neither policy nor vault can be deleted in Azure.
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    shop.passes(
        lambda: "cannot be deleted yet: the backup instances" in shop.says("diskbackuppolicy", "leaving"), "why"
    )
    assert stack.writes(since) == ["backupInstances.stopProtection"], "nothing is tried that Azure would refuse"
    # The person decides to leave them in Azure.
    keep = '{"spec":{"deletionPolicy":"Retain"}}'
    shop.kubectl("patch", "diskbackuppolicy", "leaving", "--type=merge", "-p", keep)
    shop.gone("diskbackuppolicy", "leaving")
    says = shop.until("backupvault", "leaving", "Synced", "False", "InUse")["message"]
    assert "still holds 1 backup instances" in says
    shop.kubectl("patch", "backupvault", "leaving", "--type=merge", "-p", keep)
    shop.gone("backupvault", "leaving")


def test_an_empty_vault_is_deleted_and_its_rights_after_it(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("empty", deletionPolicy="Delete"), policy("empty", "empty"))
    shop.until("diskbackuppolicy", "empty", "Ready")
    since = len(stack.azure.requests())
    shop.kubectl("delete", "backupvault,diskbackuppolicy", "empty", "--wait=false")
    shop.gone("backupvault", "empty")
    assert stack.writes(since) == ["backupPolicies.delete", "backupVaults.delete", "roleAssignments.delete"]


def test_a_finished_backup_goes_when_its_time_is_over(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.back_up(ttlSecondsAfterFinished=600)
    shop.until("ondemandbackup", "now", "Succeeded")
    stack.azure.advance(minutes=8)
    assert shop.get("ondemandbackup", "now")
    shop.gone("ondemandbackup", "now")


# --- soft delete ------------------------------------------------------------------------------------


def purging(shop: Tenant, name: str, **spec: object) -> None:
    """Protect a disk, by a vault of its own, with leave to delete its backups."""
    shop.apply(vault(name, access={"deletionNamespaces": {}}, **spec), policy(name, name))
    shop.until("diskbackuppolicy", name, "Ready")
    shop.make_claim()
    shop.protect(policy=name, deletionPolicy="Delete")
    shop.until("protecteddisk", "data", "Ready")


def leave(shop: Tenant, *names: str) -> None:
    for name in names:
        shop.kubectl("delete", *name.split("/"), "--wait=false")


def test_what_was_deleted_softly_is_brought_back_by_protecting_the_disk_again(stack: Stack, shop: Tenant) -> None:
    purging(shop, "undo")
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")
    instance = shop.instance()
    leave(shop, "protecteddisk/data")
    shop.gone("protecteddisk", "data")
    since = len(stack.azure.requests())
    shop.protect(policy="undo", deletionPolicy="Delete")
    shop.until("protecteddisk", "data", "Ready")
    sent = stack.writes(since)
    assert sent.index("roleAssignments.put") < sent.index("deletedBackupInstances.undelete"), "it was revoked"
    assert sent[-2:] == ["deletedBackupInstances.undelete", "backupInstances.resumeProtection"]
    assert shop.instance() == instance
    shop.passes(lambda: shop.get("protecteddisk", "data")["status"].get("restorePoints", {}).get("count"), "its points")


def test_vault_and_policy_wait_for_what_is_deleted_softly(stack: Stack, shop: Tenant) -> None:
    purging(shop, "waits", deletionPolicy="Delete")
    leave(shop, "protecteddisk/data")
    shop.gone("protecteddisk", "data")
    since = len(stack.azure.requests())
    leave(shop, "backupvault/waits", "diskbackuppolicy/waits")
    says = shop.until("diskbackuppolicy", "waits", "Synced", "False", "KeptBySoftDelete")["message"]
    assert "soft-deleted backup instances refer to it until 2026-" in says
    stack.azure.advance(hours=2)
    assert not stack.writes(since)
    assert stack.stop_operator() == 0
    stack.azure.advance(days=14)
    stack.start_operator()
    shop.gone("diskbackuppolicy", "waits")
    shop.gone("backupvault", "waits")
    assert stack.writes(since) == ["backupPolicies.delete", "backupVaults.delete", "roleAssignments.delete"]


def test_a_vault_says_until_when_soft_delete_keeps_it(stack: Stack, shop: Tenant) -> None:
    purging(shop, "kept", deletionPolicy="Delete")
    leave(shop, "protecteddisk/data")
    shop.gone("protecteddisk", "data")
    shop.kubectl("patch", "diskbackuppolicy", "kept", "--type=merge", "-p", '{"spec":{"deletionPolicy":"Retain"}}')
    leave(shop, "diskbackuppolicy/kept", "backupvault/kept")
    says = shop.until("backupvault", "kept", "Synced", "False", "KeptBySoftDelete")["message"]
    assert "keeps 1 soft-deleted backup instances until 2026-" in says
    shop.kubectl("patch", "backupvault", "kept", "--type=merge", "-p", '{"spec":{"deletionPolicy":"Retain"}}')
    shop.gone("backupvault", "kept")


@pytest.mark.parametrize("missing", ["the group", "the right"])
def test_deleting_backups_without_what_it_needs_says_what_to_restore(stack: Stack, shop: Tenant, missing: str) -> None:
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/gone-rg"
    stack.azure.seed(groups=[{"subscription": SUBSCRIPTION, "name": "gone-rg", "location": LOCATION}])
    purging(shop, "lacking", snapshotResourceGroups=[{"name": "gone-rg"}])
    principal = shop.get("backupvault", "lacking")["status"]["principalID"]
    # The vault's object is told to keep away, or it would give the right back at once.
    lacking = vault("lacking", access={"deletionNamespaces": {}}, snapshotResourceGroups=[{"name": "gone-rg"}])
    lacking["spec"]["roleAssignments"] = "Preassigned"
    shop.apply(lacking)
    path = f"{group}/providers/Microsoft.Authorization/roleAssignments"
    filtered = f"{path}?$filter=principalId%20eq%20'{principal}'&api-version=2022-04-01"
    held = shop.azure.arm("GET", filtered)["value"]
    for each in held:
        shop.portal("DELETE", each["id"], version="2022-04-01")
    if missing == "the group":
        stack.azure.remove(group)
    leave(shop, "protecteddisk/data")
    shop.passes(lambda: "restore what is missing" in shop.says("protecteddisk", "data"), "what to restore")
    says = shop.says("protecteddisk", "data")
    assert principal in says and "Disk Snapshot Contributor" in says and "gone-rg" in says
    stack.azure.advance(hours=1)
    assert shop.get("protecteddisk", "data"), "nothing is forgotten that is still there"
    stack.azure.seed(groups=[{"subscription": SUBSCRIPTION, "name": "gone-rg", "location": LOCATION}])
    body = {key: held[0]["properties"][key] for key in ("roleDefinitionId", "principalId", "principalType")}
    shop.portal("PUT", f"{path}/{held[0]['name']}", {"properties": body}, "2022-04-01")
    shop.gone("protecteddisk", "data")


# --- every order -------------------------------------------------------------------------------------

EVERYTHING = ("backupvault/all", "diskbackuppolicy/all", "protecteddisk/data", "pvc/data-0", "ondemandbackup/now")


@pytest.mark.parametrize("first", EVERYTHING)
@pytest.mark.parametrize("deletion", ["Retain", "Suspend", "Delete"])
def test_everything_goes_in_whatever_order_it_is_deleted(stack: Stack, shop: Tenant, first: str, deletion: str) -> None:
    shop.apply(vault("all", access={"deletionNamespaces": {}}), policy("all", "all", deletionPolicy="Retain"))
    shop.make_claim()
    shop.protect(policy="all", deletionPolicy=deletion)
    shop.until("protecteddisk", "data", "Ready")
    shop.back_up()
    since = len(stack.azure.requests())
    at = EVERYTHING.index(first)
    for name in (*EVERYTHING[at:], *EVERYTHING[:at]):
        leave(shop, name)
        stack.azure.advance(seconds=30)
    for name in EVERYTHING:
        if not name.startswith("pvc"):
            shop.gone(*name.split("/"))
    sent = [route for route in stack.writes(since) if route != "backupInstances.backup"]
    expected = {
        "Retain": ["backupInstances.stopProtection"],
        "Suspend": ["backupInstances.suspendBackups"],
        "Delete": ["backupInstances.delete", "roleAssignments.delete"],
    }
    assert sent == expected[deletion]
