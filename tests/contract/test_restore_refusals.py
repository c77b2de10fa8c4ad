"""What stands in the way of a restore, and what can be set to make it fail, hang or warn while the simulator runs."""

from __future__ import annotations

from datetime import datetime

import pytest

from azure_simulator.client import SimulatorError
from azure_simulator.model.roles import DISK_RESTORE_OPERATOR, DISK_SNAPSHOT_CONTRIBUTOR
from contract.portal import DISKS, INSTANCE, ROOT, SNAPSHOTS, VAULT, VAULTS, instance_body, vault_body
from contract.restoring import TARGET, RestorePortal, request_body
from harness.objects import LOCATION, SECOND_SUBSCRIPTION, SUBSCRIPTION, VAULT_GROUP

OTHER_GROUP = f"{ROOT}/resourceGroups/restored-rg"
ELSEWHERE = f"/subscriptions/{SECOND_SUBSCRIPTION}/resourceGroups/restored-rg"
OWN = f"{VAULTS}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/own"
SET = f"{DISKS}/providers/Microsoft.Compute/diskEncryptionSets/keys"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
DISK = f"{DISKS}/providers/Microsoft.Compute/disks/data"


@pytest.fixture
def portal() -> RestorePortal:
    found = RestorePortal()
    found.back_up()
    return found


def principal(portal: RestorePortal) -> str:
    return str(portal.body(VAULT)["identity"]["principalId"])


def in_group(group: str) -> str:
    return f"{group}/providers/Microsoft.Compute/disks/data-again"


# --- the identity -------------------------------------------------------------------------------------


@pytest.fixture
def assigned(portal: RestorePortal) -> dict[str, object]:
    """Let another identity than the vault's own work for the instance, and hold all roles; return how it is named."""
    portal.seed(identities=[{"subscription": SUBSCRIPTION, "group": VAULT_GROUP, "name": "own"}])
    both = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {OWN: {}}}
    assert portal.ask("PUT", VAULT, {**vault_body(), "identity": both}).status == 201
    worker = portal.body(OWN)["properties"]["principalId"]
    roles = ((DISK_RESTORE_OPERATOR, DISKS), (DISK_SNAPSHOT_CONTRIBUTOR, SNAPSHOTS), (READER, DISK))
    for number, (role, scope) in enumerate(roles, 60):
        portal.assign(role, scope, worker, number)
    details = {"useSystemAssignedIdentity": False, "userAssignedIdentityArmUrl": OWN}
    body = instance_body(DISK)
    body["properties"]["identityDetails"] = details
    assert portal.ask("PUT", INSTANCE, body).status == 201
    portal.passes(minutes=11)
    return details


def test_the_identity_of_the_instance_restores(portal: RestorePortal, assigned: dict[str, object]) -> None:
    assert portal.validated(identityDetails=assigned) == ("Succeeded", "")
    upper = {**assigned, "userAssignedIdentityArmUrl": OWN.upper()}
    assert portal.restored(identityDetails=upper)["status"] == "Completed"


def test_without_one_the_vaults_own_is_meant(portal: RestorePortal, assigned: dict[str, object]) -> None:
    missing = "UserErrorDiskBackupRestoreRGOrMSIPermissionsNotPresent"
    assert portal.validated() == ("Failed", missing)
    assert portal.validated(identityDetails={"useSystemAssignedIdentity": True}) == ("Failed", missing)
    stranger = {**assigned, "userAssignedIdentityArmUrl": f"{OWN}-2"}
    assert portal.validated(identityDetails=stranger) == ("Failed", missing)


# --- the target ---------------------------------------------------------------------------------------


def test_a_target_group_that_is_not_there(portal: RestorePortal) -> None:
    assert portal.validated(in_group(OTHER_GROUP)) == ("Failed", "UserErrorRestoreTargetRGNotFound")


def test_a_target_group_in_another_region(portal: RestorePortal) -> None:
    assert portal.ask("PUT", OTHER_GROUP, {"location": "northeurope"}).status == 201
    assert portal.validated(in_group(OTHER_GROUP)) == ("Failed", "UserErrorRestoreTargetRGInvalidRegion")


@pytest.mark.parametrize("state", ["Disabled", "PermanentlyDisabled", "Enabled", None])
def test_another_subscription_where_the_vault_allows_it(state: str | None) -> None:
    portal = RestorePortal()
    switch = {} if state is None else {"featureSettings": {"crossSubscriptionRestoreSettings": {"state": state}}}
    portal.back_up(**switch)
    portal.seed(
        subscriptions=[SECOND_SUBSCRIPTION],
        groups=[{"subscription": SECOND_SUBSCRIPTION, "name": "restored-rg", "location": LOCATION}],
    )
    portal.assign(DISK_RESTORE_OPERATOR, ELSEWHERE, principal(portal), 51)
    portal.passes(minutes=11)
    allowed = state in ("Enabled", None)
    ended = ("Succeeded", "") if allowed else ("Failed", "UserErrorCrossSubscriptionRestoreNotAllowed")
    assert portal.validated(in_group(ELSEWHERE)) == ended
    assert portal.validated() == ("Succeeded", ""), "in its own"


