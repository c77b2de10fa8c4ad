"""What people can set to forbid or to change what others write, and how Azure says so."""

from __future__ import annotations

import pytest

from azure_simulator.client import SimulatorError
from contract.portal import DISKS, INSTANCE, POLICY, ROOT, SNAPSHOTS, VAULT, VAULTS, Portal, policy_body, vault_body
from harness.azure_rights import assigned
from harness.objects import LOCATION, SUBSCRIPTION

GUARD = f"{ROOT}/resourceGroups/security/providers/Microsoft.DataProtection/resourceGuards/guard"
REQUEST = {"resourceGuardOperationRequests": [f"{GUARD}/stopProtectionRequests/default"]}
OFF = {"securitySettings": {"softDeleteSettings": {"state": "Off", "retentionDurationInDays": 14.0}}}


@pytest.fixture
def portal() -> Portal:
    return Portal()


# --- locks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [ROOT, VAULTS, VAULT, VAULT.upper()])
@pytest.mark.parametrize("level", ["CanNotDelete", "ReadOnly"])
def test_a_lock_is_inherited(portal: Portal, scope: str, level: str) -> None:
    portal.protect()
    portal.turn("lock", name="keep", scope=scope, level=level)
    read_only = level == "ReadOnly"
    assert portal.code("DELETE", INSTANCE) == (409, "ScopeLocked")
    assert portal.ask("GET", INSTANCE).status == 200
    assert portal.code("POST", f"{INSTANCE}/stopProtection") == ((409, "ScopeLocked") if read_only else (202, ""))
    assert portal.code("PUT", VAULT, vault_body(tags={"a": "b"})) == ((409, "ScopeLocked") if read_only else (201, ""))
    assert portal.code("PUT", f"{DISKS}/providers/Microsoft.Compute/disks/data", {}) == (
        (409, "ScopeLocked") if read_only and scope == ROOT else (200, "")
    )
    portal.passes(minutes=1)
    portal.turn("lock", name="keep")
    assert portal.code("DELETE", INSTANCE) == (202, "")


def test_a_lock_says_what_is_locked(portal: Portal) -> None:
    portal.make_vault()
    portal.turn("lock", name="keep", scope=VAULT, level="CanNotDelete")
    refused = portal.ask("DELETE", VAULTS).body or {}
    assert refused["error"] == {
        "code": "ScopeLocked",
        "message": f"The scope '{VAULTS}' cannot perform delete operation because following scope(s) are locked: "
        f"'{VAULT}'. Please remove the lock and try again.",
    }
    with pytest.raises(SimulatorError, match="Nothing"):
        portal.turn("lock", name="x", scope=VAULT, level="Nothing")


def test_a_lock_keeps_role_assignments_and_restore_points(portal: Portal) -> None:
    portal.protect()
    principal = portal.body(VAULT)["identity"]["principalId"]
    portal.assign("acdd72a7-3385-48ef-bd42-f606fba81ae7", SNAPSHOTS, principal, 7)
    portal.turn("lock", name="keep", scope=SNAPSHOTS, level="CanNotDelete")
    path = f"{SNAPSHOTS}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000007"
    assert portal.code("DELETE", path) == (409, "ScopeLocked")
    portal.passes(days=9)
    assert portal.points_kept() > 42, "snapshots that cannot be deleted pile up"


# --- Azure Policy -----------------------------------------------------------------------------------


def test_a_denied_request_names_the_policy(portal: Portal) -> None:
    portal.turn("policy", name="costs", effect="deny", scope=ROOT, types="resourceGroups|backupVaults", tag="cost")
    refused = portal.ask("PUT", VAULT, vault_body())
    error = (refused.body or {})["error"]
    assert (refused.status, error["code"]) == (403, "RequestDisallowedByPolicy")
    assert f"{ROOT}/providers/Microsoft.Authorization/policyAssignments/costs" in error["message"]
    assert error["additionalInfo"][0]["type"] == "PolicyViolation"
    assert error["additionalInfo"][0]["info"]["policyAssignmentName"] == "costs"
    assert portal.code("PUT", f"{ROOT}/resourceGroups/new", {"location": LOCATION})[0] == 403
    assert portal.code("PUT", VAULT, vault_body(tags={"COST": "7"})) == (201, ""), "names have no letter case"
    portal.passes(seconds=5)
    assert portal.code("PATCH", VAULT, {"tags": {}})[0] == 403
    assert portal.code("PATCH", VAULT, {"properties": {}})[0] == 200, "it has the tag already"
    portal.turn("policy", name="costs")
    assert portal.code("PATCH", VAULT, {"tags": {}})[0] == 200


def test_a_policy_can_deny_what_has_no_tags(portal: Portal) -> None:
    portal.protect()
    portal.turn("policy", name="none", effect="deny", scope=ROOT, types="roleAssignments")
    principal = portal.body(VAULT)["identity"]["principalId"]
    refused = portal.assign("acdd72a7-3385-48ef-bd42-f606fba81ae7", SNAPSHOTS, principal, 7)
    assert refused.status == 403


