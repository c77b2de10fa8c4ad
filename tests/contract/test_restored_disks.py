"""Disks have zones, tags and settings, and a restored one has those of its source when the snapshot was taken."""

from __future__ import annotations

import json

import pytest

from contract.portal import DISKS, INSTANCE, Json
from contract.restoring import TARGET, RestorePortal
from harness.objects import DISK_GROUP, LOCATION, SUBSCRIPTION

DISK = f"{DISKS}/providers/Microsoft.Compute/disks/data"
PRIVATE = {"networkAccessPolicy": "AllowPrivate", "diskAccessId": f"{DISKS}/providers/Microsoft.Compute/diskAccesses/a"}


@pytest.fixture
def portal() -> RestorePortal:
    return RestorePortal()


def seeded(portal: RestorePortal) -> Json:
    """Make the disk in a zone, with tags and without a public network, protect it, and take a point."""
    portal.back_up()
    portal.remove(DISK)
    portal.seed(
        disks=[
            {
                "subscription": SUBSCRIPTION,
                "group": DISK_GROUP,
                "name": "data",
                "location": LOCATION,
                "sizeGiB": 64,
                "sku": "PremiumV2_LRS",
                "zones": ["2"],
                "tags": {"team": "shop"},
                "properties": PRIVATE,
            }
        ]
    )
    portal.take_point()
    return portal.body(DISK)


def test_a_disk_tells_its_zone_and_its_settings(portal: RestorePortal) -> None:
    disk = seeded(portal)
    assert (disk["zones"], disk["tags"], disk["sku"]["name"]) == (["2"], {"team": "shop"}, "PremiumV2_LRS")
    assert disk["properties"]["networkAccessPolicy"] == "AllowPrivate" and disk["properties"]["diskSizeGB"] == 64
    made = {
        "location": LOCATION,
        "zones": ["1"],
        "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 4},
    }
    assert portal.ask("PUT", f"{DISK}-1", made).status == 200
    assert portal.body(f"{DISK}-1")["zones"] == ["1"]
    assert portal.code("PUT", f"{DISK}-1", {**made, "zones": ["3"]})[0] == 400, "a disk stays in its zone"
    assert portal.ask("PUT", f"{DISK}-2", {**made, "zones": []}).status == 200
    assert "zones" not in portal.body(f"{DISK}-2")


def test_a_restored_disk_is_as_its_source_was(portal: RestorePortal) -> None:
    source = seeded(portal)
    changed = {"tags": {"team": "other"}, "properties": {"diskSizeGB": 128, "networkAccessPolicy": "DenyAll"}}
    assert portal.ask("PATCH", DISK, changed).status == 200
    assert portal.restored()["status"] == "Completed"
    found = portal.body(TARGET)
    for name in ("zones", "tags", "sku", "location"):
        assert found[name] == source[name], name
    told = ("diskSizeGB", "diskSizeBytes", "networkAccessPolicy", "diskAccessId", "encryption")
    assert {name: found["properties"][name] for name in told} == {name: source["properties"][name] for name in told}
    assert found["properties"]["uniqueId"] != source["properties"]["uniqueId"]
    point = portal.body(f"{INSTANCE}/recoveryPoints/{portal.point}")["properties"]["recoveryPointDataStoresDetails"][0]
    (metadata,) = json.loads(point["metaData"])
    assert found["properties"]["creationData"]["sourceResourceId"].endswith(metadata["snapshotName"])


def test_what_a_point_tells_of_a_source_that_is_gone(portal: RestorePortal) -> None:
    seeded(portal)
    portal.remove(DISK)
    point = portal.body(f"{INSTANCE}/recoveryPoints/{portal.point}")["properties"]["recoveryPointDataStoresDetails"][0]
    (metadata,) = json.loads(point["metaData"])
    assert (metadata["skuName"], metadata["sizeBytes"], metadata["location"]) == (
        "PremiumV2_LRS",
        64 * 1024**3,
        LOCATION,
    )
    assert portal.restored()["status"] == "Completed"
    found = portal.body(TARGET)
    assert (found["sku"]["name"], found["properties"]["diskSizeGB"], found["zones"]) == ("PremiumV2_LRS", 64, ["2"])


@pytest.mark.parametrize(("zones", "told"), [(["3"], ["3"]), ([], None), (None, ["2"])])
def test_the_zone_can_be_another_one_or_none(
    portal: RestorePortal, zones: list[str] | None, told: list[str] | None
) -> None:
    seeded(portal)
    portal.turn("restored-disk", zones=zones, tags={})
    portal.restored()
    found = portal.body(TARGET)
    assert found.get("zones") == told and "tags" not in found


def test_tags_of_a_disk_are_changed_by_who_may_write_disks(portal: RestorePortal) -> None:
    seeded(portal)
    portal.restored()
    actions = {"Disk Restore Operator": ["Microsoft.Compute/disks/read", "Microsoft.Compute/disks/write"],
               "Reader": ["*/read"]}  # fmt: skip
    for name, allowed in actions.items():
        role = {"definition": {"Name": name, "Actions": allowed}, "scope": DISKS}
        portal.seed(callers=[{"clientID": name, "roles": [role]}])
    tags = {"tags": {"azdiskbackup.io.namespace": "shop"}}
    assert portal.code("PATCH", TARGET, tags, who="Reader") == (403, "AuthorizationFailed")
    assert portal.code("PATCH", TARGET, tags, who="Disk Restore Operator") == (200, "")
    found = portal.body(TARGET)
    assert found["tags"] == tags["tags"] and found["properties"]["diskSizeGB"] == 64 and found["zones"] == ["2"]
    assert portal.code("PATCH", f"{TARGET}-2", tags) == (404, "ResourceNotFound")


def test_resource_graph_tells_the_zone(portal: RestorePortal) -> None:
    seeded(portal)
    query = {"query": "resources | where type =~ 'microsoft.compute/disks'", "subscriptions": [SUBSCRIPTION]}
    answer = portal.ask("POST", "/providers/Microsoft.ResourceGraph/resources", query, version="2022-10-01")
    assert [each["zones"] for each in (answer.body or {})["data"]] == [["2"]]
