"""What one ProtectedDisk asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from azdiskbackup.api.v1alpha1.protected_disk import ProtectedDiskSpec
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.azure import AzureDisk
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec, parse_time
from azdiskbackup.core.rules import reasons

# What a backup instance is in Kubernetes, written on it: cluster, namespace and name of its ProtectedDisk.
OWNER_TAGS = ("azdiskbackup.io.cluster", "azdiskbackup.io.namespace", "azdiskbackup.io.protecteddisk")
# Tells a namespace from another one of the same name that was made after it was deleted.
NAMESPACE_UID_TAG = "azdiskbackup.io.namespaceuid"


@dataclass(frozen=True, slots=True)
class Desired:
    """A protected disk as its object wants it.

    Attributes:
        owner: tags that tell, from Azure alone, what the disk is in Kubernetes.
        known_disk: ARM id of the disk that this object protected before.
        known_instance: ARM id of the backup instance that this object made or found before.
        protected_since: when Azure first said protected; None while it does not.
        began: whether our finalizer is on the object: without it nothing was ever written for it. With it, nothing is
            proven: whoever creates an object may write any finalizer.
        known_policy: ARM id of the policy in Azure by which the disk was backed up when we last looked.
        validating_since: when Azure began not to accept the disk; None while it does.
        sent_elsewhere: whether a person named another policy since we last looked.
        disk_before: the disk as status has it.
        settled: whether everything was as this spec wants it: a difference since then is somebody else's doing.
    """

    name: str
    namespace: str
    deleting: bool
    spec: ProtectedDiskSpec
    owner: Mapping[str, str]
    known_disk: str | None
    known_instance: str | None
    protected_since: datetime | None
    began: bool
    known_policy: str | None = None
    validating_since: datetime | None = None
    settled: bool = False
    sent_elsewhere: bool = False
    disk_before: AzureDisk | None = None


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
    protected = resource.condition(reasons.PROTECTED)
    validated = resource.condition(reasons.VALIDATED)
    owner = dict(zip(OWNER_TAGS, (cluster, resource.namespace, resource.name), strict=True))
    return Desired(
        name=resource.name,
        namespace=resource.namespace,
        deleting=resource.deleting,
        spec=spec,
        owner=owner | ({"azdiskbackup.io.pvc": claim.name} if claim else {}),
        known_disk=(resource.status.get("disk") or {}).get("id"),
        known_instance=resource.status.get("backupInstanceID"),
        protected_since=(parse_time(protected["lastTransitionTime"]) if protected.get("status") == "True" else None),
        began=resource.has_finalizer,
        known_policy=resource.status.get("policyID"),
        validating_since=parse_time(validated["lastTransitionTime"]) if validated.get("status") == "False" else None,
        settled=resource.settled,
        sent_elsewhere=resource.status.get("policy") not in (None, spec.policy_ref.name),
        disk_before=_disk_before(resource),
    )


def _disk_before(resource: Resource) -> AzureDisk | None:
    known = resource.status.get("disk")
    if not known:
        return None
    return AzureDisk(ArmId.parse(known["id"]), known["location"], known.get("sizeGiB"), known.get("sku"))
