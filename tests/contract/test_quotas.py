"""What Azure allows in all: instances in a vault, requests in a window; what an immutable vault keeps."""

from __future__ import annotations

import pytest

from azure_simulator.client import SimulatorError
from azure_simulator.http.control import described
from azure_simulator.http.knobs import KNOBS
from contract.portal import INSTANCE, VAULT, Portal, instance_body
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION

LEFT = "x-ms-ratelimit-remaining-subscription-resource-requests"


@pytest.fixture
def portal() -> Portal:
    return Portal()


def test_a_vault_takes_so_many_instances(portal: Portal) -> None:
    portal.protect()
    portal.turn("quota", instances=1)
    disk = portal.seed(
        disks=[{"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": "second", "location": LOCATION}]
    )["disks"][0]
    second = f"{VAULT}/backupInstances/second"
    assert portal.code("PUT", second, instance_body(disk))[0] == 400
    assert (
        portal.code(
            "PUT", INSTANCE, instance_body(portal.body(INSTANCE)["properties"]["dataSourceInfo"]["resourceID"])
        )[0]
        == 201
    )
    portal.turn("quota", instances=2)
    assert portal.code("PUT", second, instance_body(disk))[0] == 201


def test_an_immutable_vault_keeps_its_instances(portal: Portal) -> None:
    portal.protect(securitySettings={"immutabilitySettings": {"state": "Unlocked"}})
    portal.turn("immutable", items=True)
    assert portal.code("DELETE", INSTANCE) == (400, "UserErrorDeleteBackupItemOnImmutableItem")
    assert portal.code("POST", f"{INSTANCE}/suspendBackups") == (202, "")
    portal.passes(minutes=1)
    portal.turn("immutable", items=False)
    assert portal.code("DELETE", INSTANCE) == (202, "")


def test_limits_are_those_of_the_type_or_of_the_class(portal: Portal) -> None:
    portal.make_vault()
    assert portal.ask("GET", f"{VAULT}/backupInstances").headers[LEFT] == "1999"
    portal.turn("limits", reads=1100, writes=800, deletes=800)
    portal.passes(minutes=6)
    assert portal.ask("GET", f"{VAULT}/backupInstances").headers[LEFT] == "1099"
    assert portal.ask("GET", f"{VAULT}/backupJobs").headers[LEFT] == "1099"
    assert portal.ask("DELETE", INSTANCE).headers[LEFT] == "799"
    portal.turn("limits", reads=2)
    assert portal.ask("GET", f"{VAULT}/backupJobs").status == 200
    refused = portal.ask("GET", f"{VAULT}/backupJobs")
    assert refused.status == 429 and int(refused.headers["Retry-After"]) > 0
    portal.turn("limits")
    assert portal.ask("GET", f"{VAULT}/backupJobs").status == 200
    with pytest.raises(SimulatorError, match="reads"):
        portal.turn("limits", lists=2)


def test_the_help_names_every_knob() -> None:
    told = described()
    assert all(f"/__control/{name} " in told and about in told for name, (_, about) in KNOBS.items())
