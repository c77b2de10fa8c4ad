"""What whoever writes an object can write into it proves nothing: finalizers, status, annotations.

Each test makes objects that say of themselves that they protect a disk, a vault or a policy which they never protected,
and deletes them or lets them live. Azure stays as it is, and nothing of it is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from azdiskbackup.core.objects.resource import FINALIZER
from azdiskbackup.core.protected_disk.desired import NAMESPACE_UID_TAG, OWNER_TAGS
from harness.objects import LOCATION, SUBSCRIPTION, VAULT_GROUP, Json, backup, disk, policy, vault
from harness.stack import Stack
from harness.tenant import Tenant

DELETIONS = ("Retain", "Suspend", "Delete")
CLOSED = {"namespaces": {"matchLabels": {"served": "yes"}}, "deletionNamespaces": {}}


@pytest.fixture
def mallory(stack: Stack, shop: Tenant) -> Iterator[Tenant]:
    """A namespace that no vault of these tests serves; its person has the cluster's own role `edit` in it."""
    tenant = Tenant(stack, f"{shop.namespace}-mallory")
    tenant.create()
    yield tenant
    tenant.clear()


@pytest.fixture
def kubeconfig(stack: Stack, mallory: Tenant) -> Path:
    user = mallory.namespace
    mallory.kubectl("create", "rolebinding", "edit", "--clusterrole=edit", f"--user={user}")
    return stack.plane.user_kubeconfig(user, "nobody-in-particular")


@pytest.fixture(scope="module")
def guarded(stack: Stack) -> str:
    """A policy whose vault serves labelled namespaces, lets none name disks by id, and lets all delete backups."""
    tenant = Tenant(stack, "default")
    tenant.apply(vault("guarded", access=CLOSED), policy("guarded", "guarded"))
    tenant.until("diskbackuppolicy", "guarded", "Ready")
    return "guarded"


@dataclass(frozen=True)
class Victim:
    """A disk with a backup instance, and what of it Azure shows."""

    tenant: Tenant
    handle: str
    instance: str

    def shown(self) -> Json:
        body = self.tenant.portal("GET", self.instance)
        points = self.tenant.portal("GET", f"{self.instance}/recoveryPoints")["value"]
        return {
            "tags": body.get("tags"),
            "state": body["properties"]["currentProtectionState"],
            "policy": body["properties"]["policyInfo"]["policyId"],
            "points": [each["name"] for each in points],
        }


def _opened(tenant: Tenant, **access: Any) -> None:
    """Change the access of the vault that all tests here share; its object stays when the test is over."""
    tenant.stack.plane.apply(vault("guarded", access=CLOSED | access))
    tenant.seen("backupvault", "guarded")


def _served(tenant: Tenant) -> Tenant:
    tenant.kubectl("label", "namespace", tenant.namespace, "served=yes", "--overwrite")
    return tenant


@pytest.fixture
def retained(shop: Tenant, guarded: str) -> Victim:
    """A disk that was protected by an object, which was deleted: its restore points are kept."""
    handle = _served(shop).make_claim()
    shop.protect(policy=guarded)
    shop.until("protecteddisk", "data", "Ready")
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")
    instance = shop.instance()
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    return Victim(shop, handle, instance)


@pytest.fixture
def by_hand(stack: Stack, shop: Tenant, guarded: str) -> Victim:
    """A disk that somebody protects in the portal, without an owner that we know of."""
    handle = _served(shop).make_claim()
    # The vault's identity reads the disk by the right that an object of ours would have had granted.
    shop.protect(policy=guarded)
    shop.until("protecteddisk", "data", "Ready")
    instance = shop.instance()
    policy_id = shop.get("diskbackuppolicy", guarded)["status"]["policyID"]
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    name = instance.rpartition("/")[2]
    return Victim(shop, handle, shop.protect_by_hand(name, handle, instance.rsplit("/", 2)[0], policy_id, {}))


def forge(tenant: Tenant, wanted: Json, kubeconfig: Path | None = None, **status: Any) -> None:
    """Create an object with our finalizer, and with a status where somebody may write it."""
    wanted["metadata"].setdefault("finalizers", []).append(FINALIZER)
    kubectl = tenant.stack.plane.kubectl
    kubectl("create", "-f", "-", stdin=json.dumps(wanted), kubeconfig=kubeconfig)
    if status:
        write_status(tenant, wanted, **status)


def write_status(tenant: Tenant, wanted: Json, **status: Any) -> None:
    patch = json.dumps({"status": status})
    name = wanted["metadata"]["name"]
    tenant.kubectl("patch", wanted["kind"].lower(), name, "--subresource=status", "--type=merge", "-p", patch)