def test_a_policy_changes_tags_within_the_request(portal: Portal) -> None:
    portal.turn("policy", name="env", effect="modify", scope=ROOT, types="backupVaults$", tag="env", value="prod")
    portal.turn("policy", name="team", effect="append", scope=VAULTS, types="backupVaults$", tag="team", value="x")
    made = portal.ask("PUT", VAULT, vault_body(tags={"env": "mine", "team": "y"})).body or {}
    assert made["tags"] == {"env": "prod", "team": "y"}
    portal.passes(seconds=5)
    patched = portal.ask("PATCH", VAULT, {"tags": {"Env": "again"}}).body or {}
    assert patched["tags"] == {"Env": "prod", "team": "x"}
    assert portal.ask("PUT", POLICY, policy_body()).status == 200, "of a type that it does not look at"


# --- a disabled subscription ------------------------------------------------------------------------


def test_a_disabled_subscription_can_only_be_read(portal: Portal) -> None:
    portal.protect()
    portal.turn("subscription", subscription=SUBSCRIPTION, state="Disabled")
    assert portal.body(ROOT)["state"] == "Disabled"
    assert portal.code("POST", f"{INSTANCE}/stopProtection") == (409, "ReadOnlyDisabledSubscription")
    assert portal.ask("GET", INSTANCE).status == 200
    portal.turn("subscription", subscription=SUBSCRIPTION, state="Enabled")
    assert portal.code("POST", f"{INSTANCE}/stopProtection") == (202, "")


# --- Resource Guard ---------------------------------------------------------------------------------


def test_a_guarded_vault_says_so_and_refuses(portal: Portal) -> None:
    portal.protect(securitySettings={"softDeleteSettings": {"state": "On", "retentionDurationInDays": 14.0}})
    assert portal.body(VAULT)["properties"]["isVaultProtectedByResourceGuard"] is False
    portal.turn("guard", vault=VAULT, guard=GUARD)
    assert portal.body(VAULT)["properties"]["isVaultProtectedByResourceGuard"] is True
    proxies = portal.body(f"{VAULT}/backupResourceGuardProxies")["value"]
    assert [each["properties"]["resourceGuardResourceId"] for each in proxies] == [GUARD]
    for method, path, body in (
        ("DELETE", INSTANCE, None),
        ("POST", f"{INSTANCE}/stopProtection", None),
        ("POST", f"{INSTANCE}/suspendBackups", {}),
        ("PATCH", VAULT, {"properties": OFF}),
        ("DELETE", f"{VAULT}/backupResourceGuardProxies/DppResourceGuardProxy", None),
    ):
        refused = portal.ask(method, path, body)
        assert refused.status == 400 and "ResourceGuard" in (refused.body or {})["error"]["message"], path
    assert portal.code("PATCH", VAULT, {"tags": {"a": "b"}})[0] == 200, "nothing critical"
    assert portal.code("POST", f"{INSTANCE}/stopProtection", REQUEST) == (202, "")


def test_a_guard_may_leave_out_operations(portal: Portal) -> None:
    portal.protect()
    portal.turn("guard", vault=VAULT, guard=GUARD, operations=["delete"])
    assert portal.code("POST", f"{INSTANCE}/stopProtection") == (202, "")
    portal.passes(minutes=1)
    assert portal.code("DELETE", INSTANCE)[0] == 400
    portal.turn("guard", vault=VAULT)
    assert portal.code("DELETE", INSTANCE) == (202, "")


def test_a_deletion_is_unlocked_for_a_while(portal: Portal) -> None:
    portal.protect()
    portal.turn("guard", vault=VAULT, guard=GUARD)
    unlock = f"{VAULT}/backupResourceGuardProxies/DppResourceGuardProxy/unlockDelete"
    assert portal.code("POST", unlock, {"resourceToBeDeleted": INSTANCE})[0] == 400
    unlocked = portal.ask("POST", unlock, {**REQUEST, "resourceToBeDeleted": INSTANCE})
    assert "unlockDeleteExpiryTime" in (unlocked.body or {})
    portal.passes(hours=2)
    assert portal.code("DELETE", INSTANCE)[0] == 400, "too late"
    portal.ask("POST", unlock, {**REQUEST, "resourceToBeDeleted": INSTANCE})
    assert portal.code("DELETE", INSTANCE) == (202, "")


def test_who_may_not_use_the_guard_cannot_name_its_requests(portal: Portal) -> None:
    portal.protect()
    portal.turn("guard", vault=VAULT, guard=GUARD)
    portal.seed(callers=[{"clientID": "operator", "roles": assigned([SUBSCRIPTION], "operator")}])
    refused = portal.code("POST", f"{INSTANCE}/stopProtection", REQUEST, who="operator")
    assert refused == (403, "LinkedAuthorizationFailed")
