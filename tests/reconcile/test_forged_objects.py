"""What whoever writes an object can write into it proves nothing: finalizers, status, annotations.

Each test makes objects that say of themselves that they protect a disk, a vault or a policy which they never protected,
and deletes them or lets them live. Azure stays as it is, and nothing of it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from azdiskbackup.core.objects.markers import FINALIZER
from azdiskbackup.core.protected_disk.desired import NAMESPACE_UID_TAG, OWNER_TAGS
from harness.objects import LOCATION, SUBSCRIPTION, VAULT_GROUP, Json, backup, disk, policy, vault
from world.team import Team
from world.world import World

DELETIONS = ("Retain", "Suspend", "Delete")
CLOSED = {"namespaces": {"matchLabels": {"served": "yes"}}, "deletionNamespaces": {}}


@pytest.fixture
async def mallory(world: World, shop: Team) -> Team:
    """A namespace that no vault of these tests serves."""
    return await world.team()


@pytest.fixture
async def guarded(shop: Team) -> str:
    """A policy whose vault serves labelled namespaces, lets none name disks by id, and lets all delete backups."""
    await shop.apply(vault("guarded", access=CLOSED), policy("guarded", "guarded"))
    await shop.until("DiskBackupPolicy", "guarded", "Ready")
    return "guarded"


@dataclass(frozen=True)
class Victim:
    """A disk with a backup instance, and what of it Azure shows."""

    tenant: Team
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


async def _opened(tenant: Team, **access: Any) -> None:
    """Change the access of the vault of these tests."""
    await tenant.apply(vault("guarded", access=CLOSED | access))


async def _served(tenant: Team) -> Team:
    await tenant.label_namespace(served="yes")
    return tenant


async def make_retained(shop: Team, guarded: str) -> Victim:
    """A disk that was protected by an object, which was deleted: its restore points are kept."""
    handle = (await _served(shop)).make_claim()
    await shop.protect(policy=guarded)
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    instance = shop.instance()
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    return Victim(shop, handle, instance)


async def make_by_hand(shop: Team, guarded: str) -> Victim:
    """A disk that somebody protects in the portal, without an owner that we know of."""
    handle = (await _served(shop)).make_claim()
    # The vault's identity reads the disk by the right that an object of ours would have had granted.
    await shop.protect(policy=guarded)
    await shop.until("ProtectedDisk", "data", "Ready")
    instance = shop.instance()
    policy_id = shop.get("DiskBackupPolicy", guarded)["status"]["policyID"]
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    name = instance.rpartition("/")[2]
    return Victim(shop, handle, await shop.protect_by_hand(name, handle, instance.rsplit("/", 2)[0], policy_id, {}))


VICTIMS = {"retained": make_retained, "by_hand": make_by_hand}


@pytest.fixture
async def retained(shop: Team, guarded: str) -> Victim:
    return await make_retained(shop, guarded)


@pytest.fixture
async def by_hand(shop: Team, guarded: str) -> Victim:
    return await make_by_hand(shop, guarded)


async def forge(tenant: Team, wanted: Json, **status: Any) -> None:
    """Create an object with our finalizer, and with a status where somebody may write it."""
    wanted["metadata"].setdefault("finalizers", []).append(FINALIZER)
    await tenant.apply(wanted)
    if status:
        await write_status(tenant, wanted, **status)


async def write_status(tenant: Team, wanted: Json, **status: Any) -> None:
    await tenant.patch(wanted["kind"], wanted["metadata"]["name"], {"status": status}, "status")


async def leave(tenant: Team, wanted: Json) -> None:
    await tenant.delete(wanted["kind"], wanted["metadata"]["name"])


def ours(tenant: Team, name: str) -> bool:
    return FINALIZER in tenant.get("ProtectedDisk", name)["metadata"].get("finalizers", [])


def told(tenant: Team, victim: Victim) -> bool:
    """Return whether anything that a person of a namespace can read names the instance."""
    objects = [
        each for kind in ("ProtectedDisk", "OnDemandBackup") for each in tenant.world.every(kind, tenant.namespace)
    ]
    name = victim.instance.rpartition("/")[2]
    return any(name in str(each.get("status")) for each in objects)


@pytest.mark.parametrize("deletion", DELETIONS)
@pytest.mark.parametrize("victim", ["retained", "by_hand"])
async def test_a_finalizer_proves_nothing(
    world: World, shop: Team, mallory: Team, guarded: str, victim: str, deletion: str
) -> None:
    """With nothing but `edit` in a namespace that is not served."""
    of = await VICTIMS[victim](shop, guarded)
    before, since = of.shown(), world.azure.request_count()
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": of.handle}, deletionPolicy=deletion)
    # One more, so that the object stays for us to read.
    theft["metadata"]["finalizers"] = ["example.com/mine"]
    await forge(mallory, theft)
    await leave(mallory, theft)
    await world.passes(lambda: not ours(mallory, "theft"), "the operator has done with it")
    assert not told(mallory, of)
    await mallory.patch("ProtectedDisk", "theft", {"metadata": {"finalizers": []}})
    await mallory.gone("ProtectedDisk", "theft")
    assert world.writes(since) == []
    assert of.shown() == before
    assert ("Warning", "LeftInAzure") in mallory.events("ProtectedDisk", "theft")
    if victim == "retained":
        # Azure alone decides what expires.
        await world.stop_operator()
        await world.advance(days=15)
        assert of.shown()["points"] == before["points"], "nothing expires that was kept"
        await world.start_operator()


@pytest.mark.parametrize("deletion", DELETIONS)
async def test_nor_where_the_namespace_is_served(
    world: World, mallory: Team, retained: Victim, guarded: str, deletion: str
) -> None:
    """Also where disks may be named by id, an object that never was alive protected nothing."""
    await _served(mallory)
    before, since = retained.shown(), world.azure.request_count()
    await _opened(mallory, namespaces={}, diskIDNamespaces={})
    await world.stop_operator()
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": retained.handle})
    theft["spec"]["deletionPolicy"] = deletion
    await forge(mallory, theft)
    await leave(mallory, theft)
    await world.start_operator()
    await mallory.gone("ProtectedDisk", "theft")
    assert [each for each in world.writes(since) if each.startswith("backupInstances")] == []
    assert retained.shown() == before
    await _opened(mallory)


@pytest.mark.parametrize("deletion", DELETIONS)
async def test_a_status_proves_nothing_on_the_way_out(
    world: World, mallory: Team, retained: Victim, guarded: str, deletion: str
) -> None:
    """With the right to write status, and a PVC that does not exist."""
    before, since = retained.shown(), world.azure.request_count()
    theft = disk("theft", mallory.namespace, claim="none", policy=guarded, deletionPolicy=deletion)
    await forge(mallory, theft, **claims_to_protect(retained))
    await leave(mallory, theft)
    await mallory.gone("ProtectedDisk", "theft")
    assert world.writes(since) == [] and retained.shown() == before


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
async def test_a_status_gives_no_access_while_the_object_lives(
    world: World, mallory: Team, by_hand: Victim, guarded: str, mode: str
) -> None:
    before, since = by_hand.shown(), world.azure.request_count()
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": by_hand.handle}, protection=mode)
    await forge(mallory, theft, **claims_to_protect(by_hand))
    await mallory.until("ProtectedDisk", "theft", "Accepted", "False", "NamespaceNotAllowed")
    await world.advance(minutes=30)
    assert mallory.condition("ProtectedDisk", "theft", "Ready")["status"] == "False"
    assert world.writes(since) == [] and by_hand.shown() == before
    points = mallory.get("ProtectedDisk", "theft")["status"].get("restorePoints", {})
    assert not points.get("recent"), "nothing is told of what is not this object's"


async def test_a_status_does_not_lead_an_object_to_another_disk(
    world: World, mallory: Team, by_hand: Victim, guarded: str
) -> None:
    """Served, with a PVC and a disk of its own, and a status that names the instance of another disk."""
    (await _served(mallory)).make_claim()
    before = by_hand.shown()
    mine = disk("mine", mallory.namespace, policy=guarded, protection="Stopped")
    own = {"id": f"{by_hand.handle.rpartition('/')[0]}/{mallory.namespace}-data-0", "name": "d", "location": LOCATION}
    await forge(mallory, mine, **{**claims_to_protect(by_hand), "disk": own})
    await mallory.until("ProtectedDisk", "mine", "Ready", "True", "Stopped")
    assert by_hand.shown() == before
    # It found its own disk's instance, and acts on that alone.
    assert mallory.instance("mine").lower() != by_hand.instance.lower()
    await leave(mallory, mine)
    await mallory.gone("ProtectedDisk", "mine")
    assert by_hand.shown() == before


async def test_an_annotation_proves_nothing(world: World, mallory: Team, retained: Victim, guarded: str) -> None:
    before, since = retained.shown(), world.azure.request_count()
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": retained.handle})
    theft["spec"]["deletionPolicy"] = "Suspend"
    owner = {"azdiskbackup.io/backup-instance": retained.instance, **_owner_tags_of(retained)}
    theft["metadata"] |= {"annotations": owner, "labels": {"azdiskbackup.io/owner": "yes"}}
    await forge(mallory, theft)
    await leave(mallory, theft)
    await mallory.gone("ProtectedDisk", "theft")
    assert world.writes(since) == [] and retained.shown() == before


def _owner_tags_of(victim: Victim) -> dict[str, str]:
    tags: dict[str, str] = victim.shown()["tags"]
    return {key.replace("azdiskbackup.io.", "azdiskbackup.io/"): value for key, value in tags.items()}


@pytest.mark.parametrize("deletion", DELETIONS)
async def test_the_name_of_the_owner_in_another_namespace_is_not_the_owner(
    world: World, mallory: Team, retained: Victim, guarded: str, deletion: str
) -> None:
    before, since = retained.shown(), world.azure.request_count()
    theft = disk("data", mallory.namespace, policy=guarded, source={"diskID": retained.handle}, deletionPolicy=deletion)
    await forge(mallory, theft)
    await leave(mallory, theft)
    await mallory.gone("ProtectedDisk", "data")
    assert world.writes(since) == [] and retained.shown() == before


@pytest.mark.parametrize("deletion", DELETIONS)
async def test_a_namespace_that_was_made_again_owns_nothing_of_the_old_one(
    world: World, mallory: Team, retained: Victim, guarded: str, deletion: str
) -> None:
    """Of the same name as the one that was deleted, with an object of the same name as the owner."""
    tags = retained.shown()["tags"]
    assert tags[NAMESPACE_UID_TAG]
    body = mallory.portal("GET", retained.instance)
    gone = {OWNER_TAGS[1]: mallory.namespace, OWNER_TAGS[2]: "data", NAMESPACE_UID_TAG: "of-the-deleted-one"}
    mallory.portal("PUT", retained.instance, {"tags": tags | gone, "properties": body["properties"]})
    await world.advance(minutes=2)
    before, since = retained.shown(), world.azure.request_count()
    theft = disk("data", mallory.namespace, policy=guarded, source={"diskID": retained.handle}, deletionPolicy=deletion)
    await forge(mallory, theft)
    await leave(mallory, theft)
    await mallory.gone("ProtectedDisk", "data")
    assert world.writes(since) == [] and retained.shown() == before


@pytest.mark.parametrize("deletion", DELETIONS)
async def test_what_another_cluster_owns_is_left_also_where_it_may_be_adopted(
    world: World, mallory: Team, by_hand: Victim, guarded: str, deletion: str
) -> None:
    tags = dict(zip(OWNER_TAGS, ("another-cluster", "far", "away"), strict=True))
    body = mallory.portal("GET", by_hand.instance)
    mallory.portal("PUT", by_hand.instance, {"tags": tags, "properties": body["properties"]})
    await world.advance(minutes=2)
    before, since = by_hand.shown(), world.azure.request_count()
    await _opened(mallory, adoptFromClusters=["another-cluster"])
    theft = disk("theft", mallory.namespace, policy=guarded, source={"diskID": by_hand.handle}, deletionPolicy=deletion)
    await forge(mallory, theft, **claims_to_protect(by_hand))
    await leave(mallory, theft)
    await mallory.gone("ProtectedDisk", "theft")
    await _opened(mallory)
    assert world.writes(since) == [] and by_hand.shown() == before


@pytest.mark.parametrize("recorded", [False, True], ids=["", "with-a-recorded-intent"])
async def test_a_backup_is_taken_of_the_disks_own_instance_only(
    world: World, mallory: Team, by_hand: Victim, guarded: str, recorded: bool
) -> None:
    """The status of the ProtectedDisk is written between two looks of the operator, before its backup is asked for."""
    theft = disk("theft", mallory.namespace, claim="none", policy=guarded)
    await mallory.apply(theft)
    since = world.azure.request_count()
    await world.stop_operator()
    await write_status(mallory, theft, **claims_to_protect(by_hand))
    wanted = backup("now", mallory.namespace, "theft")
    await mallory.apply(wanted)
    if recorded:
        await write_status(mallory, wanted, startTime="2026-01-05T09:00:00Z")
    await world.start_operator()
    await world.advance(minutes=30)
    assert "backupInstances.backup" not in world.writes(since)
    assert mallory.condition("OnDemandBackup", "now", "Succeeded")["status"] != "True"
    assert not told(mallory, by_hand) and not mallory.get("OnDemandBackup", "now")["status"].get("jobID")


@pytest.mark.parametrize("named", ["instance", "job", "both", "nonsense", "another-vault"])
async def test_a_backup_follows_no_job_of_anybody_else(
    world: World, shop: Team, mallory: Team, guarded: str, named: str
) -> None:
    """Its own status names an instance, a job or both that are another team's: it is neither shown nor touched."""
    victim = await make_retained(shop, guarded)
    theirs = shop.get("OnDemandBackup", "now")["status"]
    (await _served(mallory)).make_claim()
    await mallory.protect(policy=guarded)
    await mallory.until("ProtectedDisk", "data", "Ready")
    before, since = victim.shown(), world.azure.request_count()
    await world.stop_operator()
    wanted = backup("mine", mallory.namespace, "data")
    await mallory.apply(wanted)
    started = datetime.fromisoformat(mallory.get("OnDemandBackup", "mine")["metadata"]["creationTimestamp"])
    forged = {"startTime": f"{started:%Y-%m-%dT%H:%M:%SZ}"}
    if named in ("instance", "both"):
        forged["backupInstanceID"] = victim.instance
    if named in ("job", "both"):
        forged["jobID"] = theirs["jobID"]
    if named == "nonsense":
        forged |= {"backupInstanceID": "/subscriptions/../x", "jobID": "../../backupInstances/x"}
    if named == "another-vault":
        forged["backupInstanceID"] = victim.instance.replace("/guarded/", "/elsewhere/")
    await write_status(mallory, wanted, **forged)
    await world.start_operator()
    await mallory.until("OnDemandBackup", "mine", "Succeeded", within=timedelta(hours=1))
    status = mallory.get("OnDemandBackup", "mine")["status"]
    assert status["backupInstanceID"] == mallory.instance()
    assert status["jobID"] != theirs["jobID"] and status["restorePoint"]["id"] != theirs["restorePoint"]["id"]
    assert not told(mallory, victim) and victim.shown() == before
    name = victim.instance.rpartition("/")[2]
    sent = [each for each in world.azure.requests(since) if each.route == "backupInstances.backup"]
    assert len(sent) == 1 and name not in sent[0].path
    assert not any("/elsewhere/" in each.path for each in world.azure.requests(since))


