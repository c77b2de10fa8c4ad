"""What a person gets wrong: refused at admission, or told in a condition, with nothing sent to Azure, and healed."""

import pytest

from controlplane.plane import KubectlError
from harness.objects import backup, disk, namespace, policy, vault
from harness.stack import Stack
from harness.tenant import Tenant


def refused(shop: Tenant, wanted: dict[str, object]) -> str:
    """Return what the API server says about an object that it must refuse."""
    with pytest.raises(KubectlError) as error:
        shop.stack.plane.apply(wanted)
    return str(error.value)


def told(shop: Tenant, kind: str, name: str, type_: str, reason: str) -> str:
    """Return the message of a condition that is False for a reason; Ready says the same."""
    message = shop.until(kind, name, type_, "False", reason)["message"]
    assert shop.condition(kind, name, "Ready")["reason"] == reason
    return str(message)


def writes(stack: Stack, since: int, name: str) -> list[str]:
    """Return the routes of writes to Azure that have to do with a disk."""
    return [each.route for each in stack.azure.requests(since) if each.writes and name in f"{each.path} {each.body}"]


# --- refused at admission -----------------------------------------------------------------------


def test_wrong_enum(shop: Tenant) -> None:
    says = refused(shop, disk(namespace=shop.namespace, protection="Sometimes"))
    assert "spec.protection" in says and '"Active", "Suspended", "Stopped"' in says


def test_wrong_time(shop: Tenant) -> None:
    says = refused(shop, policy("bad", schedule={"frequency": "Daily", "startTime": "25:00"}))
    assert "spec.schedule.startTime" in says


def test_hours_without_hourly_and_hourly_without_hours(shop: Tenant) -> None:
    for schedule in ({"frequency": "Daily", "intervalHours": 4}, {"frequency": "Hourly"}):
        assert "must be set when `frequency` is 'Hourly', and only then" in refused(
            shop, policy("bad", schedule=schedule)
        )


@pytest.mark.parametrize("both", [True, False])
def test_both_sources_or_neither(shop: Tenant, both: bool) -> None:
    names = {"persistentVolumeClaim": {"name": "data-0"}, "diskID": shop_disk_id()} if both else {}
    says = refused(shop, disk(namespace=shop.namespace, source=names))
    assert "must have exactly one of `persistentVolumeClaim` and `diskID`" in says


def shop_disk_id() -> str:
    return "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers/Microsoft.Compute/disks/d"


def test_a_name_that_azure_does_not_take_needs_another_one_beside_it(shop: Tenant) -> None:
    assert "or `spec.azureName` must be set" in refused(shop, vault("with.dots"))
    assert "or `spec.azureName` must be set" in refused(shop, policy("with.dots"))


def test_two_groups_for_one_subscription(shop: Tenant) -> None:
    says = refused(shop, vault("bad", snapshotResourceGroups=[{"name": "a"}, {"name": "b"}]))
    assert "must name at most one group for each subscription" in says


# --- told in a condition, and healed ------------------------------------------------------------


def test_over_full_policy(stack: Stack, shop: Tenant, gold: str) -> None:
    hourly = {"frequency": "Hourly", "intervalHours": 1}
    since = len(stack.azure.requests())
    shop.apply(policy("full", "demo", schedule=hourly, retention={"default": {"days": 30}}))
    says = told(shop, "diskbackuppolicy", "full", "Accepted", "TooManyRestorePoints")
    assert "720 restore points" in says and "450: 720 (24 a day for 30 days)" in says
    assert not [each for each in stack.azure.requests(since) if each.route.startswith("backupPolicies")
                and "/full-" in each.path]  # fmt: skip
    shop.apply(policy("full", "demo", schedule=hourly, retention={"default": {"days": 18}}))
    shop.until("diskbackuppolicy", "full", "Ready")
    shop.kubectl("delete", "diskbackuppolicy", "full", "--wait=false")


def test_unknown_time_zone(shop: Tenant, gold: str) -> None:
    daily = {"frequency": "Daily", "timeZone": "Europe/Atlantis"}
    shop.apply(policy("lost", "demo", schedule=daily))
    assert "Europe/Atlantis" in told(shop, "diskbackuppolicy", "lost", "Accepted", "TimeZoneUnknown")
    shop.apply(policy("lost", "demo", schedule=daily | {"timeZone": "Europe/Berlin"}))
    shop.until("diskbackuppolicy", "lost", "Ready")
    shop.kubectl("delete", "diskbackuppolicy", "lost", "--wait=false")


