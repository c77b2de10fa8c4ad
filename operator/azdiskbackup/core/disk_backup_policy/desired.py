"""What one DiskBackupPolicy asks for."""

from __future__ import annotations

from dataclasses import dataclass

from azdiskbackup.api.v1alpha1.disk_backup_policy import DiskBackupPolicySpec
from azdiskbackup.core.identity.arm_ids import ArmId
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
        content: what the policy in Azure contains; None when the time zone is unknown to the service.
    """

    name: str
    deleting: bool
    spec: DiskBackupPolicySpec
    content: PolicyContent | None
    limits: Limits

    @property
    def stem(self) -> str:
        """Return what the names of its policies in Azure begin with."""
        return self.spec.azure_name or self.name

    def id_in(self, vault: ArmId) -> ArmId | None:
        """Return the ARM id of the desired policy in a vault."""
        if self.content is None:
            return None
        return vault.child("backupPolicies", self.content.name(self.stem))


def read_desired(resource: Resource, limits: Limits) -> Desired | Invalid:
    """Read a DiskBackupPolicy."""
    spec = parse_spec(DiskBackupPolicySpec, resource)
    if isinstance(spec, Invalid):
        return spec
    return Desired(
        name=resource.name,
        deleting=resource.deleting,
        spec=spec,
        content=content(spec),
        limits=limits,
    )
