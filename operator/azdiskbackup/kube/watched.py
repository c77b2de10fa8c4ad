"""What is watched and listed, and which part of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from azdiskbackup.api.v1alpha1.names import GROUP, KIND_NAMES, VERSION
from azdiskbackup.core.objects.markers import ABANDON, ACKNOWLEDGE, FOLLOW_PVC, MADE_BY, REQUESTED_AT

Raw = Mapping[str, Any]

# The annotations by which a person asks for something.
_ASKED = (ABANDON, FOLLOW_PVC, ACKNOWLEDGE, REQUESTED_AT)
# More is no uid, and of no use.
_LONGEST_UID = 64


@dataclass(frozen=True, slots=True)
class WatchedResource:
    """A resource of the API server.

    Attributes:
        kind: its kind, by which it is cached.
        trim: keeps what is needed, since memory should grow by the protected disk, not by the cluster.
    """

    kind: str
    group: str
    version: str
    plural: str
    trim: Callable[[Raw], Raw]

    def path_in(self, namespace: str) -> str:
        """Return the path under which the objects of a namespace are listed; of all namespaces if it is empty."""
        root = f"/apis/{self.group}" if self.group else "/api"
        place = f"namespaces/{quote(namespace, safe='')}/" if namespace else ""
        return f"{root}/{self.version}/{place}{self.plural}"


def _meta(raw: Raw, *more: str) -> dict[str, Any]:
    kept = ("name", "namespace", "uid", "resourceVersion", "deletionTimestamp", *more)
    return {key: raw["metadata"][key] for key in kept if key in raw["metadata"]}


def _ours(raw: Raw) -> Raw:
    kept = ("apiVersion", "kind", "spec", "status")
    # Other annotations and owners are as large as somebody likes, and nobody here reads them.
    metadata = _meta(raw, "generation", "creationTimestamp", "finalizers", "labels")
    annotations = raw["metadata"].get("annotations") or {}
    asked = {key: annotations[key][:_LONGEST_UID] for key in _ASKED if key in annotations}
    if asked:
        metadata["annotations"] = asked
    return {"metadata": metadata, **{key: raw[key] for key in kept if key in raw}}


def _namespace(raw: Raw) -> Raw:
    return {"metadata": _meta(raw, "labels")}


def _with_maker(raw: Raw) -> dict[str, Any]:
    """Keep which DiskRestore made an object."""
    metadata = _meta(raw)
    maker = (raw["metadata"].get("labels") or {}).get(MADE_BY)
    return metadata if maker is None else {**metadata, "labels": {MADE_BY: maker}}


def _claim(raw: Raw) -> Raw:
    # What rules select by, too.
    metadata = _meta(raw, "creationTimestamp", "labels")
    owners = [{"kind": each.get("kind")} for each in raw["metadata"].get("ownerReferences") or ()]
    spec = raw.get("spec") or {}
    requests = (spec.get("resources") or {}).get("requests") or {}
    kept = {name: spec[name] for name in ("volumeName", "storageClassName", "accessModes") if spec.get(name)}
    return {
        "metadata": {**metadata, "ownerReferences": owners} if owners else metadata,
        "spec": {**kept, "resources": {"requests": {"storage": requests.get("storage")}}},
        "status": {"phase": (raw.get("status") or {}).get("phase")},
    }


def _volume(raw: Raw) -> Raw:
    spec = raw.get("spec") or {}
    csi = spec.get("csi") or {}
    migrated = "pv.kubernetes.io/migrated-to"
    annotations = raw["metadata"].get("annotations") or {}
    claim = spec.get("claimRef") or {}
    kept: dict[str, Any] = {"claimRef": {key: claim.get(key) for key in ("uid", "namespace", "name")}}
    if csi:
        kept["csi"] = {"driver": csi.get("driver"), "volumeHandle": csi.get("volumeHandle")}
        shares = (csi.get("volumeAttributes") or {}).get("maxShares")
        if shares is not None:
            kept["csi"]["volumeAttributes"] = {"maxShares": shares}
    if spec.get("azureDisk"):
        kept["azureDisk"] = {"diskURI": spec["azureDisk"].get("diskURI")}
    metadata = _with_maker(raw)
    if metadata.get("labels"):
        # Of a volume that we made.
        kept["persistentVolumeReclaimPolicy"] = spec.get("persistentVolumeReclaimPolicy")
    if migrated in annotations:
        metadata["annotations"] = {migrated: annotations[migrated]}
    return {"metadata": metadata, "spec": kept}


NAMESPACE = WatchedResource("Namespace", "", "v1", "namespaces", _namespace)
CLAIM = WatchedResource("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", _claim)
VOLUME = WatchedResource("PersistentVolume", "", "v1", "persistentvolumes", _volume)
OURS = tuple(WatchedResource(kind.name, GROUP, VERSION, kind.plural, _ours) for kind in KIND_NAMES)
WATCHED = (NAMESPACE, CLAIM, VOLUME, *OURS)