def test_what_was_disabled_for_good_stays_so(portal: RestorePortal) -> None:
    def switched(state: str) -> tuple[int, str]:
        settings = {"crossSubscriptionRestoreSettings": {"state": state}}
        return portal.code("PATCH", VAULT, {"properties": {"featureSettings": settings}})

    assert [switched(state)[0] for state in ("Disabled", "Enabled", "PermanentlyDisabled", "PermanentlyDisabled")] == (
        [200] * 4
    )
    assert switched("Enabled")[0] == 400 and switched("Sometimes")[0] == 400
    assert portal.body(VAULT)["properties"]["featureSettings"]["crossSubscriptionRestoreSettings"] == {
        "state": "PermanentlyDisabled"
    }


# --- the source ---------------------------------------------------------------------------------------


def test_a_snapshot_that_somebody_deleted(portal: RestorePortal) -> None:
    older = portal.point
    portal.take_point()
    portal.turn("snapshot", instance=INSTANCE, point=older)
    assert portal.validated() == ("Succeeded", "")
    portal.turn("snapshot", instance=INSTANCE)
    assert portal.validated() == ("Failed", "UserErrorDiskSnapshotNotFound")
    assert len(portal.body(f"{INSTANCE}/recoveryPoints")["value"]) >= 2, "Azure Backup still lists them"
    portal.turn("snapshot", instance=INSTANCE, deleted=False)
    job = portal.restore()
    portal.turn("snapshot", instance=INSTANCE)
    portal.passes(minutes=4)
    assert portal.body(job)["properties"]["errorDetails"][0]["code"] == "UserErrorDiskSnapshotNotFound"


def test_a_snapshot_group_that_is_gone(portal: RestorePortal) -> None:
    portal.remove(SNAPSHOTS)
    assert portal.validated() == ("Failed", "UserErrorDiskSnapshotNotFound")


def test_a_point_that_expires_while_the_job_runs(portal: RestorePortal) -> None:
    found = portal.body(f"{INSTANCE}/recoveryPoints/{portal.point}")["properties"]
    expiry = datetime.fromisoformat(found["expiryTime"])
    portal.passes(seconds=(expiry - portal.now).total_seconds() - 60)
    assert portal.validated() == ("Succeeded", "")
    failed = portal.restored()
    assert (failed["status"], failed["errorDetails"][0]["code"]) == ("Failed", "UserErrorDiskSnapshotNotFound")
    refused = portal.code("POST", f"{INSTANCE}/restore", request_body(portal.point))
    assert refused == (400, "UserErrorRecoveryPointNotFound")


def test_an_encryption_set_has_to_be_readable_and_its_key_enabled(portal: RestorePortal) -> None:
    encryption = {"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": SET}
    assert portal.ask("PATCH", DISK, {"properties": {"encryption": encryption}}).status == 200
    assert portal.validated() == ("Succeeded", ""), "it was not encrypted so when the point was taken"
    portal.take_point()
    assert portal.validated() == ("Failed", "UserErrorMSIPermissionsNotPresentOnDES")
    portal.assign(READER, SET, principal(portal), 70)
    portal.passes(minutes=11)
    assert portal.validated() == ("Succeeded", "")
    for key in ("Disabled", "NotAvailable"):
        portal.turn("encryption-set", set=SET, key=key)
        assert portal.validated() == ("Failed", f"UserErrorDESKeyVaultKey{key}")
    portal.turn("encryption-set", set=SET)
    assert portal.restored()["status"] == "Completed"
    assert portal.body(TARGET)["properties"]["encryption"] == encryption
    with pytest.raises(SimulatorError, match="Disabled"):
        portal.turn("encryption-set", set=SET, key="Lost")


# --- how many -----------------------------------------------------------------------------------------


def test_a_quota_of_disks(portal: RestorePortal) -> None:
    job = portal.restore()
    portal.turn("quota", disks=1)
    assert portal.validated() == ("Failed", "UserErrorSubscriptionDiskQuotaLimitReached")
    portal.passes(minutes=4)
    assert portal.body(job)["properties"]["errorDetails"][0]["code"] == "UserErrorSubscriptionDiskQuotaLimitReached"
    portal.turn("quota", disks=2)
    assert portal.validated() == ("Succeeded", "")
    portal.turn("quota", disks=1)
    portal.turn("quota", disks=-1)
    assert portal.restored()["status"] == "Completed"


