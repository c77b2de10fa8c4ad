"""Rights that come late, are missing, are somebody else's to give, or are taken away: told exactly, and healed."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta

import pytest

from harness.objects import LOCATION, SNAPSHOT_GROUP, SUBSCRIPTION, VAULT_GROUP, disk_id, policy, vault
from harness.stack import CLIENT_ID, Stack
from harness.tenant import Tenant

READER = "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24"
CONTRIBUTOR = "7efff54f-a5b4-42b5-a1c5-5411624893ce"
AUTHORIZATION = "providers/Microsoft.Authorization"
SNAPSHOTS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{SNAPSHOT_GROUP}"


def assign(shop: Tenant, scope: str, role: str, principal: str) -> None:
    """Assign a role as a person would, under a name of its own."""
    body = {
        "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/{AUTHORIZATION}/roleDefinitions/{role}",
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }
    path = f"{scope}/{AUTHORIZATION}/roleAssignments/{uuid.uuid4()}"
    shop.portal("PUT", path, {"properties": body}, "2022-04-01")


@pytest.mark.parametrize("minutes", [0, 15, 40])
def test_rights_spread_late(stack: Stack, shop: Tenant, gold: str, minutes: int) -> None:
    # The right on the snapshot group is as old as the vault, which may be new.
    stack.azure.advance(minutes=11)
    stack.azure.knobs(role_propagation=minutes * 60)
    shop.make_claim()
    since = len(stack.azure.requests())
    begun = stack.azure.now
    shop.protect()
    if minutes:
        says = shop.until("protecteddisk", "data", "Validated", "False", "WaitingForPermissions")["message"]
        assert "next try at" in says and "new rights take" in says
    shop.until("protecteddisk", "data", "Ready")
    assert (stack.azure.now - begun).total_seconds() / 60 <= minutes + 9, "tries thin out, but not too far"
    tries = [
        datetime.fromisoformat(each.time[:19])
        for each in stack.azure.requests(since)
        if each.route == "backupVaults.validateForBackup"
    ]
    late = [b - a for a, b in itertools.pairwise(tries[3:])]
    assert all(gap.total_seconds() >= 120 for gap in late), "no more than one every two minutes in the end"


def test_rights_that_never_come_are_a_persons_affair(stack: Stack, shop: Tenant, gold: str) -> None:
    stack.azure.knobs(role_propagation=4 * 3600)
    handle = shop.make_claim()
    shop.protect()
    principal = shop.get("backupvault", "demo")["status"]["principalID"]
    stack.azure.advance(minutes=30)
    assert not shop.condition("protecteddisk", "data", "Stalled")
    stack.kill_operator()
    stack.start_operator()
    stalled = shop.until("protecteddisk", "data", "Stalled", reason="WaitingForPermissions")["message"]
    for word in (principal, "Disk Backup Reader", handle, "Disk Snapshot Contributor", SNAPSHOT_GROUP):
        assert word in stalled
    since = len(stack.azure.requests())
    shop.says_the_same(minutes=60)
    assert 4 <= stack.azure.counts(since)["backupVaults.validateForBackup"] <= 7, "still a slow try"
    stack.azure.advance(hours=3)
    shop.until("protecteddisk", "data", "Ready")


def test_a_fresh_identity_is_not_known_everywhere_at_once(stack: Stack, shop: Tenant) -> None:
    stack.azure.knobs(principal_replication=90)
    since = len(stack.azure.requests())
    shop.apply(vault("fresh"))
    shop.until("backupvault", "fresh", "Ready")
    stack.azure.knobs(principal_replication=0)
    answers = [each.status for each in stack.azure.requests(since) if each.route == "roleAssignments.put"]
    assert answers[-1] == 201 and set(answers[:-1]) == {400} and len(answers) <= 10
    principal = shop.get("backupvault", "fresh")["status"]["principalID"]
    assert len(shop.assignments(SNAPSHOTS, principal)) == 1


def test_a_vault_made_again_by_hand_gets_rights_for_its_new_identity(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("again"), policy("again", "again"))
    shop.until("diskbackuppolicy", "again", "Ready")
    before = shop.get("backupvault", "again")["status"]
    old = shop.assignments(SNAPSHOTS, before["principalID"])
    shop.portal("DELETE", f"{before['vaultID']}/backupPolicies/{policy_name(shop, 'again')}")
    shop.portal("DELETE", before["vaultID"])
    stack.azure.advance(seconds=5)
    body = {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {"storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]},
    }
    shop.portal("PUT", before["vaultID"], body)
    shop.passes(
        lambda: shop.get("backupvault", "again")["status"]["principalID"] != before["principalID"], "the new identity"
    )
    shop.until("backupvault", "again", "Ready")
    shop.until("diskbackuppolicy", "again", "Ready")
    assert shop.assignments(SNAPSHOTS, shop.get("backupvault", "again")["status"]["principalID"])
    assert shop.assignments(SNAPSHOTS, before["principalID"]) == old, "what is not ours to take is left"
    shop.make_claim()
    shop.protect(policy="again")
    shop.until("protecteddisk", "data", "Ready")


def policy_name(shop: Tenant, name: str) -> str:
    return str(shop.get("diskbackuppolicy", name)["status"]["policyID"]).rsplit("/", 1)[1]


def test_roles_that_others_assign_are_verified_and_named(stack: Stack, shop: Tenant) -> None:
    since = len(stack.azure.requests())
    shop.apply(vault("pre", roleAssignments="Preassigned"), policy("pre", "pre"))
    says = shop.until("backupvault", "pre", "SnapshotResourceGroupsReady", "False", "RoleAssignmentMissing")["message"]
    principal = shop.get("backupvault", "pre")["status"]["principalID"]
    assert principal in says and f"--role 'Disk Snapshot Contributor' --scope {SNAPSHOTS}" in says
    assign(shop, SNAPSHOTS, CONTRIBUTOR, principal)
    shop.until("backupvault", "pre", "Ready")
    handle = shop.make_claim()
    shop.protect(policy="pre")
    says = shop.until("protecteddisk", "data", "RolesGranted", "False", "RoleAssignmentMissing")["message"]
    assert principal in says and f"--role 'Disk Backup Reader' --scope {handle}" in says
    # On the group is as good as on the disk.
    assign(shop, handle.rsplit("/providers", 1)[0], READER, principal)
    shop.until("protecteddisk", "data", "Ready")
    assert "roleAssignments.put" not in stack.writes(since)


def test_an_identity_that_the_user_brings(stack: Stack, shop: Tenant) -> None:
    stack.azure.seed(identities=[{"subscription": SUBSCRIPTION, "group": VAULT_GROUP, "name": "backup-identity"}])
    identity = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{VAULT_GROUP}"
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup-identity"
    )
    shop.apply(
        vault("own", identity={"type": "UserAssigned", "userAssignedIdentityID": identity}), policy("own", "own")
    )
    shop.until("diskbackuppolicy", "own", "Ready")
    handle = shop.make_claim()
    shop.protect(policy="own")
    shop.until("protecteddisk", "data", "Ready")
    details = shop.portal("GET", shop.instance())["properties"]["identityDetails"]
    assert details == {"useSystemAssignedIdentity": False, "userAssignedIdentityArmUrl": identity}
    principal = shop.get("backupvault", "own")["status"]["principalID"]
    assert shop.assignments(handle, principal) and shop.assignments(SNAPSHOTS, principal)
    shop.back_up()
    shop.until("ondemandbackup", "now", "Succeeded")


def test_one_right_for_a_group_of_disks(stack: Stack, shop: Tenant) -> None:
    shop.apply(vault("wide", diskRoleScope="ResourceGroup", access={"deletionNamespaces": {}}), policy("wide", "wide"))
    shop.until("diskbackuppolicy", "wide", "Ready")
    group = disk_id("x").rsplit("/providers", 1)[0]
    principal = shop.get("backupvault", "wide")["status"]["principalID"]
    for number in range(3):
        shop.make_claim(f"data-{number}")
    since = len(stack.azure.requests())
    for number in range(3):
        shop.protect(f"data-{number}", f"data-{number}", "wide", deletionPolicy="Delete")
    for number in range(3):
        shop.until("protecteddisk", f"data-{number}", "Ready")
    assert stack.writes(since).count("roleAssignments.put") == 1
    assert len(shop.assignments(group, principal)) == 1
    for number in range(2):
        shop.kubectl("delete", "protecteddisk", f"data-{number}", "--wait=false")
        shop.gone("protecteddisk", f"data-{number}")
        assert len(shop.assignments(group, principal)) == 1, "the others need it"
    shop.kubectl("delete", "protecteddisk", "data-2", "--wait=false")
    shop.gone("protecteddisk", "data-2")
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
def test_a_right_that_the_operator_lacks_is_named_and_heals(
    stack: Stack, shop: Tenant, gold: str, action: str, scope: str, condition: str
) -> None:
    shop.make_claim()
    stack.azure.deny(CLIENT_ID, (action, scope))
    since = len(stack.azure.requests())
    shop.protect()
    says = shop.until("protecteddisk", "data", condition, "False", "AccessDenied")["message"]
    assert f"perform action 'Microsoft.{says.split('Microsoft.')[1].split(chr(39))[0]}'" in says
    assert action.rstrip("$") in says and "over scope '/subscriptions/" in says
    stack.azure.advance(minutes=30)
    shop.says_the_same(minutes=60)
    refused = [each for each in stack.azure.requests(since) if each.status == 403]
    assert 2 <= len(refused) <= 20, "backs off slowly"
    stack.azure.deny(CLIENT_ID)
    shop.until("protecteddisk", "data", "Ready")


def test_a_right_that_somebody_takes_away_is_given_back(stack: Stack, shop: Tenant, gold: str) -> None:
    handle = shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    principal = shop.get("backupvault", "demo")["status"]["principalID"]
    for each in shop.assignments(handle, principal):
        shop.portal("DELETE", each, version="2022-04-01")
    shop.after_the_next_backup()
    shop.until("protecteddisk", "data", "BackupHealthy", "False", "BackupFailed")
    shop.passes(lambda: shop.assignments(handle, principal), "the right is back")
    shop.until("protecteddisk", "data", "BackupHealthy", "True", within=timedelta(hours=6))
    shop.until("protecteddisk", "data", "Ready")
