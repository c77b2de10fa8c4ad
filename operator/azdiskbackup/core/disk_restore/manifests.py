"""The PVC and the PersistentVolume of a restored disk, as they are sent to the API server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azdiskbackup.core.disk_restore.desired import Desired
from azdiskbackup.core.disk_restore.observed import SourceVolume
from azdiskbackup.core.objects.azure import AzureDisk
from azdiskbackup.core.objects.markers import MADE_BY
from azdiskbackup.core.objects.pvc import DRIVER

Json = dict[str, Any]

ZONE_KEY = "topology.disk.csi.azure.com/zone"
# By which the CSI driver's provisioner knows the volumes whose disks it deletes.
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
# They take no host cache; the driver sets that by itself for one of them only.
_UNCACHED = {"premiumv2_lrs", "ultrassd_lrs"}
_MOST_ZONES = 4


def missing_fields(desired: Desired, source: SourceVolume) -> list[str]:
    """Return the fields of the PVC that neither the spec nor the source's PVC says, and that nobody may guess."""
    claim = desired.claim
    assert claim is not None, "a PVC is wanted"
    mode = claim.volume_mode or source.volume_mode or "Filesystem"
    missing = []
    if claim.storage_class_name is None and source.storage_class is None:
        missing.append("storageClassName")
    if claim.fs_type is None and source.fs_type is None and mode == "Filesystem":
        missing.append("fsType")
    return missing


def claim_manifest(desired: Desired, source: SourceVolume, size_gib: int) -> Json:
    """Return the PVC.

    It names its volume from the beginning, so that no provisioner makes another one for it; and it is made before
    Azure is asked, so that quotas and admission policies of the cluster speak first.
    """
    claim = desired.claim
    assert claim is not None, "a PVC is wanted"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": claim.name,
            "namespace": desired.namespace,
            "labels": {**(claim.labels or {}), MADE_BY: desired.uid},
            "annotations": dict(claim.annotations or {}),
        },
        "spec": {
            "accessModes": _access_modes(desired, source),
            "volumeMode": _volume_mode(desired, source),
            "storageClassName": _storage_class(desired, source),
            "volumeName": desired.volume,
            "resources": {"requests": {"storage": f"{size_gib}Gi"}},
        },
    }


def volume_manifest(desired: Desired, source: SourceVolume, disk: AzureDisk, claim_uid: str) -> Json:
    """Return the PersistentVolume: for one PVC, by its uid, and kept when that goes.

    It carries no size among the attributes of the volume: by that the driver knows that it did not provision it
    (kubernetes-sigs/azuredisk-csi-driver, pkg/azuredisk/controllerserver.go).
    """
    claim = desired.claim
    assert claim is not None, "a PVC is wanted"
    mode = _volume_mode(desired, source)
    attributes = {}
    if (disk.sku or "").lower() in _UNCACHED:
        attributes["cachingMode"] = "None"
    elif source.caching_mode is not None:
        attributes["cachingMode"] = source.caching_mode
    csi: Json = {"driver": DRIVER, "volumeHandle": str(disk.id), "volumeAttributes": attributes}
    fs_type = claim.fs_type or source.fs_type
    if mode == "Filesystem" and fs_type is not None:
        csi["fsType"] = fs_type
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": desired.volume,
            "labels": {MADE_BY: desired.uid},
            "annotations": {_PROVISIONED_BY: DRIVER} if desired.spec.reclaim_policy == "Delete" else {},
        },
        "spec": {
            "capacity": {"storage": f"{disk.size_gib}Gi"},
            "accessModes": _access_modes(desired, source),
            "volumeMode": mode,
            "storageClassName": _storage_class(desired, source),
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": desired.namespace,
                "name": claim.name,
                "uid": claim_uid,
            },
            "nodeAffinity": _node_affinity(disk),
            "csi": csi,
        },
    }


def _node_affinity(disk: AzureDisk) -> Json:
    """Return where the disk can be attached: without it a pod may be scheduled to a zone where that fails."""
    if (disk.sku or "").upper().endswith("_ZRS"):
        zones = [f"{disk.location}-{zone}" for zone in range(1, _MOST_ZONES + 1)] + [""]
    else:
        zones = [f"{disk.location}-{zone}" for zone in disk.zones] or [""]
    terms = [{"matchExpressions": [{"key": ZONE_KEY, "operator": "In", "values": zones}]}]
    return {"required": {"nodeSelectorTerms": terms}}


def _access_modes(desired: Desired, source: SourceVolume) -> list[str]:
    wanted = desired.claim.access_modes if desired.claim else None
    return list(wanted or source.access_modes or ("ReadWriteOnce",))


def _volume_mode(desired: Desired, source: SourceVolume) -> str:
    wanted = desired.claim.volume_mode if desired.claim else None
    return wanted or source.volume_mode or "Filesystem"


def _storage_class(desired: Desired, source: SourceVolume) -> str:
    wanted = desired.claim.storage_class_name if desired.claim else None
    return wanted if wanted is not None else source.storage_class or ""


def source_volume(claim: Mapping[str, Any] | None, volume: Mapping[str, Any] | None) -> SourceVolume:
    """Return what a PVC and its PersistentVolume say that no backup holds."""
    of_claim = (claim or {}).get("spec") or {}
    of_volume = (volume or {}).get("spec") or {}
    csi = of_volume.get("csi") or {}
    in_tree = of_volume.get("azureDisk") or {}
    modes = of_claim.get("accessModes") or of_volume.get("accessModes")
    attributes = csi.get("volumeAttributes") or {}
    lower = {str(key).lower(): value for key, value in attributes.items()}
    is_found = bool(of_claim or of_volume)
    return SourceVolume(
        storage_class=of_claim.get("storageClassName") or of_volume.get("storageClassName"),
        access_modes=tuple(modes) if modes else None,
        volume_mode=of_claim.get("volumeMode") or of_volume.get("volumeMode"),
        # The driver's own default, for a volume that does not say.
        fs_type=csi.get("fsType") or lower.get("fstype") or in_tree.get("fsType") or ("ext4" if of_volume else None),
        caching_mode=lower.get("cachingmode") or in_tree.get("cachingMode") if is_found else None,
    )
