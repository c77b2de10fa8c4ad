"""What becomes of the disk, its claim and the access to the vault while it is protected."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.objects import SUBSCRIPTION, claim, disk_id, namespace, policy, vault, volume
from harness.processes import PATIENCE_SECONDS
from harness.stack import Stack
from harness.tenant import Tenant


def protected(shop: Tenant, **spec: object) -> str:
    handle = shop.make_claim()
    shop.protect(**spec)  # type: ignore[arg-type]
    shop.until("protecteddisk", "data", "Ready")
    return handle


def test_a_disk_that_is_gone_is_told_and_its_backups_are_kept(stack: Stack, shop: Tenant, gold: str) -> None:
    handle = protected(shop)
    since = len(stack.azure.requests())
    stack.azure.remove(handle)
    shop.until("protecteddisk", "data", "DiskResolved", "False", "DiskNotFound", within=timedelta(hours=2))
    shop.after_the_next_backup()
    assert "Restore points that exist are kept" in shop.says("protecteddisk", "data")
    assert not stack.writes(since)
    stack.azure.seed(
        disks=[
            {"subscription": SUBSCRIPTION, "group": "disks-rg", "name": handle.split("/")[-1], "location": "westeurope"}
        ]
    )
    shop.until("protecteddisk", "data", "Ready")


def test_a_claim_that_is_gone_stops_no_backup(stack: Stack, shop: Tenant, gold: str) -> None:
    protected(shop)
    since = len(stack.azure.requests())
    shop.kubectl("delete", "pvc", "data-0")
    says = shop.until("protecteddisk", "data", "DiskResolved", "False", "PersistentVolumeClaimNotFound")["message"]
    assert "'data-0'" in says
    stack.azure.advance(hours=1)
    assert not stack.writes(since)
    assert shop.portal("GET", shop.instance())["properties"]["currentProtectionState"] == "ProtectionConfigured"


def test_a_claim_made_again_with_another_disk_is_never_a_silent_switch(stack: Stack, shop: Tenant, gold: str) -> None:
    handle = protected(shop)
    since = len(stack.azure.requests())
    shop.kubectl("delete", "pvc", "data-0")
    other = f"{shop.namespace}-other"
    stack.azure.seed(
        disks=[{"subscription": SUBSCRIPTION, "group": "disks-rg", "name": other, "location": "westeurope"}]
    )
    shop.bind("data-0", other, disk_id(other))
    says = shop.until("protecteddisk", "data", "DiskResolved", "False", "DiskChanged")["message"]
    assert other in says and "Its restore points are kept" in says
    assert not stack.writes(since)
    assert shop.get("protecteddisk", "data")["status"]["disk"]["id"] == handle
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    assert shop.get("protecteddisk", "data")["status"]["disk"]["id"] == disk_id(other)


def test_a_volume_that_belongs_to_another_claim_is_not_believed(stack: Stack, shop: Tenant, gold: str) -> None:
    name = f"{shop.namespace}-elsewhere"
    stack.plane.apply(volume(name, disk_id("data"), "somebody-elses", "default"))
    stack.plane.apply(claim("stolen", name, shop.namespace))
    since = len(stack.azure.requests())
    shop.protect(claim="stolen")
    says = shop.until("protecteddisk", "data", "DiskResolved", "False", "PersistentVolumeClaimNotBound")["message"]
    assert "'stolen'" in says
    stack.azure.advance(minutes=20)
    assert not stack.writes(since)


def test_letter_case_is_no_difference(stack: Stack, shop: Tenant, gold: str) -> None:
    handle = shop.make_claim()
    shop.kubectl("delete", "pvc", "data-0")
    lower = handle.replace("resourceGroups", "resourcegroups").replace("Microsoft.Compute", "microsoft.compute")
    shop.bind("data-1", f"{shop.namespace}-lower", lower)
    shop.protect(claim="data-1")
    shop.until("protecteddisk", "data", "Ready")
    assert shop.portal("GET", shop.instance())["properties"]["dataSourceInfo"]["resourceID"].lower() == handle.lower()


def test_an_in_tree_volume_that_migrated_is_protected(stack: Stack, shop: Tenant, gold: str) -> None:
    name = f"{shop.namespace}-intree"
    handle = stack.azure.seed(
        disks=[{"subscription": SUBSCRIPTION, "group": "disks-rg", "name": name, "location": "westeurope"}]
    )["disks"][0]
    old = volume(name, handle, "old", shop.namespace)
    old["metadata"]["annotations"] = {"pv.kubernetes.io/migrated-to": "disk.csi.azure.com"}
    del old["spec"]["csi"]
    old["spec"]["azureDisk"] = {"diskName": name, "diskURI": handle, "kind": "Managed"}
    stack.plane.apply(old, claim("old", name, shop.namespace))
    shop.kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "pvc/old", f"--timeout={PATIENCE_SECONDS}s")
    shop.protect(claim="old")
    shop.until("protecteddisk", "data", "Ready")


def test_a_disk_that_grows_is_shown_as_it_is(stack: Stack, shop: Tenant, gold: str) -> None:
    handle = protected(shop)
    stack.azure.seed(
        disks=[
            {
                "subscription": SUBSCRIPTION,
                "group": "disks-rg",
                "name": handle.split("/")[-1],
                "location": "westeurope",
                "sizeGiB": 64,
                "sku": "Premium_LRS",
            }
        ]
    )
    since = len(stack.azure.requests())
    stack.azure.advance(hours=7)
    shown = shop.get("protecteddisk", "data")["status"]["disk"]
    assert (shown["sizeGiB"], shown["sku"]) == (64, "Premium_LRS")
    assert not stack.writes(since)


@pytest.mark.parametrize("which", ["namespaces", "diskIDNamespaces"])
def test_access_that_is_narrowed_stops_no_backup(stack: Stack, shop: Tenant, which: str) -> None:
    access = {"namespaces": {"matchLabels": {"team": "a"}}, "diskIDNamespaces": {"matchLabels": {"ids": "yes"}}}
    stack.plane.apply(namespace(shop.namespace, team="a", ids="yes"))
    shop.apply(vault("narrow", access=access), policy("narrow", "narrow"))
    shop.until("diskbackuppolicy", "narrow", "Ready")
    handle = shop.make_claim()
    source = {"diskID": handle} if which == "diskIDNamespaces" else {"persistentVolumeClaim": {"name": "data-0"}}
    shop.protect(policy="narrow", source=source)
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    left = {"team": "a"} if which == "diskIDNamespaces" else {"ids": "yes"}
    shop.kubectl("label", "namespace", shop.namespace, *(f"{name}-" for name in ("team", "ids") if name not in left))
    says = shop.until("protecteddisk", "data", "Accepted", "False", "NamespaceNotAllowed")["message"]
    assert "stays so" in says and "deletionPolicy: Retain" in says
    assert shop.condition("protecteddisk", "data", "Protected")["status"] == "True"
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "False"
    shop.after_the_next_backup("narrow")
    shop.until("protecteddisk", "data", "BackupHealthy", "True")
    assert not stack.writes(since)
    stack.plane.apply(namespace(shop.namespace, team="a", ids="yes"))
    shop.until("protecteddisk", "data", "Ready")
