"""What the callers of the cloud may do: actions at scopes, in Azure's names; refusals in Azure's words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure_simulator.http.messages import Request
from azure_simulator.model.faults import AzureFault

if TYPE_CHECKING:
    from azure_simulator.http.routes import Route


@dataclass
class Caller:
    """An identity of the directory that may ask for tokens.

    Attributes:
        may: regular expression over the actions that it may take.
        denied: pairs of regular expressions, over actions and over scopes, that are taken from it.
        secret: what it may prove itself with, besides a token of a federated service account.
    """

    client: str
    may: str = ""
    denied: list[tuple[str, str]] = field(default_factory=list)
    secret: str | None = None

    def check(self, request: Request, route: Route) -> None:
        """Raise what Azure answers when the caller lacks the right."""
        if not self.may_take(route.action, request.path):
            raise AzureFault(
                "AuthorizationFailed",
                f"The client '{self.client}' with object id '{self.client}' does not have authorization to perform "
                f"action '{route.action}' over scope '{request.path}' or the scope is invalid. If access was recently "
                "granted, please refresh your credentials.",
            )

    def may_take(self, action: str, scope: str) -> bool:
        """Return whether the caller may take an action at a scope."""
        taken = any(
            re.search(denied, action, re.IGNORECASE) and re.search(where, scope, re.IGNORECASE)
            for denied, where in self.denied
        )
        return bool(re.search(self.may, action)) and not taken


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
        if "denied" in described:
            caller.denied = [(str(each["action"]), str(each.get("scope", ""))) for each in described["denied"]]

    def get(self, client: str | None) -> Caller | None:
        return self._all.get(client) if client is not None else None
