"""What the operator's identity may do in Azure: exactly the roles of deploy/azure, at the scopes that it says."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.objects import VAULT_GROUP

ROLES = Path(__file__).resolve().parents[2] / "deploy" / "azure" / "roles"
# Where each is assigned: at subscriptions, or at the groups of the vaults alone. Those that a mode leaves out are for
# the tests of that mode.
_AT_SUBSCRIPTIONS = ("reader", "granter", "snapshot-group-creator")
_AT_VAULTS = ("protector", "vault-manager")


def definition(name: str) -> dict[str, Any]:
    """Return a role definition as `az role definition create` takes it."""
    found: dict[str, Any] = json.loads((ROLES / f"{name}.json").read_text())
    return found


def condition(name: str) -> str | None:
    """Return the condition with which a role is to be assigned, if there is one."""
    path = ROLES / f"{name}.condition"
    return path.read_text() if path.exists() else None


def assigned(subscriptions: Iterable[str], without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return all assignments for some subscriptions."""
    return [
        {"definition": definition(name), "scope": scope, "condition": condition(name)}
        for subscription in subscriptions
        for names, scope in (
            (_AT_SUBSCRIPTIONS, f"/subscriptions/{subscription}"),
            (_AT_VAULTS, f"/subscriptions/{subscription}/resourceGroups/{VAULT_GROUP}"),
        )
        for name in names
        if name not in without
    ]


def actions() -> Iterator[tuple[str, str]]:
    """Yield each role and each action that it allows."""
    for path in sorted(ROLES.glob("*.json")):
        for action in definition(path.stem)["Actions"]:
            yield path.stem, action


def unused(used: Iterable[str]) -> list[str]:
    """Return what the roles allow and nobody did."""
    did = {action.lower() for action in used}
    return [f"{role}: {action}" for role, action in actions() if not fnmatch.filter(did, action.lower())]
