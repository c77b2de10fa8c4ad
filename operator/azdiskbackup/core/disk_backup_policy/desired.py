"""What one DiskBackupPolicy asks for."""

from __future__ import annotations

from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.identity.naming import is_policy_name
from azdiskbackup.core.objects.policy_content import PolicyContent, content
from azdiskbackup.core.objects.resource import Invalid, Resource, parse_spec


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on restore points, from the settings."""

    policy: int
    disk: int


@dataclass(frozen=True, slots=True)
class Desired:
    """A policy as its object wants it.

    Attributes:
        content: what the service is told; None when the time zone is unknown to it.
        known_id: ARM id of the policy that this object made before.
        predecessors: ARM ids of policies that it made before an edit, and that are to go.
        settled: whether everything was as this spec wants it: a difference since then is somebody else's doing.
    """

    name: str
    deleting: bool
    spec: DiskBackupPolicySpec
    content: PolicyContent | None
    known_id: str | None
    limits: Limits
    predecessors: tuple[str, ...] = ()
    settled: bool = False

    def id_in(self, vault: ArmId) -> ArmId | None:
        """Return the ARM id of the wanted policy in a vault."""
        if self.content is None:
            return None
        return vault.child("backupPolicies", self.content.name(self.spec.azure_name or self.name))


def read_desired(resource: Resource, limits: Limits) -> Desired | Invalid:
    """Read a DiskBackupPolicy."""
    spec = parse_spec(DiskBackupPolicySpec, resource)
    if isinstance(spec, Invalid):
        return spec
    stem = spec.azure_name or resource.name
    known = _made_from(stem, resource.status.get("policyID"))
    return Desired(
        name=resource.name,
        deleting=resource.deleting,
        spec=spec,
        content=content(spec),
        known_id=known,
        limits=limits,
        predecessors=_siblings(resource, known, stem),
        settled=resource.settled,
    )


def _made_from(stem: str, policy: str | None) -> str | None:
    """Return the id of a policy if the object can have made it: its status may have been written by others."""
    return policy if policy is not None and is_policy_name(policy.rpartition("/")[2], stem) else None


def _siblings(resource: Resource, known: str | None, stem: str) -> tuple[str, ...]:
    if known is None:
        return ()
    folder = known.rpartition("/")[0]
    return tuple(f"{folder}/{name}" for name in resource.status.get("predecessors") or () if is_policy_name(name, stem))