def leave(tenant: Tenant, wanted: Json, kubeconfig: Path | None = None) -> None:
    kind, name = wanted["kind"].lower(), wanted["metadata"]["name"]
    arguments = ["delete", kind, name, "--wait=false", "-n", tenant.namespace]
    tenant.stack.plane.kubectl(*arguments, kubeconfig=kubeconfig)


def ours(tenant: Tenant, name: str) -> bool:
    return FINALIZER in tenant.get("protecteddisk", name)["metadata"].get("finalizers", [])


def told(tenant: Tenant, victim: Victim) -> bool:
    """Return whether anything that a person of a namespace can read names the instance."""
    objects = [*tenant.every("protecteddisk"), *tenant.every("ondemandbackup")]
    name = victim.instance.rpartition("/")[2]
    return any(name in str(each.get("status")) for each in objects)


@pytest.mark.parametrize("deletion", DELETIONS)
@pytest.mark.parametrize("victim", ["retained", "by_hand"])
def test_a_finalizer_proves_nothing(
    stack: Stack, mallory: Tenant, kubeconfig: Path, guarded: str, victim: str, deletion: str, request: Any
) -> None:
    """With nothing but `edit` in a namespace that is not served."""
    of: Victim = request.getfixturevalue(victim)
    before, since = of.shown(), len(stack.azure.requests())
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": of.handle}, deletionPolicy=deletion)
    # One more, so that the object stays for us to read.
    theft["metadata"]["finalizers"] = ["example.com/mine"]
    forge(mallory, theft, kubeconfig)
    leave(mallory, theft, kubeconfig)
    mallory.really(lambda: not ours(mallory, "theft"), "the operator has done with it")
    assert not told(mallory, of)
    mallory.kubectl("patch", "protecteddisk", "theft", "--type=merge", "-p", '{"metadata":{"finalizers":[]}}')
    mallory.gone("protecteddisk", "theft")
    assert stack.writes(since) == []
    assert of.shown() == before
    assert ("Warning", "LeftInAzure") in mallory.events("protecteddisk", "theft")
    if victim == "retained":
        stack.azure.advance(days=15)
        assert of.shown()["points"] == before["points"], "nothing expires that was kept"


@pytest.mark.parametrize("deletion", DELETIONS)
def test_nor_where_the_namespace_is_served(
    stack: Stack, mallory: Tenant, retained: Victim, guarded: str, deletion: str
) -> None:
    """Also where disks may be named by id, an object that never was alive protected nothing."""
    _served(mallory)
    before, since = retained.shown(), len(stack.azure.requests())
    _opened(mallory, namespaces={}, diskIDNamespaces={})
    try:
        assert stack.stop_operator() == 0
        theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": retained.handle})
        theft["spec"]["deletionPolicy"] = deletion
        forge(mallory, theft)
        leave(mallory, theft)
        stack.start_operator()
        mallory.gone("protecteddisk", "theft")
        assert [each for each in stack.writes(since) if each.startswith("backupInstances")] == []
        assert retained.shown() == before
    finally:
        _opened(mallory)


@pytest.mark.parametrize("deletion", DELETIONS)
def test_a_status_proves_nothing_on_the_way_out(
    stack: Stack, mallory: Tenant, retained: Victim, guarded: str, deletion: str
) -> None:
    """With the right to write status, and a PVC that does not exist."""
    before, since = retained.shown(), len(stack.azure.requests())
    theft = disk("theft", mallory.namespace, claim="none", policy=guarded, deletionPolicy=deletion)
    forge(mallory, theft, **claims_to_protect(retained))
    leave(mallory, theft)
    mallory.gone("protecteddisk", "theft")
    assert stack.writes(since) == [] and retained.shown() == before


def claims_to_protect(victim: Victim) -> Json:
    condition = {
        "type": "Protected",
        "status": "True",
        "reason": "ProtectionConfigured",
        "message": "Forged.",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-05T09:00:00Z",
    }
    return {
        "backupInstanceID": victim.instance,
        "policyID": victim.shown()["policy"],
        "protectionState": "ProtectionConfigured",
        "disk": {"id": victim.handle, "name": victim.handle.rpartition("/")[2], "location": LOCATION},
        "activeSince": "2026-01-05T09:00:00Z",
        "observedGeneration": 1,
        "conditions": [condition, {**condition, "type": "Ready"}],
    }


