"""Rights that come late, are missing, are somebody else's to give, or are taken away: told exactly, and healed."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta

import pytest

from azdiskbackup.core.objects.markers import REQUESTED_AT
from harness.objects import LOCATION, SNAPSHOT_GROUP, SUBSCRIPTION, VAULT_GROUP, Json, disk_id, policy, vault
from world.team import Team
from world.world import CLIENT_ID, World

READER = "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24"
CONTRIBUTOR = "7efff54f-a5b4-42b5-a1c5-5411624893ce"
AUTHORIZATION = "providers/Microsoft.Authorization"
SNAPSHOTS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SNAPSHOT_GROUP}"


def assign(shop: Team, scope: str, role: str, principal: str, type_: str = "ServicePrincipal") -> None:
    """Assign a role as a person would, under a name of its own."""
    body = {
        "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/{AUTHORIZATION}/roleDefinitions/{role}",
        "principalId": principal,
        "principalType": type_,
    }
    name = uuid.UUID(int=shop.world.random.getrandbits(128), version=4)
    path = f"{scope}/{AUTHORIZATION}/roleAssignments/{name}"
    shop.portal("PUT", path, {"properties": body}, "2022-04-01")


@pytest.mark.parametrize("minutes", [0, 15, 40])
async def test_rights_spread_late(world: World, shop: Team, minutes: int) -> None:
    # The right on the snapshot group is as old as the vault, which may be new.
    await world.advance(minutes=11)
    world.azure.knobs(role_propagation=minutes * 60)
    shop.make_claim()
    since = world.azure.request_count()
    started = world.azure.now
    await shop.protect()
    if minutes:
        says = (await shop.until("ProtectedDisk", "data", "Validated", "False", "WaitingForPermissions"))["message"]
        assert "next attempt at" in says and "role assignments take" in says
    await shop.until("ProtectedDisk", "data", "Ready")
    assert (world.azure.now - started).total_seconds() / 60 <= minutes + 9, "tries thin out, but not too far"
    tries = [
        datetime.fromisoformat(each.time[:19])
        for each in world.azure.requests(since)
        if each.route == "backupVaults.validateForBackup"
    ]
    late = [b - a for a, b in itertools.pairwise(tries[3:])]
    assert all(gap.total_seconds() >= 120 for gap in late), "no more than one every two minutes in the end"


async def test_rights_that_never_come_are_a_persons_affair(world: World, shop: Team) -> None:
    # A policy says anew when its next backup is: not while everybody is to say the same.
    await shop.after_the_next_backup()
    world.azure.knobs(role_propagation=4 * 3600)
    handle = shop.make_claim()
    await shop.protect()
    principal = shop.get("BackupVault", "demo")["status"]["principalID"]
    await world.advance(minutes=30)
    assert not shop.condition("ProtectedDisk", "data", "Stalled")
    await world.kill_operator()
    await world.start_operator()
    stalled = (await shop.until("ProtectedDisk", "data", "Stalled", reason="WaitingForPermissions"))["message"]
    for word in (principal, "Disk Backup Reader", handle, "Disk Snapshot Contributor", SNAPSHOT_GROUP):
        assert word in stalled
    since = world.azure.request_count()
    await world.says_the_same(minutes=60)
    assert 4 <= world.azure.counts(since)["backupVaults.validateForBackup"] <= 7, "still a slow try"
    await world.advance(hours=3)
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_a_fresh_identity_is_not_known_everywhere_at_once(world: World, shop: Team) -> None:
    world.azure.knobs(principal_replication=90)
    since = world.azure.request_count()
    await shop.apply(vault("fresh"))
    await shop.until("BackupVault", "fresh", "Ready")
    world.azure.knobs(principal_replication=0)
    answers = [each.status for each in world.azure.requests(since) if each.route == "roleAssignments.put"]
    assert answers[-1] == 201 and set(answers[:-1]) == {400} and len(answers) <= 10
    principal = shop.get("BackupVault", "fresh")["status"]["principalID"]
    assert len(shop.assignments(SNAPSHOTS, principal)) == 1


async def test_a_vault_made_again_by_hand_gets_rights_for_its_new_identity(world: World, shop: Team) -> None:
    await shop.apply(vault("again"), policy("again", "again"))
    await shop.until("DiskBackupPolicy", "again", "Ready")
    before = shop.get("BackupVault", "again")["status"]
    old = shop.assignments(SNAPSHOTS, before["principalID"])
    shop.portal("DELETE", f"{before['vaultID']}/backupPolicies/{policy_name(shop, 'again')}")
    shop.portal("DELETE", before["vaultID"])
    await world.advance(seconds=5)
    body = {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {"storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]},
    }
    shop.portal("PUT", before["vaultID"], body)
    await world.passes(
        lambda: shop.get("BackupVault", "again")["status"]["principalID"] != before["principalID"], "the new identity"
    )
    await shop.until("BackupVault", "again", "Ready")
    await shop.until("DiskBackupPolicy", "again", "Ready")
    assert shop.assignments(SNAPSHOTS, shop.get("BackupVault", "again")["status"]["principalID"])
    assert shop.assignments(SNAPSHOTS, before["principalID"]) == old, "what is not ours to take is left"
    shop.make_claim()
    await shop.protect(policy="again")
    await shop.until("ProtectedDisk", "data", "Ready")


def policy_name(shop: Team, name: str) -> str:
    return str(shop.get("DiskBackupPolicy", name)["status"]["policyID"]).rsplit("/", 1)[1]


async def test_roles_that_others_assign_are_verified_and_named(world: World, shop: Team) -> None:
    since = world.azure.request_count()
    await shop.apply(vault("pre", roleAssignments="Preassigned"), policy("pre", "pre"))
    lacks = await shop.until("BackupVault", "pre", "SnapshotResourceGroupsReady", "False", "RoleAssignmentMissing")
    principal = shop.get("BackupVault", "pre")["status"]["principalID"]
    assert principal in lacks["message"]
    assert f"--role 'Disk Snapshot Contributor' --scope {SNAPSHOTS}" in lacks["message"]
    assign(shop, SNAPSHOTS, CONTRIBUTOR, principal)
    await shop.until("BackupVault", "pre", "SnapshotResourceGroupsReady", within=timedelta(minutes=12))
    handle = shop.make_claim()
    await shop.protect(policy="pre")
    says = (await shop.until("ProtectedDisk", "data", "Validated", "False", "WaitingForPermissions"))["message"]
    assert principal in says and f"--role 'Disk Backup Reader' --scope {handle}" in says
    assert shop.condition("ProtectedDisk", "data", "Stalled")["status"] == "True"
    # On the group is as good as on the disk.
    assign(shop, handle.rsplit("/providers", 1)[0], READER, principal)
    await shop.until("ProtectedDisk", "data", "Ready")
    assert "roleAssignments.put" not in world.writes(since)


@pytest.mark.parametrize("scope", ["Disk", "ResourceGroup"])
async def test_a_role_that_stays_missing_is_validated_ever_more_rarely_and_at_once_when_asked_to(
    world: World, shop: Team, scope: str
) -> None:
    world.azure.knobs(role_propagation=0)
    await shop.apply(vault("pre", roleAssignments="Preassigned", diskRoleScope=scope), policy("pre", "pre"))
    await shop.until("BackupVault", "pre", "SnapshotResourceGroupsReady", "False", "RoleAssignmentMissing")
    principal = shop.get("BackupVault", "pre")["status"]["principalID"]
    handle = shop.make_claim()
    assign(shop, SNAPSHOTS, CONTRIBUTOR, principal)
    await shop.protect(policy="pre")
    await shop.until("ProtectedDisk", "data", "Stalled", "True", "WaitingForPermissions", within=timedelta(hours=2))
    since = world.azure.request_count()
    await world.advance(hours=24)
    validations = world.azure.counts(since)["backupVaults.validateForBackup"]
    # Every ten minutes they would be 144.
    assert 24 <= validations <= 50, validations
    # Through a group of the directory, of which the operator sees nothing.
    members = "99999999-0000-4000-8000-000000000001"
    world.azure.turn("directory-group", group=members, members=[principal])
    assign(shop, handle.rsplit("/providers", 1)[0], READER, members, "Group")
    await shop.patch("ProtectedDisk", "data", {"metadata": {"annotations": {REQUESTED_AT: "now"}}})
    await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(minutes=8))


@pytest.mark.parametrize("place", ["management group", "root", "directory group", "custom role"])
async def test_roles_that_the_operator_cannot_see_are_azures_to_judge(world: World, shop: Team, place: str) -> None:
    """As landing zones assign them: our own reading of assignments holds up nobody."""
    await shop.apply(vault("zone", roleAssignments="Preassigned"), policy("zone", "zone"))
    await shop.until("DiskBackupPolicy", "zone", "Ready")
    principal = shop.get("BackupVault", "zone")["status"]["principalID"]
    handle = shop.make_claim()
    scopes = {READER: handle, CONTRIBUTOR: SNAPSHOTS}
    who, roles = principal, {READER: READER, CONTRIBUTOR: CONTRIBUTOR}
    if place == "management group":
        world.azure.turn("management-group", name="landing", subscriptions=[SUBSCRIPTION])
        scopes = dict.fromkeys(scopes, "/providers/Microsoft.Management/managementGroups/landing")
    elif place == "root":
        scopes = dict.fromkeys(scopes, "")
    elif place == "directory group":
        who = "99999999-0000-4000-8000-000000000001"
        world.azure.turn("directory-group", group=who, members=[principal])
    else:
        custom = "88888888-0000-4000-8000-000000000001"
        actions = ["Microsoft.Authorization/*/read", "Microsoft.Compute/*"]
        world.azure.turn("role", guid=custom, name="backup", actions=actions)
        roles = dict.fromkeys(roles, custom)
    for role, scope in scopes.items():
        assign(shop, scope, roles[role], who, "ServicePrincipal" if who == principal else "Group")
    await shop.protect(policy="zone")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert shop.condition("BackupVault", "zone", "Ready")["status"] == "True"


async def test_an_identity_that_the_user_brings(world: World, shop: Team) -> None:
    world.azure.seed(identities=[{"subscription": SUBSCRIPTION, "group": VAULT_GROUP, "name": "backup-identity"}])
    identity = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{VAULT_GROUP}"
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup-identity"
    )
    await shop.apply(
        vault("own", identity={"type": "UserAssigned", "userAssignedIdentityID": identity}), policy("own", "own")
    )
    await shop.until("DiskBackupPolicy", "own", "Ready")
    handle = shop.make_claim()
    await shop.protect(policy="own")
    await shop.until("ProtectedDisk", "data", "Ready")
    details = shop.portal("GET", shop.instance())["properties"]["identityDetails"]
    assert details == {"useSystemAssignedIdentity": False, "userAssignedIdentityArmUrl": identity}
    principal = shop.get("BackupVault", "own")["status"]["principalID"]
    assert shop.assignments(handle, principal) and shop.assignments(SNAPSHOTS, principal)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")


async def test_one_right_for_a_group_of_disks(world: World, shop: Team) -> None:
    await shop.apply(
        vault("wide", diskRoleScope="ResourceGroup", access={"deletionNamespaces": {}}), policy("wide", "wide")
    )
    await shop.until("DiskBackupPolicy", "wide", "Ready")
    group = disk_id("x").rsplit("/providers", 1)[0]
    principal = shop.get("BackupVault", "wide")["status"]["principalID"]
    for number in range(3):
        shop.make_claim(f"data-{number}")
    since = world.azure.request_count()
    for number in range(3):
        await shop.protect(f"data-{number}", f"data-{number}", "wide", deletionPolicy="Delete")
    for number in range(3):
        await shop.until("ProtectedDisk", f"data-{number}", "Ready")
    assert world.writes(since).count("roleAssignments.put") == 1
    assert len(shop.assignments(group, principal)) == 1
    for number in range(2):
        await shop.delete("ProtectedDisk", f"data-{number}")
        await shop.gone("ProtectedDisk", f"data-{number}")
        assert len(shop.assignments(group, principal)) == 1, "the others need it"
    await shop.delete("ProtectedDisk", "data-2")
    await shop.gone("ProtectedDisk", "data-2")
    assert not shop.assignments(group, principal), "the last one takes it back"


@pytest.mark.parametrize(
    ("action", "scope", "condition"),
    [
        ("disks/read$", "disks/", "DiskResolved"),
        ("roleAssignments/write$", "disks/", "RolesGranted"),
        ("validateForBackup/action$", "", "Validated"),
        ("backupInstances/write$", "", "Protected"),
    ],
)
async def test_a_right_that_the_operator_lacks_is_named_and_heals(
    world: World, shop: Team, action: str, scope: str, condition: str
) -> None:
    # A policy says anew when its next backup is: not while everybody is to say the same.
    await shop.after_the_next_backup()
    shop.make_claim()
    world.azure.deny(CLIENT_ID, (action, scope))
    since = world.azure.request_count()
    await shop.protect()
    says = (await shop.until("ProtectedDisk", "data", condition, "False", "AccessDenied"))["message"]
    assert f"perform action 'Microsoft.{says.split('Microsoft.')[1].split(chr(39))[0]}'" in says
    assert action.rstrip("$") in says and "over scope '/subscriptions/" in says
    await world.advance(minutes=30)
    await world.says_the_same(minutes=60)
    refused = [each for each in world.azure.requests(since) if each.status == 403]
    assert 2 <= len(refused) <= 20, "backs off slowly"
    world.azure.deny(CLIENT_ID)
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_what_is_denied_for_long_is_tried_ever_more_rarely_and_at_once_when_asked_to(
    world: World, shop: Team
) -> None:
    for number in range(2):
        shop.make_claim(f"data-{number}")
    await shop.protect("other", "data-1")
    await shop.until("ProtectedDisk", "other", "Ready")
    world.azure.deny(CLIENT_ID, ("backupInstances/write$", ""), ("backupInstances/backup/action$", ""))
    await shop.protect()
    await shop.back_up(disk="other")
    await shop.until("ProtectedDisk", "data", "Protected", "False", "AccessDenied")
    await world.advance(hours=2)
    denied = shop.says("OnDemandBackup", "now")
    assert "retries at least every 1 h" in denied
    since = world.azure.request_count()
    await world.advance(hours=24)
    tries = [each.route for each in world.azure.requests(since) if each.status == 403]
    # Every ten minutes they would be 144 of each.
    for route in ("backupInstances.put", "backupInstances.backup"):
        assert 24 <= tries.count(route) <= 55, tries.count(route)
    world.azure.deny(CLIENT_ID)
    for kind, name in (("ProtectedDisk", "data"), ("OnDemandBackup", "now")):
        await shop.patch(kind, name, {"metadata": {"annotations": {REQUESTED_AT: "now"}}})
    await shop.until("ProtectedDisk", "data", "Ready", within=timedelta(minutes=8))
    await shop.until("OnDemandBackup", "now", "Succeeded", within=timedelta(minutes=30))
    assert world.writes(since).count("backupInstances.backup") == tries.count("backupInstances.backup") + 1


async def test_a_right_that_somebody_takes_away_is_given_back(world: World, shop: Team) -> None:
    handle = shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    principal = shop.get("BackupVault", "demo")["status"]["principalID"]
    for each in shop.assignments(handle, principal):
        shop.portal("DELETE", each, version="2022-04-01")
    await shop.after_the_next_backup()
    await shop.until("ProtectedDisk", "data", "BackupHealthy", "False", "BackupFailed")
    await world.passes(lambda: shop.assignments(handle, principal), "the right is back")
    await shop.until("ProtectedDisk", "data", "BackupHealthy", "True", within=timedelta(hours=6))
    await shop.until("ProtectedDisk", "data", "Ready")


async def test_a_disk_keeps_the_identity_with_which_its_protection_began(world: World, shop: Team) -> None:
    """The spec names another identity: the vault gets it, and keeps the one that works for the disks it has."""
    world.azure.seed(identities=[{"subscription": SUBSCRIPTION, "group": VAULT_GROUP, "name": "first-identity"}])
    identity = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{VAULT_GROUP}"
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/first-identity"
    )
    everybody: Json = {"access": {"namespaces": {}, "deletionNamespaces": {}}}
    by_user = {"identity": {"type": "UserAssigned", "userAssignedIdentityID": identity}}
    await shop.apply(vault("turned", **everybody, **by_user), policy("turned", "turned"))
    await shop.until("DiskBackupPolicy", "turned", "Ready")
    handle = shop.make_claim()
    await shop.protect(policy="turned", deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "Ready")
    first = shop.get("BackupVault", "turned")["status"]["principalID"]
    await shop.apply(vault("turned", **everybody, identity={"type": "SystemAssigned"}))
    await shop.until("BackupVault", "turned", "Ready")
    status = shop.get("BackupVault", "turned")["status"]
    own = status["principalID"]
    assert own != first and {each["principalID"] for each in status["identities"]} == {own, first}
    await world.advance(minutes=40)
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    # Its role is lost, and comes back for the identity that needs it.
    for each in shop.assignments(handle, first):
        shop.portal("DELETE", each, version="2022-04-01")
    await shop.back_up("after", "data")
    await shop.until("OnDemandBackup", "after", "Succeeded", "False")
    await world.passes(lambda: shop.assignments(handle, first), "it is given back")
    assert not shop.assignments(handle, own)
    # What is protected from now on works as the new one.
    other = shop.make_claim("data-1")
    await shop.protect("more", "data-1", "turned")
    await shop.until("ProtectedDisk", "more", "Ready")
    assert shop.assignments(other, own) and not shop.assignments(other, first)
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert not shop.assignments(handle, first)
