"""Restores as recorded: what is asked, what the operation tells, what the job tells, and what makes them fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azure_simulator.model.restore_request import folded
from contract.portal import DISKS, INSTANCE, SNAPSHOTS, VAULT, Json
from contract.restoring import TARGET, RestorePortal, request_body
from harness.objects import SUBSCRIPTION

ROLE_ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"


@pytest.fixture
def portal() -> RestorePortal:
    found = RestorePortal()
    found.back_up()
    return found


def jobs_of_graph(portal: RestorePortal) -> list[Json]:
    query = "recoveryservicesresources | where type =~ 'microsoft.dataprotection/backupvaults/backupjobs'"
    answer = portal.ask(
        "POST", "/providers/Microsoft.ResourceGraph/resources", {"query": query, "subscriptions": [SUBSCRIPTION]},
        version="2022-10-01",
    )  # fmt: skip
    assert answer.status == 200 and answer.body is not None, answer.body
    return [each for each in answer.body["data"] if each["properties"]["operation"] == "Restore"]


def test_a_validation_takes_its_time_and_makes_no_job(portal: RestorePortal) -> None:
    body = {"restoreRequestObject": request_body(portal.point)}
    begun = portal.ask("POST", f"{INSTANCE}/validateRestore", body)
    assert f"{VAULT}/operationStatus/" in begun.headers["Azure-AsyncOperation"]
    assert "/operationResults/" in begun.headers["Location"]
    assert portal.follow(begun)["status"] == "Inprogress"
    portal.passes(seconds=41)
    assert portal.follow(begun)["status"] == "Inprogress"
    portal.passes(seconds=1)
    assert portal.follow(begun)["status"] == "Succeeded"
    assert portal.follow(begun, "Location") == {"objectType": "OperationJobExtendedInfo"}
    assert portal.ask("GET", TARGET).status == 404


def test_only_the_job_tells_the_end(portal: RestorePortal) -> None:
    begun = portal.ask("POST", f"{INSTANCE}/restore", request_body(portal.point))
    assert {"Azure-AsyncOperation", "Location"} <= begun.headers.keys()
    assert portal.follow(begun)["status"] == "Inprogress"
    portal.passes(seconds=2)
    told = portal.follow(begun)
    job = told["properties"]["jobId"]
    assert told["status"] == "Succeeded" and job.startswith(f"{VAULT}/backupJobs/")
    assert portal.follow(begun, "Location")["jobId"] == job
    assert portal.ask("GET", TARGET).status == 404 and portal.body(job)["properties"]["status"] == "InProgress"
    portal.passes(seconds=212)
    assert portal.body(job)["properties"]["status"] == "InProgress"
    portal.passes(seconds=1)
    assert portal.body(job)["properties"]["status"] == "Completed" and portal.ask("GET", TARGET).status == 200


def test_the_job_in_its_three_views(portal: RestorePortal) -> None:
    job = portal.restore()
    single = portal.body(job)["properties"]
    assert single["extendedInfo"]["recoveryDestination"] == TARGET
    assert single["extendedInfo"]["sourceRecoverPoint"]["recoveryPointID"] == portal.point
    assert (single["supportedActions"], single["isUserTriggered"], single["duration"]) == ([""], True, "PT0S")
    listed = next(each for each in portal.body(f"{VAULT}/backupJobs")["value"] if each["id"] == job)["properties"]
    assert listed["extendedInfo"] is None and listed["operationCategory"] == "Restore"
    (row,) = jobs_of_graph(portal)
    assert row["properties"]["extendedInfo"] == single["extendedInfo"]
    assert {single["activityID"], listed["activityID"], row["properties"]["activityID"]} == {single["activityID"]}


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase])
def test_names_of_members_have_no_letter_case(portal: RestorePortal, change: Any) -> None:
    def renamed(value: Any) -> Any:
        return {change(name): renamed(below) for name, below in value.items()} if isinstance(value, dict) else value

    body = renamed(request_body(portal.point))
    assert folded(body) == folded(request_body(portal.point)) and body.keys() != request_body(portal.point).keys()
    wrapped = {change("restoreRequestObject"): body}
    assert portal.ask("POST", f"{INSTANCE}/validateRestore", wrapped).status == 202
    assert portal.ask("POST", f"{INSTANCE}/restore", body).status == 202


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("objectType", "AzureBackupRestoreRequest"),
        ("sourceDataStoreType", "VaultStore"),
        ("recoveryPointId", "nonsense"),
        ("restoreTargetInfo.recoveryOption", "Overwrite"),
        ("restoreTargetInfo.restoreLocation", "West Europe"),
        ("restoreTargetInfo.datasourceInfo.resourceID", DISKS),
        ("restoreTargetInfo.datasourceInfo.resourceID", f"{TARGET}.with.dots"),
        ("restoreTargetInfo.datasourceInfo.resourceID", f"{TARGET}{'x' * 80}"),
        ("restoreTargetInfo.datasourceInfo.objectType", "DatasourceSet"),
        ("restoreTargetInfo.datasourceInfo.datasourceType", "Microsoft.Storage/storageAccounts/blobServices"),
    ],
)
def test_a_wrong_request_is_refused_at_once(portal: RestorePortal, path: str, value: str) -> None:
    body = json.loads(json.dumps(request_body(portal.point)))
    *above, last = path.split(".")
    inner = body
    for name in above:
        inner = inner[name]
    inner[last] = value
    assert portal.code("POST", f"{INSTANCE}/restore", body)[0] == 400
    assert portal.code("POST", f"{INSTANCE}/validateRestore", {"restoreRequestObject": body})[0] == 400
    assert portal.code("POST", f"{INSTANCE}/validateRestore", body)[0] == 400, "it is not wrapped"


def test_a_disk_of_that_name_is_never_replaced(portal: RestorePortal) -> None:
    assert portal.restored()["status"] == "Completed"
    taken = portal.body(TARGET)["properties"]["uniqueId"]
    assert portal.validated() == ("Failed", "UserErrorSameNameDiskAlreadyExists")
    assert portal.validated(TARGET.upper()) == ("Failed", "UserErrorSameNameDiskAlreadyExists")
    assert portal.body(TARGET)["properties"]["uniqueId"] == taken


def test_of_two_restores_to_one_name_the_second_one_fails(portal: RestorePortal) -> None:
    first, second = portal.restore(), portal.restore()
    portal.passes(minutes=4)
    assert portal.body(first)["properties"]["status"] == "Completed"
    failed = portal.body(second)["properties"]
    assert (failed["status"], failed["errorDetails"][0]["code"]) == ("Failed", "UserErrorSameNameDiskAlreadyExists")


@pytest.mark.parametrize(
    ("number", "scope", "code"),
    [(50, DISKS, "UserErrorNotEnoughPermissionOnTargetRG"), (1, SNAPSHOTS, "UserErrorNotEnoughPermissionOnSnapshotRG")],
)
def test_both_roles_are_needed_until_the_end(portal: RestorePortal, number: int, scope: str, code: str) -> None:
    job = portal.restore()
    assert portal.ask("DELETE", f"{scope}/{ROLE_ASSIGNMENTS}/00000000-0000-4000-8000-{number:012}").status == 200
    portal.passes(minutes=4)
    failed = portal.body(job)["properties"]
    assert (failed["status"], failed["errorDetails"][0]["code"]) == ("Failed", code)
    assert failed["errorDetails"][0]["recommendedAction"] and portal.ask("GET", TARGET).status == 404
    assert portal.validated() == ("Failed", code)


def test_a_role_works_only_when_it_has_spread(portal: RestorePortal) -> None:
    elsewhere = SNAPSHOTS.replace("snapshots-rg", "restored-rg")
    assert portal.ask("PUT", elsewhere, {"location": "westeurope"}).status == 201
    target = f"{elsewhere}/providers/Microsoft.Compute/disks/x"
    assert portal.validated(target) == ("Failed", "UserErrorNotEnoughPermissionOnTargetRG")
    principal = portal.body(VAULT)["identity"]["principalId"]
    portal.assign("b50d9833-a0cb-478e-945f-707fcc997c13", elsewhere, principal, 51)
    assert portal.validated(target) == ("Failed", "UserErrorNotEnoughPermissionOnTargetRG")
    portal.passes(minutes=10)
    assert portal.validated(target) == ("Succeeded", "")


def test_a_stopped_instance_can_be_restored(portal: RestorePortal) -> None:
    assert portal.ask("POST", f"{INSTANCE}/stopProtection").status == 202
    portal.passes(minutes=1)
    assert portal.state() == "ProtectionStopped" and portal.restored()["status"] == "Completed"
