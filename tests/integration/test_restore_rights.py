"""What the operator may create for restored disks, held to that by the admission policies of the chart."""

from __future__ import annotations

from azdiskbackup.core.disk_restore.desired import read_desired
from azdiskbackup.core.disk_restore.manifests import claim_manifest, volume_manifest
from azdiskbackup.core.disk_restore.observed import SourceVolume
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk
from azdiskbackup.core.objects.markers import MADE_BY
from azdiskbackup.core.objects.resource import Invalid, Resource
from harness import objects
from harness.impersonation import as_the_operator
from harness.installation import merged
from harness.stack import Stack
from harness.tenant import Tenant

_MAKER = "0a1b2c3d-0000-4000-8000-000000000001"


def restored_objects(namespace: str) -> tuple[objects.Json, objects.Json]:
    """Return a PVC and a PersistentVolume as the operator makes them, by its own code."""
    raw = objects.restore("back", namespace)
    raw["metadata"]["uid"] = _MAKER
    desired = read_desired(Resource(raw), "cluster")
    assert not isinstance(desired, Invalid)
    id_ = ArmId.parse(objects.disk_id(desired.disk_name, group=objects.RESTORE_GROUP))
    disk = AzureDisk(id_, objects.LOCATION, size_gib=32, sku="Premium_LRS")
    return claim_manifest(desired, SourceVolume(), 32), volume_manifest(desired, SourceVolume(), disk, "uid-of-claim")


def test_who_steals_the_operators_token_reaches_restored_disks_alone(stack: Stack, shop: Tenant) -> None:
    """Whoever may create PersistentVolumes may create one of a folder of the node, for RBAC."""
    claim, volume = restored_objects(shop.namespace)
    claims, volumes = f"/api/v1/namespaces/{shop.namespace}/persistentvolumeclaims", "/api/v1/persistentvolumes"
    handle = volume["spec"]["csi"]["volumeHandle"]

    def tries(path: str, manifest: objects.Json, **over: objects.Json) -> tuple[int, str]:
        return as_the_operator(stack, "POST", f"{path}?dryRun=All", merged(manifest, over))

    assert tries(claims, claim)[0] == tries(volumes, volume)[0] == 201
    another = {MADE_BY: _MAKER.replace("1", "2")}
    without_csi = {key: value for key, value in volume["spec"].items() if key != "csi"}
    for over, says in (
        ({"csi": {"driver": "file.csi.azure.com"}}, "disks of Azure that it restored"),
        ({"csi": {"volumeHandle": objects.disk_id("data-0")}}, "disks of Azure that it restored"),
        # As a provisioner names its disks.
        ({"csi": {"volumeHandle": objects.disk_id(f"pvc-{_MAKER}")}}, "disks of Azure that it restored"),
        ({"csi": {"volumeHandle": handle.replace("1", "2")}}, "disks of Azure that it restored"),
        ({"persistentVolumeReclaimPolicy": "Delete"}, "only with the reclaim policy Retain"),
        ({"claimRef": {"uid": ""}}, "only with the reclaim policy Retain"),
    ):
        status, told = tries(volumes, volume, spec=over)
        assert status == 403 and says in told, told
    of_the_node = {**volume, "spec": {**without_csi, "hostPath": {"path": "/etc"}}}
    for path, manifest, over in (
        (volumes, of_the_node, {}),
        (volumes, volume, {"labels": {MADE_BY: ""}}),
        (volumes, volume, {"labels": another}),
        (volumes, volume, {"name": "pv"}),
        (claims, claim, {"labels": {MADE_BY: ""}}),
        (claims, claim, {"labels": another}),
    ):
        status, told = tries(path, manifest, metadata=over)
        assert status == 403 and "The operator's service account may" in told, told
    for wrong in ("", "pv"):
        status, told = tries(claims, claim, spec={"volumeName": wrong})
        assert status == 403 and "only for volumes of its DiskRestores" in told, told

    # Of volumes that are there: the reclaim policy of those that it made, and nothing of others.
    shop.make_claim()
    theirs = f"{volumes}/{shop.namespace}-data-0"
    status, told = as_the_operator(stack, "PATCH", theirs, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}})
    assert status == 403 and "of its DiskRestores only" in told, told
    stack.plane.apply(volume)
    ours = f"{volumes}/{volume['metadata']['name']}"
    try:
        for patch in (
            {"spec": {"claimRef": None}},
            {"spec": {"claimRef": {"uid": "another"}}},
            {"spec": {"mountOptions": ["suid"]}},
            {"metadata": {"labels": {"a": "b"}}},
            {"metadata": {"annotations": {"a": "b"}}},
            {"metadata": {"finalizers": []}},
        ):
            status, told = as_the_operator(stack, "PATCH", ours, patch)
            assert status == 403 and "no more of a PersistentVolume than its reclaim policy" in told, (patch, told)
        status, told = as_the_operator(stack, "PATCH", ours, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}})
        assert status == 200, told
    finally:
        stack.plane.delete(ours)


def test_where_restores_are_switched_off_the_object_says_so_and_the_rights_are_not_there(
    stack: Stack, shop: Tenant
) -> None:
    stack.start_operator({"restore": {"enabled": False}})
    try:
        shop.restore()
        shop.until("diskrestore", "back", "Ready", reason="RestoresDisabled", status="Unknown")
        assert "restore.enabled" in shop.condition("diskrestore", "back", "Stalled")["message"]
        claim, volume = restored_objects(shop.namespace)
        for path, manifest in (
            (f"/api/v1/namespaces/{shop.namespace}/persistentvolumeclaims", claim),
            ("/api/v1/persistentvolumes", volume),
        ):
            status, told = as_the_operator(stack, "POST", f"{path}?dryRun=All", manifest)
            assert status == 403 and "cannot create resource" in told, told
    finally:
        stack.start_operator()
    shop.until("diskrestore", "back", "SourceResolved", "False", "ProtectedDiskNotFound")
