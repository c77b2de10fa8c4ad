"""A PVC as rules see it, with its namespace and what stands behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azdiskbackup.core.objects.markers import PROTECT
from azdiskbackup.core.objects.pvc import ClaimedDisk, NotAzureDisk, NotBound, disk_of
from azdiskbackup.core.objects.quantity import bytes_of
from azdiskbackup.core.objects.resource import Resource

_GIB = 1024**3
_DONE = "false"
_WANTED = "true"
# VolSync labels what it makes for the time of a copy (backube/volsync, `app.kubernetes.io/created-by`).
_CREATED_BY = "app.kubernetes.io/created-by"


@dataclass(frozen=True, slots=True)
class Claim:
    """A PVC.

    Attributes:
        size_gib: how much it asks for.
        owners: kinds of the objects that own it.
        deleting: whether it, or its namespace, is being deleted.
        source: the disk behind it, or why there is none.
        max_shares: on how many nodes its disk may be attached at the same time.
    """

    namespace: str
    name: str
    uid: str
    created: datetime
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str]
    storage_class: str | None
    access_modes: tuple[str, ...]
    size_gib: float
    owners: tuple[str, ...]
    deleting: bool
    source: ClaimedDisk | NotBound | NotAzureDisk
    max_shares: int = 1

    @property
    def place(self) -> str:
        """Return ``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def opts_out(self) -> bool:
        """Return whether the label says that it is not to be protected; that of the PVC before its namespace's."""
        return self._opt_out == _DONE

    @property
    def misread_label(self) -> str | None:
        """Return the value of the label where it is neither true nor false, and so says nothing."""
        found = self._opt_out
        return found if found not in (None, _DONE, _WANTED) else None

    @property
    def _opt_out(self) -> str | None:
        found = self.labels.get(PROTECT, self.namespace_labels.get(PROTECT))
        return found.strip().lower() if found is not None else None

    @property
    def is_temporary(self) -> bool:
        """Return whether a tool made it for the time of a copy, such as a volume populator's or VolSync's."""
        return "PersistentVolumeClaim" in self.owners or self.labels.get(_CREATED_BY) == "volsync"


def read_claim(
    claim: Mapping[str, Any], namespace: Mapping[str, Any] | None, volume: Mapping[str, Any] | None
) -> Claim:
    """Read a PVC.

    Args:
        claim: the PersistentVolumeClaim.
        namespace: its namespace, if it is known.
        volume: the PersistentVolume that it names, if it is known.
    """
    resource = Resource(claim)
    space = Resource(namespace) if namespace is not None else None
    spec = resource.spec
    requests = (spec.get("resources") or {}).get("requests") or {}
    attributes = (((volume or {}).get("spec") or {}).get("csi") or {}).get("volumeAttributes") or {}
    shares = str(attributes.get("maxShares") or "1")
    return Claim(
        namespace=resource.namespace,
        name=resource.name,
        uid=resource.uid,
        created=resource.created,
        labels=resource.labels,
        namespace_labels=space.labels if space is not None else {},
        storage_class=spec.get("storageClassName"),
        access_modes=tuple(spec.get("accessModes") or ()),
        size_gib=bytes_of(str(requests.get("storage") or "0")) / _GIB,
        owners=tuple(str(each.get("kind")) for each in resource.meta.get("ownerReferences") or ()),
        deleting=resource.deleting or (space is not None and space.deleting),
        source=disk_of(claim, volume),
        max_shares=int(shares) if shares.isdecimal() else 1,
    )
