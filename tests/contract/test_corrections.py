"""What recorded traffic showed to be otherwise than the documents say, beside what is replayed."""

from __future__ import annotations

import pytest

from azure_simulator.model.roles import DISK_SNAPSHOT_CONTRIBUTOR
from contract.portal import (
    DISKS,
    INSTANCE,
    POLICY,
    ROOT,
    SNAPSHOTS,
    VAULT,
    VAULTS,
    Portal,
    instance_body,
    policy_body,
    vault_body,
)
from harness.objects import SUBSCRIPTION, VAULT_GROUP

UNDELETE = f"{VAULT}/deletedBackupInstances/data/undelete"
DISK = f"{DISKS}/providers/Microsoft.Compute/disks/data"


@pytest.fixture
def portal() -> Portal:
    return Portal()


def follow(
    portal: Portal, headers: dict[str, str], name: str = "Azure-AsyncOperation"
) -> tuple[int, dict[str, object]]:
    response = portal.ask("GET", headers[name].removeprefix(portal.url))
    return response.status, response.body or {}


def test_undelete_is_over_at_once(portal: Portal) -> None:
    portal.protect()
    assert portal.code("POST", UNDELETE) == (404, "UserErrorGenericResourceNotFound")
    portal.ask("DELETE", INSTANCE)
    portal.passes(seconds=10)
    answer = portal.ask("POST", UNDELETE)
    assert (answer.status, answer.body) == (200, None) and "Azure-AsyncOperation" not in answer.headers
    assert portal.state() == "ProtectionStopped"


def test_a_sync_that_changes_nothing_ends_with_the_cause(portal: Portal) -> None:
    portal.protect()
    held = f"{SNAPSHOTS}/providers/Microsoft.Authorization/roleAssignments"
    mine = [each["id"] for each in portal.body(held)["value"] if each["id"].startswith(SNAPSHOTS)]
    assert [portal.ask("DELETE", each).status for each in mine] == [200]
    portal.ask("PUT", INSTANCE, instance_body(DISK))
    portal.passes(seconds=61)
    assert portal.state() == "ProtectionError"
    answer = portal.ask("POST", f"{INSTANCE}/sync", {"syncType": "Default"})
    assert answer.status == 202 and {"Azure-AsyncOperation", "Location"} <= answer.headers.keys()
    assert answer.headers["Retry-After"] == "30"
    assert follow(portal, answer.headers)[1]["status"] == "Inprogress"
    portal.passes(seconds=61)
    ended = follow(portal, answer.headers)[1]
    assert ended["status"] == "Failed" and "Permission" in ended["error"]["code"]
    assert portal.state() == "ProtectionError"
    principal = portal.body(VAULT)["identity"]["principalId"]
    portal.assign(DISK_SNAPSHOT_CONTRIBUTOR, SNAPSHOTS, principal, 9)
    portal.passes(minutes=11)
    answer = portal.ask("POST", f"{INSTANCE}/sync")
    portal.passes(seconds=61)
    assert follow(portal, answer.headers)[1]["status"] == "Succeeded" and portal.state() == "ProtectionConfigured"


def test_a_policy_that_does_not_exist_is_an_invalid_parameter(portal: Portal) -> None:
    portal.protect()
    refused = portal.ask("PUT", INSTANCE, instance_body(DISK, policy=f"{VAULT}/backupPolicies/silver"))
    assert refused.status == 400
    error = (refused.body or {})["error"]
    assert error["code"] == "UserErrorInvalidRequestParameter" and "PolicyName" in error["message"]


def test_what_is_there_already_answers_as_if_it_were_new(portal: Portal) -> None:
    portal.protect()
    again = portal.ask("PUT", INSTANCE, instance_body(DISK))
    assert again.status == 201 and (again.body or {})["properties"]["provisioningState"] == "Succeeded"
    changed = portal.ask("PUT", VAULT, vault_body(tags={"a": "b"}))
    assert changed.status == 201 and (changed.body or {})["properties"]["provisioningState"] == "Updating"
    patched = portal.ask("PATCH", VAULT, {"tags": {"a": "c"}})
    assert patched.status == 200 and "Azure-AsyncOperation" not in patched.headers


def test_an_instance_can_be_deleted_while_it_is_configured(portal: Portal) -> None:
    portal.protect()
    portal.ask("PUT", INSTANCE, instance_body(DISK))
    assert portal.state() == "UpdatingProtection"
    assert portal.code("DELETE", INSTANCE) == (202, "")
    assert portal.code("POST", f"{INSTANCE}/stopProtection")[0] == 400, "one at a time"


