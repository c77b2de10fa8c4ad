"""Deleting: what `deletionPolicy` says, in words, and nothing more; everything in order, nothing left hanging."""

from harness.objects import namespace, policy, vault
from harness.stack import Stack
from harness.tenant import Tenant


def states(stack: Stack, since: int) -> list[str]:
    return [each.route for each in stack.azure.requests(since) if each.writes]


def test_retain_stops_and_keeps_everything(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    assert states(stack, since) == ["backupInstances.stopProtection"]
    # Protected again: the same instance is resumed, no other one is made.
    since = len(stack.azure.requests())
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    assert states(stack, since) == ["backupInstances.resumeProtection"]


def test_suspend_lets_restore_points_expire(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect(deletionPolicy="Suspend")
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    assert states(stack, since) == ["backupInstances.suspendBackups"]


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
    assert states(stack, since) == ["backupInstances.delete", "roleAssignments.delete"], "delete first, revoke after"


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
    assert not states(stack, since)
    # The disk goes; its instance is kept, stopped, so neither policy nor vault can be deleted in Azure.
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    shop.passes(
        lambda: "cannot be deleted yet: the backup instances" in shop.says("diskbackuppolicy", "leaving"), "why"
    )
    assert states(stack, since) == ["backupInstances.stopProtection"], "nothing is tried that Azure would refuse"
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
    assert states(stack, since) == ["backupPolicies.delete", "backupVaults.delete", "roleAssignments.delete"]


def test_a_finished_backup_goes_when_its_time_is_over(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.back_up(ttlSecondsAfterFinished=600)
    shop.until("ondemandbackup", "now", "Succeeded")
    stack.azure.advance(minutes=8)
    assert shop.get("ondemandbackup", "now")
    shop.gone("ondemandbackup", "now")
