"""From a claim to its disk."""

from typing import Any

import pytest

from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound, disk_of
from harness.objects import claim, disk_id, volume


def bound() -> tuple[dict[str, Any], dict[str, Any]]:
    pvc, pv = claim("data-0", "pv-0"), volume("pv-0", disk_id("d"), "data-0")
    pvc["metadata"]["uid"] = pv["spec"]["claimRef"]["uid"] = "u1"
    pvc["status"] = {"phase": "Bound"}
    return pvc, pv


def test_a_bound_claim_names_its_disk() -> None:
    assert disk_of(*bound()) == ClaimedDisk(ArmId.parse(disk_id("d")), "pv-0", bound()[0]["metadata"]["uid"])


def test_a_migrated_in_tree_volume_names_its_disk() -> None:
    pvc, pv = bound()
    del pv["spec"]["csi"]
    pv["spec"]["azureDisk"] = {"diskURI": disk_id("d").lower()}
    assert isinstance(disk_of(pvc, pv), NotAzureDisk)
    pv["metadata"]["annotations"] = {"pv.kubernetes.io/migrated-to": "disk.csi.azure.com"}
    assert isinstance(disk_of(pvc, pv), ClaimedDisk)


def test_what_is_not_surely_bound_is_not_taken() -> None:
    pvc, pv = bound()
    assert isinstance(disk_of(pvc, None), NotBound)
    assert isinstance(disk_of(pvc | {"status": {"phase": "Pending"}}, pv), NotBound)
    assert isinstance(disk_of(pvc | {"spec": {}}, pv), NotBound)
    pv["spec"]["claimRef"]["uid"] = "somebody else's"
    assert isinstance(disk_of(pvc, pv), NotBound)


@pytest.mark.parametrize("handle", ["", "nonsense", disk_id("d").replace("disks", "snapshots")])
def test_a_handle_that_is_no_disk_is_refused(handle: str) -> None:
    pvc, pv = bound()
    pv["spec"]["csi"]["volumeHandle"] = handle
    assert isinstance(disk_of(pvc, pv), NotAzureDisk)


def test_another_driver_is_named() -> None:
    pvc, pv = bound()
    pv["spec"]["csi"]["driver"] = "file.csi.azure.com"
    found = disk_of(pvc, pv)
    assert isinstance(found, NotAzureDisk) and "file.csi.azure.com" in found.why
    del pv["spec"]["csi"]
    assert isinstance(disk_of(pvc, pv), NotAzureDisk)
