"""What the operator's identity may do in Azure: exactly the roles of deploy/azure, at the scopes that it says."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.objects import DISK_GROUP, RESTORE_GROUP, SNAPSHOT_GROUP, VAULT_GROUP

ROLES = Path(__file__).resolve().parents[2] / "deploy" / "azure" / "roles"
# Where `setup.sh --create-snapshot-groups --restore-group …` assigns each: at subscriptions (no group) and at groups.
# Those that a mode leaves out are for the tests of that mode.
_SCOPES: tuple[tuple[str, str], ...] = (
    ("reader", ""),
    ("protector", VAULT_GROUP),
    ("vault-manager", VAULT_GROUP),
    ("disk-granter", DISK_GROUP),
    ("disk-granter", RESTORE_GROUP),
    ("snapshot-granter", SNAPSHOT_GROUP),
    ("snapshot-granter", ""),
    ("snapshot-group-creator", ""),
    ("restorer", VAULT_GROUP),
    ("restore-granter", RESTORE_GROUP),
    ("restored-disk-tagger", RESTORE_GROUP),
    # Of the identities that are in it.
    ("vault-identity-user", VAULT_GROUP),
)


def definition(name: str) -> dict[str, Any]:
    """Return a role definition as `az role definition create` takes it."""
    found: dict[str, Any] = json.loads((ROLES / f"{name}.json").read_text())
    return found


def condition(name: str, principal: str) -> str | None:
    """Return the condition with which a role is to be assigned to a principal, if there is one."""
    path = ROLES / f"{name}.condition"
    return path.read_text().replace("PRINCIPAL_ID", principal) if path.exists() else None


def assigned(subscriptions: Iterable[str], principal: str, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return all assignments for some subscriptions."""
    assert set(without) <= {name for name, _ in _SCOPES}
    return [
        {
            "definition": definition(name),
            "scope": f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else ""),
            "condition": condition(name, principal),
        }
        for subscription in subscriptions
        for name, group in _SCOPES
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
