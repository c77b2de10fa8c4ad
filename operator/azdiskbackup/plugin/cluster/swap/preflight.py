"""Whether a restored PVC may take the place of another one, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote

from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.errors import OperatorError
from azdiskbackup.plugin.cluster.client import Cluster
from azdiskbackup.plugin.cluster.swap.objects import CLAIMS, PODS, VOLUMES, WORKLOADS, ObjectClient
from azdiskbackup.plugin.cluster.swap.record import Record, manifest_of
from azdiskbackup.plugin.runtime.exit_code import CliError

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_ENDED = ("Succeeded", "Failed")
_ZONES = "topology.disk.csi.azure.com/zone"


async def prepare(cluster: Cluster, claim: str, restored: str, workload: tuple[str, str] | None) -> Record:
    """Return the swap of two PVCs.

    Raises:
        CliError: it is not possible; the sentence says what to do.
    """
    objects = ObjectClient(cluster)
    old, new = [await _bound(objects, name) for name in (claim, restored)]
    _same(*old, *new)
    replicas = await _replicas(objects, workload) if workload is not None else 0
    await _unused(cluster, claim, restored, workload)
    return Record(
        namespace=cluster.home,
        claim=claim,
        restored=restored,
        old=old[1].name,
        new=new[1].name,
        policies={each.name: str(each.spec.get("persistentVolumeReclaimPolicy")) for each in (old[1], new[1])},
        claims={each.name: manifest_of(each) for each in (old[0], new[0])},
        workload=workload,
        replicas=replicas,
    )


async def _replicas(objects: ObjectClient, workload: tuple[str, str]) -> int:
    found = await objects.workload(*workload)
    policy = found.spec.get("persistentVolumeClaimRetentionPolicy") or {}
    if policy.get("whenScaled") == "Delete":
        raise CliError(
            f"To scale {'/'.join(workload)} to 0 would delete all its PVCs. Set its "
            "persistentVolumeClaimRetentionPolicy.whenScaled to Retain first."
        )
    return int(found.spec.get("replicas", 1))


async def _bound(objects: ObjectClient, name: str) -> tuple[Resource, Resource]:
    claim = await objects.claim(name)
    if claim is None:
        raise CliError(f"PVC {name!r} does not exist in the namespace {objects.namespace!r}.")
    volume = await objects.volume(str(claim.spec.get("volumeName") or ""))
    uid = (volume.spec.get("claimRef") or {}).get("uid") if volume is not None else None
    if volume is None or claim.status.get("phase") != "Bound" or uid != claim.uid:
        raise CliError(f"PVC {name!r} is not bound to a volume. See `kubectl describe pvc {name}`.")
    return claim, volume


def _same(old: Resource, old_volume: Resource, new: Resource, new_volume: Resource) -> None:
    """Make sure that the restored volume fits the old PVC, whose spec is kept."""
    storage_class = quote(str(old.spec.get("storageClassName") or ""))
    for field, default, remedy in (
        ("storageClassName", "", f"Restore again with --storage-class {storage_class}"),
        ("volumeMode", "Filesystem", "Restore again from a ProtectedDisk whose PVC has the same"),
    ):
        wanted, has = old.spec.get(field) or default, new_volume.spec.get(field) or default
        if wanted != has:
            raise CliError(f"PVC {old.name!r} has {field} {wanted!r}, and the restored volume {has!r}. {remedy}.")
    missing = set(old.spec.get("accessModes") or ()) - set(new_volume.spec.get("accessModes") or ())
    if missing:
        raise CliError(f"PVC {old.name!r} is {', '.join(sorted(missing))}, and the restored volume is not.")
    if old_volume.name == new_volume.name:
        raise CliError(f"{old.name!r} and {new.name!r} are the same PVC.")


async def check_permissions(cluster: Cluster, workload: tuple[str, str] | None) -> None:
    """Make sure of the permissions for every step: half of a swap is worse than none.

    Raises:
        CliError: one is missing.
    """
    needed = [("patch", "", VOLUMES.plural, "", ""), ("create", "", CLAIMS.plural, "", cluster.home)]
    needed += [(verb, "", CLAIMS.plural, "", cluster.home) for verb in ("delete", "get")]
    if workload is not None:
        needed.append(("patch", "apps", WORKLOADS[workload[0]].plural, "scale", cluster.home))
    missing = []
    for verb, group, plural, subresource, namespace in needed:
        attributes = {"verb": verb, "group": group, "resource": plural}
        attributes |= {"namespace": namespace} if namespace else {}
        attributes |= {"subresource": subresource} if subresource else {}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        try:
            answer = await cluster.kube.create(_REVIEW, review)
        except OperatorError as error:
            raise CliError(f"Your permissions cannot be read: {error.user_message}") from error
        if not (answer.get("status") or {}).get("allowed"):
            missing.append(f"{verb} {plural}{'/' if subresource else ''}{subresource}")
    if missing:
        raise CliError(f"You may not {', '.join(missing)}. Ask a cluster admin for it. Nothing was changed.")


async def _unused(cluster: Cluster, claim: str, restored: str, workload: tuple[str, str] | None) -> None:
    pods = await cluster.all(PODS, cluster.home)
    of_restored = [each.name for each in using(pods, (restored,))]
    if of_restored:
        raise CliError(f"PVC {restored!r} is used by {', '.join(of_restored)}. Delete those pods first.")
    users = list(using(pods, (claim,)))
    if not users or workload is not None:
        return
    owners = {owner for each in users if (owner := _owner(each))}
    hint = f"use --scale {sorted(owners)[0]}" if owners else "scale down what owns them"
    raise CliError(
        f"PVC {claim!r} is used by {', '.join(each.name for each in users)}. Scale down what uses it first, or {hint}."
    )


def using(pods: Iterable[Resource], claims: Iterable[str]) -> Iterator[Resource]:
    """Yield the pods that use one of some PVCs, and have not ended."""
    wanted = set(claims)
    for each in pods:
        volumes = each.spec.get("volumes") or ()
        named = {(volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in volumes}
        if named & wanted and each.status.get("phase") not in _ENDED:
            yield each


def _owner(pod: Resource) -> str | None:
    owners = pod.meta.get("ownerReferences") or ()
    return next((f"statefulset/{each['name']}" for each in owners if each.get("kind") == "StatefulSet"), None)


def zones(volume: Resource) -> frozenset[str]:
    """Return the zones in which pods can use a volume; empty for everywhere."""
    required = (volume.spec.get("nodeAffinity") or {}).get("required") or {}
    found = [
        value
        for term in required.get("nodeSelectorTerms") or ()
        for each in term.get("matchExpressions") or ()
        if each.get("key") == _ZONES
        for value in each.get("values") or ()
    ]
    return frozenset(each for each in found if each)
