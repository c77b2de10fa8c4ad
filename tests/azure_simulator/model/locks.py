"""Management locks, at a subscription, a resource group or a resource; what is below inherits them.

Sources: Microsoft's 'Lock your resources': CanNotDelete forbids to delete, role assignments included, ReadOnly whatever
is not reading, actions included; what holds something locked cannot be deleted either. Code and words as users report
them (Azure-Player/azure.datafactory.devops 183, Azure/apiops 606).
"""

from __future__ import annotations

from dataclasses import dataclass

from azure_simulator.model.faults import AzureFault

LEVELS = ("CanNotDelete", "ReadOnly")


@dataclass(frozen=True)
class Lock:
    """One lock."""

    name: str
    scope: str
    level: str


class Locks:
    """All locks."""

    def __init__(self) -> None:
        self._all: dict[str, Lock] = {}

    def put(self, name: str, scope: str, level: str) -> None:
        """Lock a scope."""
        if level not in LEVELS:
            raise AzureFault("InvalidLockLevel", f"The level of a lock is one of {LEVELS}, not {level!r}.")
        self._all[name.lower()] = Lock(name, scope.rstrip("/"), level)

    def remove(self, name: str) -> None:
        """Take a lock away."""
        self._all.pop(name.lower(), None)

    def check(self, method: str, path: str) -> None:
        """Raise what Azure answers to a request that changes what is locked."""
        if method in ("GET", "HEAD"):
            return
        deletes = method == "DELETE"
        found = [
            each.scope
            for each in self._all.values()
            if (_within(path, each.scope) and (deletes or each.level == "ReadOnly"))
            or (deletes and _within(each.scope, path))
        ]
        if found:
            raise AzureFault(
                "ScopeLocked",
                f"The scope '{path}' cannot perform {'delete' if deletes else 'write'} operation because following "
                f"scope(s) are locked: '{','.join(found)}'. Please remove the lock and try again.",
            )

    def keeps(self, scope: str) -> bool:
        """Return whether nothing in a scope can be deleted."""
        # Asked of each of many thousands, and nearly always there is none.
        return bool(self._all) and any(_within(scope, each.scope) for each in self._all.values())


def _within(scope: str, other: str) -> bool:
    return f"{scope.lower()}/".startswith(f"{other.lower()}/")
