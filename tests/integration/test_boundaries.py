"""What one team can do to another, and what others did before: nothing is taken, nothing destroyed, nothing loops."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from harness.objects import SNAPSHOT_GROUP, SUBSCRIPTION, disk, namespace, policy, vault
from harness.processes import PATIENCE_SECONDS
from harness.stack import Stack
from harness.tenant import Tenant

CONTRIBUTOR = "7efff54f-a5b4-42b5-a1c5-5411624893ce"


@pytest.fixture
def stranger(stack: Stack, shop: Tenant) -> Iterator[Tenant]:
    tenant = Tenant(stack, f"{shop.namespace}-stranger")
    tenant.create()
    yield tenant
    tenant.clear()


@pytest.mark.parametrize("deletion", ["Retain", "Suspend", "Delete"])
def test_nobody_stops_or_deletes_anothers_backups(stack: Stack, shop: Tenant, stranger: Tenant, deletion: str) -> None:
    """A stranger names the disk by its id, keeps the object from vanishing with a finalizer, and deletes it."""
    name = f"shared-{deletion.lower()}"
    shop.apply(
        vault(name, access={"diskIDNamespaces": {"matchLabels": {"may": "ids"}}, "deletionNamespaces": {}}),
        policy(name, name),
    )
    handle = shop.make_claim()
    shop.protect(policy=name)
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    theirs = disk("theft", stranger.namespace, policy=name, source={"diskID": handle}, deletionPolicy=deletion)
    theirs["metadata"]["finalizers"] = ["example.com/mine"]
    stranger.apply(theirs)
    stranger.until("protecteddisk", "theft", "Accepted", "False", "NamespaceNotAllowed")
    stranger.kubectl("delete", "protecteddisk", "theft", "--wait=false")
    stack.azure.advance(minutes=30)
    assert stack.writes(since) == []
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"
    stranger.kubectl("patch", "protecteddisk", "theft", "--type=merge", "-p", '{"metadata":{"finalizers":[]}}')


def test_of_two_teams_with_one_disk_the_first_one_keeps_it(stack: Stack, shop: Tenant, stranger: Tenant) -> None:
    shop.apply(vault("both", access={"diskIDNamespaces": {}}), policy("both", "both"))
    handle = shop.make_claim()
    shop.protect(policy="both")
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    stranger.apply(disk("theirs", stranger.namespace, policy="both", source={"diskID": handle}, protection="Stopped"))
    says = stranger.until("protecteddisk", "theirs", "DiskResolved", "False", "OwnedElsewhere")["message"]
    assert f"{shop.namespace}/data" in says
    stranger.kubectl("delete", "protecteddisk", "theirs", "--wait=false")
    stranger.gone("protecteddisk", "theirs")
    assert stack.writes(since) == []


def test_a_disk_does_not_change_its_vault(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.apply(vault("lax", access={"deletionNamespaces": {}}), policy("lax", "lax"))
    shop.until("diskbackuppolicy", "lax", "Ready")
    shop.make_claim()
    shop.protect(deletionPolicy="Delete")
    shop.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    shop.protect(policy="lax", deletionPolicy="Delete")
    shop.until("protecteddisk", "data", "DiskResolved", "False", "OtherVault")
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.until("protecteddisk", "data", "Protected", "False", "DeletionNotAllowed")
    assert stack.writes(since) == []
    shop.protect(policy=gold, deletionPolicy="Retain")
    shop.gone("protecteddisk", "data")


def test_rights_that_somebody_granted_before_are_as_good(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("granted", snapshotResourceGroups=[{"name": "granted-rg"}]))
    shop.until("backupvault", "granted", "SnapshotResourceGroupsReady", "False", "ResourceGroupMissing")
    principal = shop.get("backupvault", "granted")["status"]["principalID"]
    stack.azure.seed(groups=[{"subscription": SUBSCRIPTION, "name": "granted-rg", "location": "westeurope"}])
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/granted-rg"
    authorization = "providers/Microsoft.Authorization"
    stack.azure.arm(
        "PUT",
        f"{group}/{authorization}/roleAssignments/{uuid.uuid4()}?api-version=2022-04-01",
        {
            "properties": {
                "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/{authorization}/roleDefinitions/{CONTRIBUTOR}",
                "principalId": principal,
                "principalType": "ServicePrincipal",
            }
        },
    )
    since = len(stack.azure.requests())
    shop.until("backupvault", "granted", "Ready")
    stack.azure.advance(minutes=30)
    assert stack.writes(since) == ["roleAssignments.put"], "tried once, and taken for done"
    assert SNAPSHOT_GROUP != "granted-rg"


def test_refused_for_a_while_and_then_killed_is_still_one_backup(stack: Stack, shop: Tenant, gold: str) -> None:
    """The intent is renewed before each request, so that nobody who comes after a crash takes it for an old one."""
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    shop.after_the_next_backup()
    stack.azure.knobs(job_list_lag=120)
    stack.azure.plant("backupInstances.backup", times=12, status=429, headers={"Retry-After": "60"})
    since = len(stack.azure.requests())
    shop.back_up()
    uid = shop.get("ondemandbackup", "now")["metadata"]["uid"]

    def accepted() -> int:
        sent = stack.azure.requests(since)
        return sum(each.route == "backupInstances.backup" and each.status == 202 for each in sent)

    shop.passes(accepted, "Azure accepted the backup")
    stack.kill_operator()
    stack.start_operator()
    shop.until("ondemandbackup", "now", "Succeeded")
    assert accepted() == 1
    jobs = shop.get("protecteddisk", "data")["status"]["jobs"]["recent"]
    assert [each["type"] for each in jobs].count("OnDemand") == 1 and uid


def test_a_namespace_that_is_deleted_takes_its_objects_and_leaves_the_backups(
    stack: Stack, shop: Tenant, gold: str
) -> None:
    tenant = Tenant(stack, f"{shop.namespace}-leaving")
    stack.plane.apply(namespace(tenant.namespace))
    tenant.make_claim()
    tenant.protect()
    tenant.until("protecteddisk", "data", "Ready")
    since = len(stack.azure.requests())
    stack.plane.kubectl("delete", "namespace", tenant.namespace, "--wait=false")
    tenant.kubectl("wait", "--for=delete", "pvc/data-0", f"--timeout={PATIENCE_SECONDS}s")
    tenant.gone("protecteddisk", "data")
    assert stack.writes(since) == ["backupInstances.stopProtection"]