def test_stopping_twice(portal: Portal) -> None:
    portal.protect()
    answer = portal.ask("POST", f"{INSTANCE}/stopProtection")
    assert answer.status == 202 and {"Azure-AsyncOperation", "Location"} <= answer.headers.keys()
    portal.passes(minutes=1)
    assert portal.ask("POST", f"{INSTANCE}/stopProtection").status == 200


def test_another_tool_takes_the_identity_of_a_vault_away(portal: Portal) -> None:
    first = portal.make_vault()
    portal.seed(identities=[{"subscription": SUBSCRIPTION, "group": VAULT_GROUP, "name": "own"}])
    own = f"{VAULTS}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/own"
    assigned = {"type": "UserAssigned", "userAssignedIdentities": {own: {}}}
    changed = portal.ask("PUT", VAULT, {**vault_body(), "identity": assigned})
    assert changed.status == 201 and "principalId" not in (changed.body or {})["identity"]
    portal.passes(seconds=5)
    both = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {own: {}}}
    portal.ask("PUT", VAULT, {**vault_body(), "identity": both})
    portal.passes(seconds=5)
    identity = portal.body(VAULT)["identity"]
    assert identity["principalId"] != first and list(identity["userAssignedIdentities"]) == [own.lower()]
    portal.ask("PUT", VAULT, {**vault_body(), "identity": {"type": "None"}})
    assert "identity" not in portal.body(VAULT)


def test_soft_deletion_counts_and_is_billed_from_the_request_on(portal: Portal) -> None:
    portal.protect()
    asked = portal.now
    portal.ask("DELETE", INSTANCE)
    portal.passes(minutes=1)
    info = portal.body(f"{VAULT}/deletedBackupInstances/data")["properties"]["deletionInfo"]
    assert info["deletionTime"] == info["billingEndDate"] and f"{asked:%Y-%m-%dT%H:%M:%S}" in info["deletionTime"]


def test_tags_without_an_id_get_one(portal: Portal) -> None:
    portal.make_vault()
    body = policy_body()
    tagging = body["properties"]["policyRules"][0]["trigger"]["taggingCriteria"][0]
    del tagging["tagInfo"]["id"]
    made = portal.ask("PUT", POLICY, body).body or {}
    told = made["properties"]["policyRules"][0]["trigger"]["taggingCriteria"][0]["tagInfo"]
    assert told == {"tagName": "Default", "id": "Default_"}
    assert portal.ask("PUT", POLICY, body).status == 200, "the same again"


def test_restore_points_since_a_time(portal: Portal) -> None:
    portal.protect()
    portal.passes(days=2)
    points = portal.body(f"{INSTANCE}/recoveryPoints")["value"]
    newest = points[0]["properties"]["recoveryPointTime"]
    found = portal.body(f"{INSTANCE}/recoveryPoints?$filter=startDate%20eq%20'{newest}'")["value"]
    assert len(points) > 1 and [each["name"] for each in found] == [points[0]["name"]]


def test_cross_region_restore_is_there_to_stay(portal: Portal) -> None:
    on = {"crossRegionRestoreSettings": {"state": "Enabled"}}
    portal.make_vault(featureSettings=on)
    off = {"properties": {"featureSettings": {"crossRegionRestoreSettings": {"state": "Disabled"}}}}
    assert portal.code("PATCH", VAULT, off) == (400, "UserErrorCrossRegionRestoreStateChangeNotAllowed")


def test_a_group_takes_its_vaults_along_unless_they_hold_backups(portal: Portal) -> None:
    portal.protect()
    answer = portal.ask("DELETE", VAULTS)
    assert answer.status == 202
    portal.passes(seconds=11)
    assert portal.ask("GET", VAULT).status == 200
    assert follow(portal, answer.headers, "Location")[0] == 409
    portal.ask("DELETE", INSTANCE)
    portal.passes(minutes=1)
    answer = portal.ask("DELETE", VAULTS)
    assert follow(portal, answer.headers, "Location")[0] == 202
    portal.passes(seconds=11)
    assert follow(portal, answer.headers, "Location")[0] == 200
    assert portal.code("GET", VAULT) == (404, "ResourceGroupNotFound") and portal.ask("GET", ROOT).status == 200


def test_a_disk_is_deleted_in_the_background(portal: Portal) -> None:
    portal.protect()
    answer = portal.ask("DELETE", DISK)
    assert answer.status == 202 and portal.ask("GET", DISK).status == 200
    assert follow(portal, answer.headers)[1]["status"] == "InProgress"
    assert follow(portal, answer.headers, "Location")[0] == 202
    portal.passes(seconds=2)
    assert follow(portal, answer.headers)[1]["status"] == "Succeeded"
    assert follow(portal, answer.headers, "Location")[0] == 200
    assert portal.ask("GET", DISK).status == 404 and portal.ask("DELETE", DISK).status == 204
