"""The PVC and the PersistentVolume of a restored disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from azdiskbackup.core.disk_restore.manifests import claim_manifest, missing_fields, source_volume, volume_manifest
from azdiskbackup.core.disk_restore.observed import SourceVolume
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk
from azdiskbackup.core.objects.markers import MADE_BY
from harness.objects import disk_id
from unit.core.disk_restore.test_rules import desired

DISK = AzureDisk(ArmId.parse(disk_id("d")), "westeurope", 32, "Premium_LRS")
SOURCE = SourceVolume("managed-csi", ("ReadWriteOncePod",), "Filesystem", "xfs", "ReadOnly")


def claim(**more: Any) -> dict[str, Any]:
    return {"target": {"persistentVolumeClaim": {"name": "data-restored", **more}}}


def test_what_the_source_says_is_kept() -> None:
    wanted = desired()
    made = claim_manifest(wanted, SOURCE, 32)
    assert made["spec"] == {
        "accessModes": ["ReadWriteOncePod"],
        "volumeMode": "Filesystem",
        "storageClassName": "managed-csi",
        "volumeName": wanted.volume,
        "resources": {"requests": {"storage": "32Gi"}},
    }
    volume = volume_manifest(wanted, SOURCE, DISK, "claim-uid")
    spec = volume["spec"]
    assert spec["csi"]["fsType"] == "xfs" and spec["csi"]["volumeAttributes"] == {"cachingMode": "ReadOnly"}
    assert spec["claimRef"]["uid"] == "claim-uid" and spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert spec["capacity"] == {"storage": "32Gi"} and spec["storageClassName"] == "managed-csi"
    assert volume["metadata"]["labels"] == made["metadata"]["labels"] == {MADE_BY: "uid-1"}
    assert volume["metadata"]["annotations"] == {}


def test_what_the_spec_says_counts_more() -> None:
    wanted = desired(
        **claim(storageClassName="", accessModes=["ReadWriteMany"], volumeMode="Block", labels={"a": "b"},
                annotations={"c": "d"}),
        reclaimPolicy="Delete",
    )  # fmt: skip
    made = claim_manifest(wanted, SOURCE, 32)
    assert made["spec"]["storageClassName"] == "" and made["spec"]["volumeMode"] == "Block"
    assert made["metadata"]["labels"] == {"a": "b", MADE_BY: "uid-1"} and made["metadata"]["annotations"] == {"c": "d"}
    volume = volume_manifest(wanted, SOURCE, DISK, "u")
    assert volume["spec"]["accessModes"] == ["ReadWriteMany"] and "fsType" not in volume["spec"]["csi"]
    # By which the driver knows that it may delete the disk.
    assert volume["metadata"]["annotations"] == {"pv.kubernetes.io/provisioned-by": "disk.csi.azure.com"}


@pytest.mark.parametrize(
    ("sku", "zones", "expected"),
    [
        ("Premium_LRS", (), [""]),
        ("Premium_LRS", ("2",), ["westeurope-2"]),
        ("Premium_ZRS", (), ["westeurope-1", "westeurope-2", "westeurope-3", "westeurope-4", ""]),
        (None, ("1", "3"), ["westeurope-1", "westeurope-3"]),
    ],
)
def test_a_pod_is_scheduled_to_where_the_disk_can_be_attached(
    sku: str | None, zones: tuple[str, ...], expected: list[str]
) -> None:
    spec = volume_manifest(desired(), SOURCE, replace(DISK, sku=sku, zones=zones), "u")["spec"]
    (term,) = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": "topology.disk.csi.azure.com/zone", "operator": "In", "values": expected}
    ]


@pytest.mark.parametrize("sku", ["UltraSSD_LRS", "PremiumV2_LRS"])
def test_disks_that_take_no_host_cache_get_none(sku: str) -> None:
    spec = volume_manifest(desired(), SOURCE, replace(DISK, sku=sku), "u")["spec"]
    assert spec["csi"]["volumeAttributes"] == {"cachingMode": "None"}
    plain = volume_manifest(desired(), replace(SOURCE, caching_mode=None), DISK, "u")["spec"]
    assert plain["csi"]["volumeAttributes"] == {}


def test_what_nobody_may_guess_is_asked_for() -> None:
    assert missing_fields(desired(), SOURCE) == []
    assert missing_fields(desired(), SourceVolume()) == ["storageClassName", "fsType"]
    assert missing_fields(desired(**claim(volumeMode="Block", storageClassName="x")), SourceVolume()) == []
    given = desired(**claim(storageClassName="x", fsType="ext4"))
    assert missing_fields(given, SourceVolume()) == []
    assert claim_manifest(given, SourceVolume(), 1)["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_the_source_is_read_from_pvc_and_volume() -> None:
    pvc = {"spec": {"storageClassName": "c", "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"}}
    pv = {"spec": {"csi": {"fsType": "xfs", "volumeAttributes": {"cachingmode": "None"}}, "accessModes": ["x"]}}
    assert source_volume(pvc, pv) == SourceVolume("c", ("ReadWriteOnce",), "Filesystem", "xfs", "None")
    in_attributes = {"spec": {"csi": {"volumeAttributes": {"fsType": "btrfs"}}, "storageClassName": "v"}}
    assert source_volume(None, in_attributes) == SourceVolume("v", None, None, "btrfs", None)
    in_tree = {"spec": {"azureDisk": {"fsType": "ext3", "cachingMode": "ReadWrite"}}}
    assert source_volume(None, in_tree).fs_type == "ext3" and source_volume(None, in_tree).caching_mode == "ReadWrite"
    assert source_volume(None, {"spec": {"csi": {}, "volumeMode": "Block"}}).fs_type == "ext4", "the driver's default"
    assert source_volume(None, None) == SourceVolume()
