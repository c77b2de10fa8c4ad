"""Role assignments, which work only some time after they were written, and the identities that hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from azure_simulator.model.faults import AzureFault
from azure_simulator.model.roles import BUILT_IN, NEEDED, RoleDefinition
from azure_simulator.model.scopes import Scopes

if TYPE_CHECKING:
    from azure_simulator.model.cloud import Cloud

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass
class Assignment:
    """A role for a principal at a scope."""

    name: str
    scope: str
    role_definition_id: str
    principal: str
    principal_type: str
    created: datetime
    effective: datetime

    @property
    def role(self) -> str:
        return self.role_definition_id.rsplit("/", 1)[1].lower()

    @property
    def id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{self.name}"


class Access:
    """Identities of vaults, and what they may do."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        # Type of each identity, and when it was made.
        self.principals: dict[str, tuple[str, datetime]] = {}
        self.assignments: dict[str, Assignment] = {}
        self.scopes = Scopes()
        self.roles: dict[str, RoleDefinition] = {each.guid: each for each in BUILT_IN}
        # Of each group of the directory: who is in it, groups included.
        self._members: dict[str, set[str]] = {}

    def put_group(self, group: str, members: list[str]) -> None:
        """Make a group in the directory."""
        self.add_principal(group, "Group")
        self._members[group.lower()] = {each.lower() for each in members}

    def _principals(self, principal: str) -> set[str]:
        """Return an identity with all groups that it is in."""
        found = {principal.lower()}
        while more := {group for group, members in self._members.items() if members & found} - found:
            found |= more
        return found

    def add_principal(self, principal: str, type_: str = "ServicePrincipal") -> None:
        self.principals[principal.lower()] = (type_, self._cloud.now)

    def remove_principal(self, principal: str) -> None:
        """Forget an identity; its assignments stay behind, as they do in Azure."""
        self.principals.pop(principal.lower(), None)

    def assign(
        self, scope: str, name: str, role_definition_id: str, principal: str, principal_type: str | None
    ) -> tuple[Assignment, bool]:
        """Create an assignment, or find the same one; return it and whether it is new."""
        principal_type = self._check(scope, name, role_definition_id, principal, principal_type)
        key = f"{scope}/{name}".lower()
        existing = self.assignments.get(key)
        if existing is not None:
            same = (
                existing.principal.lower() == principal.lower()
                and existing.role == role_definition_id.rsplit("/", 1)[1].lower()
            )
            if not same:
                raise AzureFault(
                    "RoleAssignmentUpdateNotPermitted",
                    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
                )
            return existing, False
        twin = self._twin(scope, role_definition_id, principal)
        if twin is not None:
            raise AzureFault(
                "RoleAssignmentExists",
                "The role assignment already exists. The ID of the existing role assignment is "
                f"{twin.name.replace('-', '')}.",
            )
        assignment = Assignment(
            name,
            scope,
            role_definition_id,
            principal,
            principal_type,
            self._cloud.now,
            self._cloud.now + self._cloud.knobs.span("role_propagation"),
        )
        self.assignments[key] = assignment
        return assignment, True

    def _check(self, scope: str, name: str, role_definition_id: str, principal: str, principal_type: str | None) -> str:
        """Refuse what Azure refuses; return the type of the principal, which it looks up when none is given."""
        if not _GUID.fullmatch(name):
            raise AzureFault("InvalidRoleAssignmentId", f"The role assignment ID '{name}' is not valid.")
        if role_definition_id.rsplit("/", 1)[-1].lower() not in self.roles:
            raise AzureFault(
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{role_definition_id}' does not exist.",
            )
        if not self._scope_exists(scope):
            raise AzureFault("ResourceNotFound", f"The scope '{scope}' was not found.")
        known, since = self.principals.get(principal.lower(), (None, self._cloud.now))
        if known is None or self._cloud.now < since + self._cloud.knobs.span("principal_replication"):
            raise AzureFault(
                "PrincipalNotFound",
                f"Principal {principal.replace('-', '')} does not exist in the directory. If you "
                "have just created this principal, retry with its principalType.",
            )
        if principal_type not in (None, known):
            raise AzureFault(
                "UnmatchedPrincipalType",
                f"The PrincipalId '{principal}' has type '{known}', which is different from "
                f"specified PrincipalType '{principal_type}'.",
            )
        return known

    def _scope_exists(self, scope: str) -> bool:
        if not scope.lower().startswith("/subscriptions/"):
            return self.scopes.exists(scope)
        parts = scope.strip("/").lower().split("/")
        if len(parts) == 2:
            return parts[1] in self._cloud.subscriptions
        within = "/" + "/".join(parts[:4])
        known = self._cloud.find_group(within) is not None
        return known and ("microsoft.compute/disks" not in scope.lower() or self._cloud.find_disk(scope) is not None)

    def _twin(self, scope: str, role_definition_id: str, principal: str) -> Assignment | None:
        role = role_definition_id.rsplit("/", 1)[1].lower()
        return next(
            (
                each
                for each in self.assignments.values()
                if each.scope.lower() == scope.lower()
                and each.role == role
                and each.principal.lower() == principal.lower()
            ),
            None,
        )

    def get(self, scope: str, name: str) -> Assignment:
        found = self.assignments.get(f"{scope}/{name}".lower())
        if found is None:
            raise AzureFault("RoleAssignmentNotFound", f"The role assignment '{name}' is not found.")
        return found

    def revoke(self, scope: str, name: str) -> Assignment | None:
        return self.assignments.pop(f"{scope}/{name}".lower(), None)

    def at_scope(self, scope: str, principal: str | None, *, below: bool, by_groups: bool) -> list[Assignment]:
        """Return assignments at a scope and above it; of an identity alone, or of the groups that it is in too."""
        within = self.scopes.within
        holders = None if principal is None else self._principals(principal) if by_groups else {principal.lower()}
        return [
            each
            for each in self.assignments.values()
            if (within(scope, each.scope) or (below and within(each.scope, scope)))
            and (holders is None or each.principal.lower() in holders)
        ]

    def may(self, principal: str, role: str, scope: str) -> bool:
        """Return whether an identity may do at a scope what a role is for: what its roles allow, and since long."""
        held = self._held(principal, scope)
        return all(any(each.allows(action) for each in held) for action in NEEDED[role])

    def allows(self, principal: str, action: str, scope: str) -> bool:
        """Return whether an identity may take an action at a scope."""
        return any(each.allows(action) for each in self._held(principal, scope))

    def _held(self, principal: str, scope: str) -> list[RoleDefinition]:
        """Return the roles that an identity has at a scope by now."""
        if not principal:
            return []
        holders = self._principals(principal)
        return [
            self.roles[each.role]
            for each in self.assignments.values()
            if each.principal.lower() in holders
            and each.effective <= self._cloud.now
            and self.scopes.within(scope, each.scope)
        ]
