"""Scopes: the tenant's root, management groups, subscriptions, groups, resources; each in the one above it."""

from __future__ import annotations

_MANAGEMENT_GROUP = "/providers/microsoft.management/managementgroups/"


class Scopes:
    """Which management groups there are, and what is in them."""

    def __init__(self) -> None:
        # Of each management group or subscription, by its lower-case scope: the management group above it.
        self._above: dict[str, str] = {}

    def put_management_group(self, name: str, subscriptions: list[str], parent: str = "") -> None:
        """Make a management group, or put more into it."""
        own = f"{_MANAGEMENT_GROUP}{name}".lower()
        self._above[own] = f"{_MANAGEMENT_GROUP}{parent}".lower() if parent else "/"
        for each in subscriptions:
            self._above[f"/subscriptions/{each}".lower()] = own

    def exists(self, scope: str) -> bool:
        """Return whether a scope above subscriptions exists."""
        return scope.lower() in ("", "/") or scope.lower() in self._above

    def within(self, scope: str, other: str) -> bool:
        """Return whether a scope is another one, or lies in it."""
        scope, other = scope.lower().rstrip("/"), other.lower().rstrip("/")
        if not other or f"{scope}/".startswith(f"{other}/"):
            return True
        own = "/".join(scope.split("/")[:3]) if scope.startswith("/subscriptions/") else scope
        above = self._above.get(own, "/")
        return above != "/" and (above == other or self.within(above, other))
