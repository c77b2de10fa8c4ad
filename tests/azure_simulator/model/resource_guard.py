"""Resource Guards (multi-user authorization): what a vault does only for somebody who may use its guard.

Sources: which operations are critical, and which of them a guard may leave out, says Microsoft's documentation of
multi-user authorization for Backup vaults; restores, which the page leaves out, are in Terraform's list of exclusions
and in PowerShell's help (``dppTriggerRestoreRequests``). ``resourceGuardOperationRequests`` and ``unlockDelete`` are
those of the OpenAPI document, which says that access to the linked requests is checked. Of the refusal of a request
that names none only the words are known (hashicorp/terraform-provider-azurerm 31887); its code was in no source, so a
client must not rely on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from azure_simulator.model.faults import AzureFault

_VAULTS = "Microsoft.DataProtection/backupVaults"
# What a guard may leave out, by route: the operation as it is called there, and its kind of requests.
OPTIONAL = {
    "backupInstances.delete": (f"{_VAULTS}/backupInstances/delete", "deleteBackupInstanceRequests"),
    "backupInstances.stopProtection": (f"{_VAULTS}/backupInstances/stopProtection/action", "stopProtectionRequests"),
    "backupInstances.suspendBackups": (f"{_VAULTS}/backupInstances/suspendBackups/action", "suspendBackupsRequests"),
    "backupInstances.restore": (f"{_VAULTS}/backupInstances/restore/action", "dppTriggerRestoreRequests"),
}
# What none leaves out.
_WEAKER = {
    "disableSoftDelete": (f"{_VAULTS}/write#disableSoftDelete", "disableSoftDeleteRequests"),
    "reduceImmutability": (f"{_VAULTS}/write#reduceImmutabilityState", "reduceImmutabilityStateRequests"),
}
_PROXY = "backupResourceGuardProxies.delete"
# How long a deletion that was unlocked may be sent; the service names the end in its answer.
UNLOCKED = timedelta(hours=1)


@dataclass
class Guard:
    """The guard of one vault.

    Attributes:
        id: its ARM id, in whichever subscription.
        operations: the routes that it protects.
        unlocked: until when something may be deleted, by its id.
    """

    id: str
    operations: set[str]
    unlocked: dict[str, datetime] = field(default_factory=dict)

    def details(self) -> list[dict[str, str]]:
        """Return the critical operations, with what has to be requested for each."""
        found = [OPTIONAL[each] for each in sorted(self.operations)] + list(_WEAKER.values())
        return [
            {"vaultCriticalOperation": name, "defaultResourceRequest": f"{self.id}/{kind}/default"}
            for name, kind in found
        ]


class ResourceGuards:
    """Which vaults are guarded."""

    def __init__(self) -> None:
        self._all: dict[str, Guard] = {}

    def protect(self, vault_id: str, guard_id: str, operations: list[str] | None) -> None:
        """Guard a vault; None: all that can be guarded."""
        chosen = set(OPTIONAL) if operations is None else {f"backupInstances.{each}" for each in operations}
        if not chosen <= OPTIONAL.keys():
            raise AzureFault("UnknownOperation", f"A guard protects {sorted(OPTIONAL)}, not {sorted(chosen)}.")
        self._all[vault_id.lower()] = Guard(guard_id, chosen)

    def release(self, vault_id: str) -> None:
        """Take the guard off a vault."""
        self._all.pop(vault_id.lower(), None)

    def of(self, vault_id: str) -> Guard | None:
        """Return the guard of a vault."""
        return self._all.get(vault_id.lower())

    def check(self, vault_id: str, route: str, path: str, body: dict[str, Any], now: datetime) -> None:
        """Raise what Azure answers when a critical operation comes without the request that its guard wants."""
        guard = self.of(vault_id)
        if guard is None or route not in {*guard.operations, _PROXY}:
            return
        if guard.unlocked.get(path.lower(), now) > now or body.get("resourceGuardOperationRequests"):
            return
        raise _refusal()

    def check_settings(self, vault_id: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Raise what Azure answers when the security settings of a guarded vault would become weaker."""
        if self.of(vault_id) is None or after.get("resourceGuardOperationRequests"):
            return
        old, new = before.get("securitySettings") or {}, after.get("securitySettings") or {}
        off = _state(new, "softDeleteSettings") == "off" and _state(old, "softDeleteSettings") != "off"
        reduced = (
            _state(old, "immutabilitySettings") == "unlocked" and _state(new, "immutabilitySettings") == "disabled"
        )
        if off or reduced:
            raise _refusal()

    def unlock(self, vault_id: str, body: dict[str, Any], now: datetime) -> datetime:
        """Let something be deleted for a while; whether the caller may use the guard was checked."""
        guard = self.of(vault_id)
        if guard is None or not body.get("resourceGuardOperationRequests") or not body.get("resourceToBeDeleted"):
            raise _refusal()
        until = guard.unlocked[str(body["resourceToBeDeleted"]).lower()] = now + UNLOCKED
        return until


def _state(settings: dict[str, Any], name: str) -> str:
    return str((settings.get(name) or {}).get("state", "")).lower()


def _refusal() -> AzureFault:
    return AzureFault(
        "UserErrorResourceGuardOperationRequestsMissing",
        "ResourceGuard Operation requestid is either null or empty.",
        ["Ask the owner of the Resource Guard for access, and name its operation request."],
    )
