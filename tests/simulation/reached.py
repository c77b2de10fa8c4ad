"""What of all that exists the stories never reach, and why; what no line here explains is a hole in the stories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from azdiskbackup.core.reason_catalog import REASON_CATALOG
from azure_simulator.http.routes import ROUTES

_SPEC = "no story writes such a spec"
_MODE = "the operator manages vault and roles in every story, and the vault is not immutable"
_FEW = "six disks in three days stay far below it"
# Reasons that no story can have.
_NO_REASON = {
    "AdmissionDenied": "the API server in memory has no webhooks",
    "DiskInSnapshotResourceGroup": _SPEC,
    "DuplicateProtectedDisk": "each PVC has one object",
    "IdentityMissing": _SPEC,
    "IdentityNotFound": _SPEC,
    "InvalidSpec": "the API server in memory refuses what the schema does",
    "NamespaceQuotaExceeded": "no namespace has a quota",
    "NoSnapshotResourceGroup": _SPEC,
    "NotAnAzureDisk": _SPEC,
    "ProvisioningFailed": "no vault fails to be provisioned",
    "QuotaExceeded": _FEW,
    "RegionMismatch": _SPEC,
    "ResourceGroupMissing": _SPEC,
    "RestorePointExpired": "nothing expires within three days",
    "RestoresDisabled": "restores are enabled in every story",
    "RetentionRuleMissing": _SPEC,
    "RoleAssignmentMissing": _MODE,
    "SnapshotGone": "nobody deletes snapshots",
    "TargetDiskExists": "nobody makes a disk of that name",
    "TargetGroupNotConfigured": _SPEC,
    "TargetGroupNotFound": _SPEC,
    "TargetUnderspecified": _SPEC,
    "TimeZoneUnknown": _SPEC,
    "TooManyRestorePoints": _SPEC,
    "VaultImmutable": _MODE,
    "VaultMismatch": _SPEC,
    "VaultMissing": _MODE,
    "VolumeExists": "nobody makes a volume of that disk",
    "WaitingForAzureLimits": _FEW,
}
# Of the simulator's routes, which serve people and other tools, too: those by which no story has the operator write.
_NO_WRITE = {
    "backupResourceGuardProxies.delete": "only people guard a vault",
    "backupResourceGuardProxies.put": "only people guard a vault",
    "backupResourceGuardProxies.unlockDelete": "only people unlock what a guard protects",
    "backupVaults.delete": "the vault of a story is kept when its object goes",
    "disks.delete": "the operator deletes no disk",
    "disks.put": "the operator makes no disk: Azure Backup does",
    "providers.register": "only people register a resource provider",
    "resourceGroups.delete": "the operator deletes no resource group",
    "resourceGroups.head": "other clients look so whether a group is there",
    "resourceGroups.patch": "the operator tags no resource group",
    "resourceGroups.put": "the groups of a story are there",
    "userAssignedIdentities.delete": "only people make identities",
    "userAssignedIdentities.put": "only people make identities",
}


def never(coverage: Counter[str]) -> Iterator[tuple[str, str]]:
    """Yield each reason, and each write of the operator to Azure, that was never reached, and why, if that is known."""
    told = {name.rsplit(" ", 1)[1] for name in coverage if name.startswith(("reason ", "event "))}
    for reason in REASON_CATALOG:
        if reason not in told:
            yield f"reason {reason}", _NO_REASON.get(reason, "")
    for route in dict.fromkeys(each.name for each in ROUTES if each.method != "GET"):
        if not coverage[f"write {route}"]:
            yield f"write {route}", _NO_WRITE.get(route, "")


def explained() -> set[str]:
    """Return everything of which it is said why no story reaches it, as ``never`` names it."""
    return {f"reason {each}" for each in _NO_REASON} | {f"write {each}" for each in _NO_WRITE}