@pytest.mark.parametrize("status", [False, True], ids=["finalizer", "finalizer-and-status"])
async def test_a_vault_that_an_object_never_kept_stays(world: World, shop: Team, status: bool) -> None:
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
    await world.advance(minutes=2)
    principal = shop.portal("GET", theirs)["identity"]["principalId"]
    since = world.azure.request_count()
    await world.stop_operator()
    forged = vault(name, deletionPolicy="Delete")
    known = {"vaultID": theirs, "principalID": principal} if status else {}
    await forge(shop, forged, **known)
    await leave(shop, forged)
    await world.start_operator()
    await shop.gone("BackupVault", name)
    assert world.writes(since) == []
    assert shop.portal("GET", theirs)["tags"] == {"team": "others"}
    assert ("Warning", "LeftInAzure") in shop.events("BackupVault", name)
    shop.portal("DELETE", theirs)


async def test_a_policy_that_an_object_never_made_stays(world: World, shop: Team) -> None:
    policy_id = shop.get("DiskBackupPolicy", "gold")["status"]["policyID"]
    vault_id, body = policy_id.rsplit("/", 2)[0], shop.portal("GET", policy_id)
    theirs = f"{vault_id}/backupPolicies/{shop.namespace}-theirs"
    shop.portal("PUT", theirs, {"properties": body["properties"]})
    since = world.azure.request_count()
    await world.stop_operator()
    forged = policy(f"{shop.namespace}-forged", "demo")
    await forge(shop, forged, policyID=theirs, predecessors=[theirs.rpartition("/")[2]])
    await leave(shop, forged)
    await world.start_operator()
    await shop.gone("DiskBackupPolicy", forged["metadata"]["name"])
    assert world.writes(since) == []
    assert shop.portal("GET", theirs)["name"] == f"{shop.namespace}-theirs"
