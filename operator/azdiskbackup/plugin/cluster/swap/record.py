"""What a swap is to do and what was before: kept on both volumes, so that whoever comes later can go on or undo it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.plugin.cluster.client import OBJECT_NAME
from azdiskbackup.plugin.cluster.swap.objects import Json

ANNOTATION = "azdiskbackup.io/swap"
# What Kubernetes writes when it binds a PVC: on another one it would be wrong.
_BINDING = (
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
)
_KEPT = ("accessModes", "resources", "storageClassName", "volumeMode")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A swap.

    Attributes:
        claim: name of the PVC that gets the restored volume.
        restored: name of the PVC that had it; it goes.
        old: name of the volume that the claim had.
        new: name of the restored volume.
        policies: by volume, its reclaim policy before.
        claims: by name, the PVCs as they were, without what binds them.
        workload: kind and name of what is scaled; None for nothing.
        replicas: how many it had.
        is_done: whether it has come to its end.
    """

    namespace: str
    claim: str
    restored: str
    old: str
    new: str
    policies: dict[str, str]
    claims: dict[str, Json]
    workload: tuple[str, str] | None = None
    replicas: int = 0
    is_done: bool = False

    @property
    def volumes(self) -> tuple[str, str]:
        """Return the names of both volumes."""
        return self.old, self.new

    def manifest(self, claim: str, volume: str, storage: str | None = None) -> Json:
        """Return a PVC as it was, for a volume; with another size where one is given."""
        made = self.claims[claim]
        spec = {**made["spec"], "volumeName": volume}
        if storage is not None:
            spec["resources"] = {"requests": {"storage": storage}}
        return {**made, "spec": spec}

    def annotation(self) -> str:
        """Return it as it is written on the volumes."""
        return msgspec.json.encode(self).decode()


def manifest_of(claim: Resource) -> Json:
    """Return a PVC as it is made again: with its labels, annotations and owners, without what binds it."""
    annotations = {key: value for key, value in (claim.meta.get("annotations") or {}).items() if key not in _BINDING}
    metadata: Json = {"name": claim.name, "namespace": claim.namespace, "labels": dict(claim.labels)}
    metadata["annotations"] = annotations
    if claim.meta.get("ownerReferences"):
        metadata["ownerReferences"] = claim.meta["ownerReferences"]
    spec = {key: claim.spec[key] for key in _KEPT if key in claim.spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def read(volume: Resource) -> Record | None:
    """Return the swap that a volume is part of; None for none, or for something that somebody else wrote."""
    annotations: Mapping[str, Any] = volume.meta.get("annotations") or {}
    try:
        found = msgspec.json.decode(annotations.get(ANNOTATION) or b"", type=Record)
    except (msgspec.DecodeError, TypeError):
        return None
    names = (found.claim, found.restored, *found.volumes)
    is_ours = volume.name in found.volumes and all(OBJECT_NAME.fullmatch(each) for each in names)
    return found if is_ours else None


def find(volumes: Iterable[Resource], namespace: str, claim: str, restored: str) -> Record | None:
    """Return the swap of two PVCs, as their volumes tell; the volume of the old one gets it first."""
    found = [record for each in volumes if (record := read(each)) is not None]
    fitting = [each for each in found if (each.namespace, each.claim, each.restored) == (namespace, claim, restored)]
    return next((each for each in fitting if not each.is_done), fitting[0] if fitting else None)