@pytest.mark.parametrize("mode", ["Active", "Suspended", "Stopped"])
def test_a_status_gives_no_access_while_the_object_lives(
    stack: Stack, mallory: Tenant, by_hand: Victim, guarded: str, mode: str
) -> None:
    before, since = by_hand.shown(), len(stack.azure.requests())
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": by_hand.handle}, protection=mode)
    forge(mallory, theft, **claims_to_protect(by_hand))
    mallory.until("protecteddisk", "theft", "Accepted", "False", "NamespaceNotAllowed")
    stack.azure.advance(minutes=30)
    assert mallory.condition("protecteddisk", "theft", "Ready")["status"] == "False"
    assert stack.writes(since) == [] and by_hand.shown() == before
    points = mallory.get("protecteddisk", "theft")["status"].get("restorePoints", {})
    assert not points.get("recent"), "nothing is told of what is not this object's"


def test_a_status_does_not_lead_an_object_to_another_disk(
    stack: Stack, mallory: Tenant, by_hand: Victim, guarded: str
) -> None:
    """Served, with a PVC and a disk of its own, and a status that names the instance of another disk."""
    _served(mallory).make_claim()
    before = by_hand.shown()
    mine = disk("mine", mallory.namespace, policy=guarded, protection="Stopped")
    own = {"id": f"{by_hand.handle.rpartition('/')[0]}/{mallory.namespace}-data-0", "name": "d", "location": LOCATION}
    forge(mallory, mine, **{**claims_to_protect(by_hand), "disk": own})
    mallory.until("protecteddisk", "mine", "Ready", "True", "Stopped")
    assert by_hand.shown() == before
    # It found its own disk's instance, and acts on that alone.
    assert mallory.instance("mine").lower() != by_hand.instance.lower()
    leave(mallory, mine)
    mallory.gone("protecteddisk", "mine")
    assert by_hand.shown() == before


def test_an_annotation_proves_nothing(
    stack: Stack, mallory: Tenant, kubeconfig: Path, retained: Victim, guarded: str
) -> None:
    before, since = retained.shown(), len(stack.azure.requests())
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": retained.handle})
    theft["spec"]["deletionPolicy"] = "Suspend"
    owner = {"azdiskbackup.io/backup-instance": retained.instance, **_owner_tags_of(retained)}
    theft["metadata"] |= {"annotations": owner, "labels": {"azdiskbackup.io/owner": "yes"}}
    forge(mallory, theft, kubeconfig)
    leave(mallory, theft, kubeconfig)
    mallory.gone("protecteddisk", "theft")
    assert stack.writes(since) == [] and retained.shown() == before


def _owner_tags_of(victim: Victim) -> dict[str, str]:
    tags: dict[str, str] = victim.shown()["tags"]
    return {key.replace("azdiskbackup.io.", "azdiskbackup.io/"): value for key, value in tags.items()}


@pytest.mark.parametrize("deletion", DELETIONS)
def test_the_name_of_the_owner_in_another_namespace_is_not_the_owner(
    stack: Stack, mallory: Tenant, kubeconfig: Path, retained: Victim, guarded: str, deletion: str
) -> None:
    before, since = retained.shown(), len(stack.azure.requests())
    theft = disk("data", mallory.namespace, policy=guarded, source={"diskID": retained.handle}, deletionPolicy=deletion)
    forge(mallory, theft, kubeconfig)
    leave(mallory, theft, kubeconfig)
    mallory.gone("protecteddisk", "data")
    assert stack.writes(since) == [] and retained.shown() == before


@pytest.mark.parametrize("deletion", DELETIONS)
def test_a_namespace_that_was_made_again_owns_nothing_of_the_old_one(
    stack: Stack, mallory: Tenant, retained: Victim, guarded: str, deletion: str
) -> None:
    """Of the same name as the one that was deleted, with an object of the same name as the owner."""
    tags = retained.shown()["tags"]
    assert tags[NAMESPACE_UID_TAG]
    body = mallory.portal("GET", retained.instance)
    gone = {OWNER_TAGS[1]: mallory.namespace, OWNER_TAGS[2]: "data", NAMESPACE_UID_TAG: "of-the-deleted-one"}
    mallory.portal("PUT", retained.instance, {"tags": tags | gone, "properties": body["properties"]})
    stack.azure.advance(minutes=2)
    before, since = retained.shown(), len(stack.azure.requests())
    theft = disk("data", mallory.namespace, policy=guarded, source={"diskID": retained.handle}, deletionPolicy=deletion)
    forge(mallory, theft)
    leave(mallory, theft)
    mallory.gone("protecteddisk", "data")
    assert stack.writes(since) == [] and retained.shown() == before


