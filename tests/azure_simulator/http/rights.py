"""What the callers of the cloud may do: actions at scopes, in Azure's names; refusals in Azure's words."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure_simulator.http.messages import Request
from azure_simulator.model.faults import AzureFault
from azure_simulator.model.role_condition import Attempt, Term, parse
from azure_simulator.model.roles import matches

if TYPE_CHECKING:
    from azure_simulator.http.routes import Route

ASSIGN_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
_ASSIGNMENT = re.compile(
    r"(?P<scope>/.*)/providers/microsoft\.authorization/role(assignments|definitions)", re.IGNORECASE
)


@dataclass(frozen=True)
class Role:
    """A role definition that was assigned: what it allows, where, and under which condition."""

    name: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    scope: str
    condition: Term | None = None

    @classmethod
    def of(cls, described: dict[str, Any]) -> Role:
        """Read a definition as the az CLI takes it, with the scope and the condition of its assignment."""
        definition = described["definition"]
        condition = described.get("condition")
        return cls(
            str(definition["Name"]),
            tuple(definition["Actions"]),
            tuple(definition.get("NotActions", ())),
            str(described["scope"]).rstrip("/").lower(),
            parse(condition) if condition else None,
        )

    def allows(self, attempt: Attempt, scope: str) -> bool:
        """Return whether it allows an attempt at a scope, which is in lower case."""
        if scope != self.scope and not scope.startswith(f"{self.scope}/"):
            return False
        named = matches(attempt.action, self.actions) and not matches(attempt.action, self.not_actions)
        return named and (self.condition is None or self.condition(attempt))


@dataclass
class Caller:
    """An identity of the directory that may ask for tokens.

    Attributes:
        may: regular expression over the actions that it may take.
        roles: what it may do and where; None for everything that ``may`` allows.
        denied: pairs of regular expressions, over actions and over scopes, that are taken from it.
        secret: what it may prove itself with, besides a token of a federated service account.
        on_node: whether it was assigned to the nodes of the cluster, whose metadata service then gives its tokens.
    """

    client: str
    may: str = ""
    roles: list[Role] | None = None
    denied: list[tuple[str, str]] = field(default_factory=list)
    secret: str | None = None
    on_node: bool = False
    # Actions that no role of its allowed.
    lacking: Counter[str] = field(default_factory=Counter)

    def check(self, request: Request, route: Route, existing: dict[str, str]) -> None:
        """Raise what Azure answers when the caller lacks the right.

        Args:
            request: what it asks.
            route: what that is.
            existing: the attributes of the role assignment that is there, if it is about one.
        """
        attempt = Attempt(route.action, _attributes(request, route.name), existing)
        allowed = self._has_role(attempt, request.path)
        self.lacking[route.action] += not allowed
        if not allowed or not self.may_take(route.action, request.path):
            raise AzureFault(
                "AuthorizationFailed",
                f"The client '{self.client}' with object id '{self.client}' does not have authorization to perform "
                f"action '{route.action}' over scope '{request.path}' or the scope is invalid. If access was recently "
                "granted, please refresh your credentials.",
            )

    def check_linked(self, request: Request, action: str) -> None:
        """Raise what Azure answers when the caller lacks a right on something that a request refers to."""
        for linked, scope in linked_actions(request.json):
            allowed = self._has_role(Attempt(linked, {}, {}), scope)
            self.lacking[linked] += not allowed
            if not allowed or not self.may_take(linked, scope):
                raise AzureFault(
                    "LinkedAuthorizationFailed",
                    f"The client '{self.client}' with object id '{self.client}' has permission to perform action "
                    f"'{action}' on scope '{request.path}'; however, it does not have permission to perform action(s) "
                    f"'{linked}' on the linked scope(s) '{scope}' (respectively) or the linked scope(s) are invalid.",
                )

    def may_take(self, action: str, scope: str) -> bool:
        """Return whether the caller may take an action at a scope, whatever its roles say."""
        taken = any(
            re.search(denied, action, re.IGNORECASE) and re.search(where, scope, re.IGNORECASE)
            for denied, where in self.denied
        )
        return bool(re.search(self.may, action)) and not taken

    def sees(self, action: str, scope: str) -> bool:
        """Return whether it may take an action at a scope; what it may not read no query shows."""
        return self.may_take(action, scope) and self._has_role(Attempt(action, {}, {}), scope)

    def _has_role(self, attempt: Attempt, path: str) -> bool:
        if self.roles is None:
            return True
        if attempt.action == "Microsoft.ResourceGraph/resources/read":
            # Needs no role of its own: what may not be read is not shown.
            return any(matches(attempt.action, role.actions) for role in self.roles)
        scope = scope_of(path).lower()
        return any(role.allows(attempt, scope) for role in self.roles)


def scope_of(path: str) -> str:
    """Return at which scope an action is checked: that of a role assignment is what it is for."""
    # Asked of each row of a query: most are about no assignment, and the pattern is slow to say so.
    match = _ASSIGNMENT.match(path) if "microsoft.authorization" in path.lower() else None
    return match["scope"] if match else path


def linked_actions(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what has to be allowed besides the action itself, and where: a resource that is to act as an identity."""
    named = (body.get("identity") or {}).get("userAssignedIdentities") or {}
    # One that is named without a value stays or comes; with null it goes.
    found = [(ASSIGN_IDENTITY, scope) for scope, value in named.items() if value is not None]
    for held in (body, body.get("properties") or {}):
        for scope in held.get("resourceGuardOperationRequests") or []:
            kind = scope.strip("/").split("/")[-2]
            found.append((f"Microsoft.DataProtection/resourceGuards/{kind}/read", scope))
    return found


def _attributes(request: Request, route: str) -> dict[str, str]:
    """Return the attributes of a role assignment that is written."""
    if route != "roleAssignments.put":
        return {}
    properties = request.json.get("properties", {})
    return assignment_attributes(
        str(properties.get("roleDefinitionId", "")),
        str(properties.get("principalId", "")),
        # What is not said is a user, as for whoever forgets it in the real service.
        str(properties.get("principalType") or "User"),
    )


def assignment_attributes(role: str, principal: str, principal_type: str) -> dict[str, str]:
    """Return the attributes of a role assignment, by the names that conditions have for them."""
    return {
        "RoleDefinitionId": role.rsplit("/", 1)[-1],
        "PrincipalId": principal,
        "PrincipalType": principal_type,
    }


class Callers:
    """All callers."""

    def __init__(self) -> None:
        self._all: dict[str, Caller] = {}

    def seed(self, described: dict[str, Any]) -> None:
        """Add a caller, or change what it may do."""
        client = str(described["clientID"])
        caller = self._all.setdefault(client, Caller(client))
        caller.may = described.get("may", caller.may)
        caller.secret = described.get("secret", caller.secret)
        caller.on_node = described.get("onNode", caller.on_node)
        if "roles" in described:
            given = described["roles"]
            caller.roles = None if given is None else [Role.of(each) for each in given]
        if "denied" in described:
            caller.denied = [(str(each["action"]), str(each.get("scope", ""))) for each in described["denied"]]

    def get(self, client: str | None) -> Caller | None:
        return self._all.get(client) if client is not None else None
