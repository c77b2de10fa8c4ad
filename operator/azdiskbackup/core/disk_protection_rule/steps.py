"""The steps that a rule can need: one write to Kubernetes a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from azdiskbackup.api.v1alpha1.names import GROUP, PROTECTED_DISK, VERSION
from azdiskbackup.core.disk_protection_rule.desired import Desired
from azdiskbackup.core.disk_protection_rule.observed import Target
from azdiskbackup.core.objects.markers import FOLLOW_PVC, RULE, STOPPED_BY_RULE


@dataclass(frozen=True, slots=True)
class Make:
    """Make the ProtectedDisk of a PVC."""

    target: Target
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Adjust:
    """Apply what the rule says to a ProtectedDisk that exists."""

    target: Target
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stop:
    """End the backups of a ProtectedDisk; nothing expires."""

    target: Target
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a ProtectedDisk whose PVC is gone; all restore points stay."""

    target: Target


Step: TypeAlias = Make | Adjust | Stop | Delete


def manifest(desired: Desired, target: Target, *, stopped: bool = False) -> Mapping[str, Any]:
    """Return what the rule says of a ProtectedDisk, as it is applied: what is not in it belongs to others.

    Labels and annotations of the PVC are not copied: a GitOps tool would take the object for one of its own, and prune
    it. There is no owner: the garbage collector would withdraw what is protected with it.

    Args:
        desired: the rule.
        target: what it is about.
        stopped: whether it gets no new backups.
    """
    labels = {RULE: desired.name, **({STOPPED_BY_RULE: "true"} if stopped else {})}
    metadata: dict[str, Any] = {"name": target.disk, "namespace": target.namespace, "labels": labels}
    if target.follows is not None:
        metadata["annotations"] = {FOLLOW_PVC: target.follows}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": PROTECTED_DISK.name,
        "metadata": metadata,
        "spec": {
            "policyRef": {"name": desired.spec.policy_ref.name},
            "source": {"persistentVolumeClaim": {"name": target.claim}},
            **({"protection": "Stopped"} if stopped else {}),
        },
    }
