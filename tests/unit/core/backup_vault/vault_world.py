"""Vaults for the tests of their rules: as desired, as observed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from azdiskbackup.core.backup_vault import desired as vault_desired
from azdiskbackup.core.backup_vault.deletion import DELETION_RULES
from azdiskbackup.core.backup_vault.observed import Observed as VaultSeen
from azdiskbackup.core.backup_vault.observed import Recorded
from azdiskbackup.core.backup_vault.rules import PROVISIONING_RULES, snapshot_grants
from azdiskbackup.core.identity.arm_ids import ResourceGroupId, vault_id
from azdiskbackup.core.objects.azure import AzureGroup, AzureVault, VaultSettings
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.rules.lookup import NOT_FOUND, FetchFailed
from azdiskbackup.core.rules.verdicts import Need, Plan, evaluate
from azdiskbackup.errors import AccessDenied
from harness.objects import SNAPSHOT_GROUP, SUBSCRIPTION, Json, stored, vault

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DENIED = FetchFailed(AccessDenied("AuthorizationFailed", "No."))
VAULT_ID = vault_id(SUBSCRIPTION, "backup-rg", "demo")


def resource(raw: Json, deleting: bool = False, **status: Any) -> Resource:
    return Resource({**stored(raw, generation=3, deleting=deleting), "status": status})


OWNER = dict(zip(vault_desired.OWNER_TAGS, ("cluster-1", "demo"), strict=True))


def decide(desired: vault_desired.Desired, observed: VaultSeen, now: datetime) -> Plan[Any] | Need:
    return evaluate(DELETION_RULES if desired.deleting else PROVISIONING_RULES, desired, observed, now)


def make_plan(desired: vault_desired.Desired, observed: VaultSeen, now: datetime) -> Plan[Any]:
    found = decide(desired, observed, now)
    assert isinstance(found, Plan), f"{found} is missing"
    return found


def wanted_vault(deleting: bool = False, **spec: Any) -> vault_desired.Desired:
    found = vault_desired.read_desired(resource(vault(**spec), deleting), SUBSCRIPTION, "cluster-1")
    assert isinstance(found, vault_desired.Desired)
    return found


SETTINGS = VaultSettings("LocallyRedundant", "On", 14, "Disabled", {})
VAULT = AzureVault(VAULT_ID, "westeurope", "Succeeded", "principal", SETTINGS)
GROUP = ResourceGroupId(SUBSCRIPTION, SNAPSHOT_GROUP)
NEW = VaultSeen((), 0, NOT_FOUND)
EXISTS = VaultSeen((), 0, VAULT)
OURS = VaultSeen((), 0, replace(VAULT, settings=replace(SETTINGS, tags=OWNER)))
GRANT = snapshot_grants(wanted_vault(), EXISTS)[0]
KNOWN = replace(NEW, recorded=Recorded("principal"))
LEAVING = wanted_vault(deleting=True, deletionPolicy="Delete")
READY = replace(EXISTS, groups={GROUP: AzureGroup("westeurope")}, grants={GRANT: True})
