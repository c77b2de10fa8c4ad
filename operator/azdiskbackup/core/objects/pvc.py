"""From a PVC to the disk behind it, checked anew at every pass: a PVC may be made again with another disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azdiskbackup.core.identity.arm_ids import ArmId

DRIVER = "disk.csi.azure.com"
_DISKS = ["microsoft.compute", "disks"]
_MIGRATED = "pv.kubernetes.io/migrated-to"


@dataclass(frozen=True, slots=True)
class ClaimedDisk:
    """The disk that a bound PVC stands for; one that is named by its id has neither volume nor uid."""

    id: ArmId
    volume: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class NotBound:
    """The PVC has no volume yet, or not surely."""

    why: str


@dataclass(frozen=True, slots=True)
class NotAzureDisk:
    """The PVC's volume is no managed disk of Azure."""

    why: str


def disk_of(claim: Mapping[str, Any], volume: Mapping[str, Any] | None) -> ClaimedDisk | NotBound | NotAzureDisk:
    """Return the disk behind a PVC.

    Args:
        claim: the PersistentVolumeClaim.
        volume: the PersistentVolume that it names, if it is known.
    """
    name = claim["metadata"]["name"]
    volume_name = claim.get("spec", {}).get("volumeName")
    if not volume_name or claim.get("status", {}).get("phase") != "Bound":
        return NotBound(f"The PVC {name!r} is not bound to a volume yet.")
    if volume is None:
        return NotBound(f"The PVC {name!r} names the volume {volume_name!r}, which does not exist.")
    spec = volume.get("spec", {})
    # Both directions must agree, by uid: anybody who may write a PVC can name a volume in it.
    if (spec.get("claimRef") or {}).get("uid") != claim["metadata"]["uid"]:
        return NotBound(f"The volume {volume_name!r} does not belong to the PVC {name!r}.")
    return _disk(volume_name, volume, spec, claim["metadata"]["uid"])


def _disk(
    volume_name: str, volume: Mapping[str, Any], spec: Mapping[str, Any], claim_uid: str
) -> ClaimedDisk | NotAzureDisk:
    csi = spec.get("csi") or {}
    in_tree = spec.get("azureDisk") or {}
    handle = None
    if csi.get("driver") == DRIVER:
        handle = csi.get("volumeHandle")
    elif in_tree and (volume["metadata"].get("annotations") or {}).get(_MIGRATED) == DRIVER:
        handle = in_tree.get("diskURI")
    if handle is None:
        driver = csi.get("driver") or ("an in-tree Azure disk not migrated to CSI" if in_tree else "no CSI driver")
        return NotAzureDisk(
            f"The volume {volume_name!r} is provided by {driver}, not by {DRIVER}: only managed "
            "disks of Azure can be protected."
        )
    try:
        disk = ArmId.parse(str(handle))
    except ValueError:
        disk = None
    if disk is None or [disk.provider.lower(), *map(str.lower, disk.path[::2])] != _DISKS:
        return NotAzureDisk(f"The handle of the volume {volume_name!r} is not the ARM id of a disk.")
    return ClaimedDisk(disk, volume_name, claim_uid)
