"""What one OnDemandBackup asks for."""

from __future__ import annotations

from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.on_demand_backup import OnDemandBackupSpec
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec
from azdiskbackup.core.objects.restored import restored_by


@dataclass(frozen=True, slots=True)
class Desired:
    """A backup as its object wants it.

    Attributes:
        uid: the object's uid, which travels as the id of the request and comes back as the job's activity id.
        restored_by: the label by which the object shows that a restore of manifests brought it back.
    """

    name: str
    namespace: str
    uid: str
    deleting: bool
    spec: OnDemandBackupSpec
    restored_by: str | None = None

    @property
    def disk(self) -> str:
        """Return the name of the ProtectedDisk."""
        return self.spec.protected_disk_ref.name


def read_desired(resource: Resource) -> Desired | Invalid:
    """Read an OnDemandBackup."""
    spec = parse_spec(OnDemandBackupSpec, resource)
    if isinstance(spec, Invalid):
        return spec
    return Desired(
        name=resource.name,
        namespace=resource.namespace,
        uid=resource.uid,
        deleting=resource.deleting,
        spec=spec,
        restored_by=restored_by(resource),
    )