@pytest.mark.parametrize("deletion", DELETIONS)
def test_what_another_cluster_owns_is_left_also_where_it_may_be_adopted(
    stack: Stack, mallory: Tenant, by_hand: Victim, guarded: str, deletion: str
) -> None:
    tags = dict(zip(OWNER_TAGS, ("another-cluster", "far", "away"), strict=True))
    body = mallory.portal("GET", by_hand.instance)
    mallory.portal("PUT", by_hand.instance, {"tags": tags, "properties": body["properties"]})
    stack.azure.advance(minutes=2)
    before, since = by_hand.shown(), len(stack.azure.requests())
    _opened(mallory, adoptFromClusters=["another-cluster"])
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": by_hand.handle}, deletionPolicy=deletion)
    forge(mallory, theft, **claims_to_protect(by_hand))
    leave(mallory, theft)
    mallory.gone("protecteddisk", "theft")
    _opened(mallory)
    assert stack.writes(since) == [] and by_hand.shown() == before


@pytest.mark.parametrize("recorded", [False, True], ids=["", "with-a-recorded-intent"])
def test_a_backup_is_taken_of_the_disks_own_instance_only(
    stack: Stack, mallory: Tenant, by_hand: Victim, guarded: str, recorded: bool
) -> None:
    """The status of the ProtectedDisk is written between two looks of the operator, before its backup is asked for."""
    theft = disk("theft", mallory.namespace, claim="none", policy=guarded)
    mallory.apply(theft)
    since = len(stack.azure.requests())
    assert stack.stop_operator() == 0
    write_status(mallory, theft, **claims_to_protect(by_hand))
    wanted = backup("now", mallory.namespace, "theft")
    stack.plane.apply(wanted)
    if recorded:
        write_status(mallory, wanted, startTime="2026-01-05T09:00:00Z")
    stack.start_operator()
    stack.azure.advance(minutes=30)
    assert "backupInstances.backup" not in stack.writes(since)
    assert mallory.condition("ondemandbackup", "now", "Succeeded")["status"] != "True"
    assert not told(mallory, by_hand) and not mallory.get("ondemandbackup", "now")["status"].get("jobID")


@pytest.mark.parametrize("status", [False, True], ids=["finalizer", "finalizer-and-status"])
def test_a_vault_that_an_object_never_kept_stays(stack: Stack, shop: Tenant, status: bool) -> None:
    """An empty vault, made in the portal, and an object that is deleted with `Delete` before it was ever looked at."""
    name = f"{shop.namespace}-portal"
    theirs = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{VAULT_GROUP}/providers/Microsoft.DataProtection"
    theirs = f"{theirs}/backupVaults/{name}"
    storage = [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]
    body = {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "tags": {"team": "others"},
        "properties": {"storageSettings": storage},
    }
    shop.portal("PUT", theirs, body)
    stack.azure.advance(minutes=2)
    principal = shop.portal("GET", theirs)["identity"]["principalId"]
    since = len(stack.azure.requests())
    assert stack.stop_operator() == 0
    forged = vault(name, deletionPolicy="Delete")
    known = {"vaultID": theirs, "principalID": principal} if status else {}
    forge(shop, forged, **known)
    leave(shop, forged)
    stack.start_operator()
    shop.gone("backupvault", name)
    assert stack.writes(since) == []
    assert shop.portal("GET", theirs)["tags"] == {"team": "others"}
    assert ("Warning", "LeftInAzure") in shop.events("backupvault", name)
    shop.portal("DELETE", theirs)


def test_a_policy_that_an_object_never_made_stays(stack: Stack, shop: Tenant, gold: str) -> None:
    policy_id = shop.get("diskbackuppolicy", gold)["status"]["policyID"]
    vault_id, body = policy_id.rsplit("/", 2)[0], shop.portal("GET", policy_id)
    theirs = f"{vault_id}/backupPolicies/{shop.namespace}-theirs"
    shop.portal("PUT", theirs, {"properties": body["properties"]})
    since = len(stack.azure.requests())
    assert stack.stop_operator() == 0
    forged = policy(f"{shop.namespace}-forged", "demo")
    forge(shop, forged, policyID=theirs, predecessors=[theirs.rpartition("/")[2]])
    leave(shop, forged)
    stack.start_operator()
    shop.gone("diskbackuppolicy", forged["metadata"]["name"])
    assert stack.writes(since) == []
    assert shop.portal("GET", theirs)["name"] == f"{shop.namespace}-theirs"