def test_ten_restores_a_day(portal: RestorePortal) -> None:
    for number in range(10):
        portal.restore(f"{TARGET}-{number}")
    refused = portal.code("POST", f"{INSTANCE}/restore", request_body(portal.point))
    assert refused == (400, "UserErrorRestoreLimitReached")
    portal.turn("quota", restores=11)
    portal.restore()
    portal.turn("quota", restores=10)
    assert portal.code("POST", f"{INSTANCE}/restore", request_body(portal.point)) == refused
    portal.passes(days=1)
    portal.restore(f"{TARGET}-10")


# --- who forbids it -----------------------------------------------------------------------------------


def test_a_guard_refuses_the_restore_and_not_its_validation(portal: RestorePortal) -> None:
    guard = f"{ROOT}/resourceGroups/security/providers/Microsoft.DataProtection/resourceGuards/guard"
    portal.turn("guard", vault=VAULT, guard=guard, operations=["restore"])
    assert portal.validated() == ("Succeeded", "")
    refused = portal.ask("POST", f"{INSTANCE}/restore", request_body(portal.point))
    assert refused.status == 400 and "ResourceGuard" in (refused.body or {})["error"]["message"]
    named = [f"{guard}/dppTriggerRestoreRequests/default"]
    assert portal.ask("POST", f"{INSTANCE}/stopProtection").status == 202, "the guard leaves it out"
    portal.passes(minutes=1)
    assert portal.restored(resourceGuardOperationRequests=named)["status"] == "Completed"
    (proxy,) = portal.body(f"{VAULT}/backupResourceGuardProxies")["value"]
    assert named[0] in [each["defaultResourceRequest"] for each in proxy["properties"]["resourceGuardOperationDetails"]]


def test_only_the_job_hears_of_azure_policy(portal: RestorePortal) -> None:
    portal.turn("policy", name="costs", effect="deny", scope=DISKS, types="disks$", tag="cost")
    assert portal.validated() == ("Succeeded", "")
    failed = portal.restored()
    assert (failed["status"], failed["errorDetails"][0]["code"]) == ("Failed", "RequestDisallowedByPolicy")
    assert "policyAssignments/costs" in failed["errorDetails"][0]["message"]
    assert portal.ask("GET", TARGET).status == 404
    portal.turn("policy", name="costs", effect="append", scope=DISKS, types="disks$", tag="cost", value="7")
    assert portal.restored()["status"] == "Completed"
    assert portal.body(TARGET)["tags"] == {"cost": "7"}


# --- how it ends --------------------------------------------------------------------------------------


def test_a_job_that_warns(portal: RestorePortal) -> None:
    portal.turn("restores", status="CompletedWithWarnings", code="Odd", message="Something is odd.", action="Look.")
    job = portal.restored()
    assert job["status"] == "CompletedWithWarnings" and job["errorDetails"] is None
    (warning,) = job["extendedInfo"]["warningDetails"]
    assert (warning["resourceName"], warning["warning"]["code"]) == ("data-again", "Odd")
    assert warning["warning"]["recommendedAction"] == ["Look."] and portal.ask("GET", TARGET).status == 200
    portal.turn("restores", status="CompletedWithWarnings", code="Odd", message="Nothing is there.", disk=False)
    assert portal.restored(f"{TARGET}-2")["status"] == "CompletedWithWarnings"
    assert portal.ask("GET", f"{TARGET}-2").status == 404
    portal.turn("restores")
    assert portal.restored(f"{TARGET}-3")["status"] == "Completed"


def test_a_job_that_fails(portal: RestorePortal) -> None:
    portal.turn("restores", status="Failed", code="UserErrorMaxConcurrentOperationLimitReached", message="Later.")
    assert portal.validated() == ("Succeeded", "")
    failed = portal.restored()
    assert (failed["status"], failed["errorDetails"][0]["message"]) == ("Failed", "Later.")
    assert portal.ask("GET", TARGET).status == 404


def test_what_is_refused_before_there_is_a_job(portal: RestorePortal) -> None:
    portal.turn("restores", status="Refused", code="UserErrorMissingSubscriptionRegistration", message="Register.")
    assert portal.validated() == ("Failed", "UserErrorMissingSubscriptionRegistration")
    begun = portal.ask("POST", f"{INSTANCE}/restore", request_body(portal.point))
    portal.passes(seconds=2)
    assert portal.follow(begun)["error"]["code"] == "UserErrorMissingSubscriptionRegistration"
    with pytest.raises(SimulatorError, match="Refused"):
        portal.turn("restores", status="Late")


def test_a_job_that_hangs_until_it_may_end(portal: RestorePortal) -> None:
    portal.turn("restores", status="InProgress")
    job = portal.restore()
    portal.passes(days=2)
    assert portal.body(job)["properties"]["status"] == "InProgress" and portal.ask("GET", TARGET).status == 404
    portal.turn("restores", status="InProgress")
    assert portal.body(job)["properties"]["status"] == "InProgress"
    portal.turn("restores")
    assert portal.body(job)["properties"]["status"] == "Completed" and portal.ask("GET", TARGET).status == 200
