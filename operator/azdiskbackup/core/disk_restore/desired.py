"""What one DiskRestore asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.disk_restore import DiskRestoreSpec, RestoredClaim
from azdiskbackup.core.identity.naming import restored_disk_name, restored_volume_name
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec
from azdiskbackup.core.objects.restored import restored_by

# What a restored disk is in Kubernetes, written on it: cluster, namespace and name of its DiskRestore.
OWNER_TAGS = ("azdiskbackup.io.cluster", "azdiskbackup.io.namespace", "azdiskbackup.io.diskrestore")


@dataclass(frozen=True, slots=True)
class Desired:
    """A restore as its object wants it.

    Attributes:
        uid: the object's uid. It travels as the id of the request and comes back as the job's activity id, and the
            names of disk and volume follow from it.
        restored_by: the label by which the object shows that a restore of manifests brought it back.
        owner: tags that tell, from Azure alone, what the restored disk is in Kubernetes.
    """

    name: str
    namespace: str
    uid: str
    deleting: bool
    spec: DiskRestoreSpec
    restored_by: str | None
    owner: Mapping[str, str]

    @property
    def protected_disk(self) -> str | None:
        """Return the name of the ProtectedDisk; None for a restore by backup instance."""
        return self.spec.source.protected_disk_ref.name if self.spec.source.protected_disk_ref else None

    @property
    def disk(self) -> str | None:
        """Return the name of the disk, one of those of the ProtectedDisk; None for the one that it protects now."""
        return self.spec.source.protected_disk_ref.disk if self.spec.source.protected_disk_ref else None

    @property
    def claim(self) -> RestoredClaim | None:
        """Return the PVC that is wanted; None for the disk alone."""
        return self.spec.target.persistent_volume_claim

    @property
    def volume(self) -> str:
        """Return the name of the PersistentVolume."""
        return restored_volume_name(self.uid)

    @property
    def disk_name(self) -> str:
        """Return the name of the disk in Azure."""
        return restored_disk_name(self.claim.name if self.claim else self.name, self.uid)


def read_desired(resource: Resource, cluster: str) -> Desired | Invalid:
    """Read a DiskRestore.

    Args:
        resource: the object.
        cluster: the id of this cluster, the uid of its kube-system namespace.
    """
    spec = parse_spec(DiskRestoreSpec, resource)
    if isinstance(spec, Invalid):
        return spec
    return Desired(
        name=resource.name,
        namespace=resource.namespace,
        uid=resource.uid,
        deleting=resource.deleting,
        spec=spec,
        restored_by=restored_by(resource),
        owner=dict(zip(OWNER_TAGS, (cluster, resource.namespace, resource.name), strict=True)),
    )
