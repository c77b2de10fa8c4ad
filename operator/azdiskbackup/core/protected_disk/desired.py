"""What one ProtectedDisk asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskSpec
from azdiskbackup.core.objects.markers import FOLLOW_PVC
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec

# What a backup instance is in Kubernetes, written on it: cluster, namespace and name of its ProtectedDisk.
OWNER_TAGS = ("azdiskbackup.io.cluster", "azdiskbackup.io.namespace", "azdiskbackup.io.protecteddisk")
# Tells a namespace from another one of the same name that was made after it was deleted.
NAMESPACE_UID_TAG = "azdiskbackup.io.namespaceuid"


@dataclass(frozen=True, slots=True)
class Desired:
    """A protected disk as its object wants it.

    Attributes:
        owner: tags that tell, from Azure alone, what the disk is in Kubernetes.
        follows: uid of the PVC to whose disk the object is to change over; None for none.
    """

    name: str
    namespace: str
    deleting: bool
    spec: ProtectedDiskSpec
    owner: Mapping[str, str]
    follows: str | None = None


def read_desired(resource: Resource, cluster: str) -> Desired | Invalid:
    """Read a ProtectedDisk.

    Args:
        resource: the object.
        cluster: the id of this cluster, the uid of its kube-system namespace.
    """
    spec = parse_spec(ProtectedDiskSpec, resource)
    if isinstance(spec, Invalid):
        return spec
    claim = spec.source.persistent_volume_claim
    owner = dict(zip(OWNER_TAGS, (cluster, resource.namespace, resource.name), strict=True))
    return Desired(
        name=resource.name,
        namespace=resource.namespace,
        deleting=resource.deleting,
        spec=spec,
        owner=owner | ({"azdiskbackup.io.pvc": claim.name} if claim else {}),
        follows=(resource.meta.get("annotations") or {}).get(FOLLOW_PVC),
    )