def test_unknown_policy(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    since = len(stack.azure.requests())
    shop.protect(policy="later")
    assert "There is no DiskBackupPolicy 'later'" in told(shop, "protecteddisk", "data", "Accepted", "PolicyNotFound")
    assert not writes(stack, since, shop.namespace)
    shop.apply(policy("later", "demo"))
    shop.until("protecteddisk", "data", "Ready")


def test_unknown_vault(stack: Stack, shop: Tenant) -> None:
    shop.make_claim()
    shop.apply(policy("early", "late-vault"))
    shop.protect(policy="early")
    says = told(shop, "diskbackuppolicy", "early", "VaultReady", "VaultNotFound")
    assert "There is no BackupVault 'late-vault'" in says
    assert "is not ready" in told(shop, "protecteddisk", "data", "Accepted", "PolicyNotReady")
    shop.apply(vault("late-vault"))
    shop.until("protecteddisk", "data", "Ready")


def test_missing_claim(stack: Stack, shop: Tenant, gold: str) -> None:
    since = len(stack.azure.requests())
    shop.protect()
    says = told(shop, "protecteddisk", "data", "DiskResolved", "PersistentVolumeClaimNotFound")
    assert "There is no PVC 'data-0'" in says
    assert not writes(stack, since, shop.namespace)
    shop.make_claim()
    shop.until("protecteddisk", "data", "Ready")


def test_claim_of_another_driver(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim(driver="file.csi.azure.com")
    since = len(stack.azure.requests())
    shop.protect()
    says = told(shop, "protecteddisk", "data", "DiskResolved", "NotAnAzureDisk")
    assert "file.csi.azure.com" in says and shop.condition("protecteddisk", "data", "Stalled")["status"] == "True"
    assert not writes(stack, since, shop.namespace)
    # The team makes the claim again, on a disk this time.
    shop.kubectl("delete", "pvc", "data-0")
    handle = f"{shop.namespace}-second"
    stack.azure.seed(disks=[{"subscription": "11111111-1111-4111-8111-111111111111", "group": "disks-rg",
                             "name": handle, "location": "westeurope"}])  # fmt: skip
    shop.bind("data-0", handle, shop_disk_id().replace("/g/", "/disks-rg/").replace("disks/d", f"disks/{handle}"))
    shop.until("protecteddisk", "data", "Ready")


def test_disk_in_another_region(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim(location="northeurope")
    since = len(stack.azure.requests())
    shop.protect()
    says = told(shop, "protecteddisk", "data", "DiskResolved", "RegionDiffers")
    assert "northeurope" in says and "westeurope" in says
    assert not writes(stack, since, shop.namespace)
    shop.apply(vault("north", location="northeurope"), policy("north", "north"))
    shop.protect(policy="north")
    shop.until("protecteddisk", "data", "Ready")


def test_namespace_without_access(stack: Stack, shop: Tenant) -> None:
    shop.make_claim()
    shop.apply(
        vault("exclusive", access={"namespaces": {"matchLabels": {"tier": "gold"}}}), policy("exclusive", "exclusive")
    )
    shop.until("diskbackuppolicy", "exclusive", "Ready")
    since = len(stack.azure.requests())
    shop.protect(policy="exclusive")
    says = told(shop, "protecteddisk", "data", "Accepted", "NamespaceNotAllowed")
    assert "does not serve the namespace" in says
    assert not writes(stack, since, shop.namespace)
    stack.plane.apply(namespace(shop.namespace, tier="gold"))
    shop.until("protecteddisk", "data", "Ready")


def test_disk_by_id_only_where_the_vault_allows_it(stack: Stack, shop: Tenant) -> None:
    shop.apply(
        vault("byid", access={"diskIDNamespaces": {"matchLabels": {"may": "name-disks"}}}), policy("byid", "byid")
    )
    shop.until("diskbackuppolicy", "byid", "Ready")
    handle = shop.make_claim()
    shop.apply(disk("data", shop.namespace, policy="byid", source={"diskID": handle}))
    says = told(shop, "protecteddisk", "data", "Accepted", "NamespaceNotAllowed")
    assert "by ARM id" in says
    stack.plane.apply(namespace(shop.namespace, may="name-disks"))
    shop.until("protecteddisk", "data", "Ready")


def test_retention_rule_that_the_policy_lacks(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    shop.back_up("now", "data", retentionRule="Weekly")
    says = shop.until("ondemandbackup", "now", "Accepted", "False", "RetentionRuleMissing")["message"]
    assert "no retention rule 'Weekly', only Default" in says
    assert shop.condition("ondemandbackup", "now", "Succeeded")["status"] == "Unknown", "it is not final"
    assert not [each for each in stack.azure.requests(since) if each.route == "backupInstances.backup"]
    shop.apply(policy("weekly", "demo", retention={"weekly": {"days": 84}}))
    shop.protect(policy="weekly")
    shop.until("ondemandbackup", "now", "Succeeded")


def test_snapshot_group_that_is_missing(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("no-group", snapshotResourceGroups=[{"name": "later-rg"}]))
    says = told(shop, "backupvault", "no-group", "SnapshotResourceGroupsReady", "ResourceGroupMissing")
    assert "later-rg does not exist" in says and "`create: true`" in says
    stack.azure.seed(groups=[{"subscription": "11111111-1111-4111-8111-111111111111", "name": "later-rg",
                              "location": "westeurope"}])  # fmt: skip
    shop.until("backupvault", "no-group", "Ready")


def test_a_second_object_for_one_claim_waits_for_the_older_one(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect("first")
    shop.until("protecteddisk", "first", "Ready")
    shop.protect("second")
    assert "'first' already protects" in told(shop, "protecteddisk", "second", "Accepted", "ProtectedTwice")
    shop.kubectl("delete", "protecteddisk", "first", "--wait=false")
    shop.gone("protecteddisk", "first")
    shop.until("protecteddisk", "second", "Ready")


def test_backup_of_an_unknown_disk_waits_for_it(shop: Tenant, gold: str) -> None:
    shop.stack.plane.apply(backup("now", shop.namespace, "data"))
    shop.seen("ondemandbackup", "now")
    says = shop.until("ondemandbackup", "now", "Accepted", "False", "ProtectedDiskNotFound")["message"]
    assert "There is no ProtectedDisk 'data'" in says
    shop.make_claim()
    shop.protect()
    shop.until("ondemandbackup", "now", "Succeeded")
