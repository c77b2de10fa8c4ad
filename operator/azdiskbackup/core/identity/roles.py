"""The built-in roles that the vault's identity needs, and grants of them."""

from __future__ import annotations

from dataclasses import dataclass

from azdiskbackup.core.identity.naming import assignment_name


@dataclass(frozen=True, slots=True)
class Role:
    """A built-in role of Azure."""

    name: str
    guid: str


DISK_BACKUP_READER = Role("Disk Backup Reader", "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24")
DISK_SNAPSHOT_CONTRIBUTOR = Role("Disk Snapshot Contributor", "7efff54f-a5b4-42b5-a1c5-5411624893ce")
DISK_RESTORE_OPERATOR = Role("Disk Restore Operator", "b50d9833-a0cb-478e-945f-707fcc997c13")


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for a principal at a scope.

    Attributes:
        scope: ARM id of the disk or the resource group.
        subscription: the scope's subscription, which the role definition's id names.
    """

    scope: str
    subscription: str
    role: Role
    principal: str

    @property
    def name(self) -> str:
        """Return the deterministic GUID of the assignment."""
        return assignment_name(self.scope, self.principal, self.role.guid)

    @property
    def request(self) -> str:
        """Return what is missing, and the command that assigns it."""
        return (
            f"The identity {self.principal} lacks the role {self.role.name} on {self.scope}. Assign it: az role "
            f"assignment create --assignee-object-id {self.principal} --assignee-principal-type ServicePrincipal "
            f"--role '{self.role.name}' --scope {self.scope}. The operator continues automatically."
        )

    def __str__(self) -> str:
        return f"{self.role.name} for {self.principal} on {self.scope}"
