"""The status of a vault, rebuilt from what was seen."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.backup_vault import BackupVaultStatus
from azdiskbackup.core import conditions, reasons
from azdiskbackup.core.azure_model import AzureVault
from azdiskbackup.core.backup_vault.desired import Desired
from azdiskbackup.core.backup_vault.observed import Observed
from azdiskbackup.core.backup_vault.steps import Step
from azdiskbackup.core.resource import Resource, parse_status
from azdiskbackup.core.verdicts import Finding, Plan


def status(resource: Resource, want: Desired, seen: Observed, plan: Plan[Step], now: datetime) -> BackupVaultStatus:
    """Return the status after a pass."""
    before = parse_status(BackupVaultStatus, resource)
    findings = conditions.summary(plan, reasons.ALL_GOOD, f"The vault {want.id.name} is ready to protect disks.")
    if seen.trouble is not None:
        instead = " Until then the vault's own lists are read, which takes more calls."
        findings.append(
            Finding(reasons.RESOURCE_GRAPH_UNAVAILABLE, "True", reasons.VAULT_IS_LISTED, seen.trouble + instead)
        )
    update: dict[str, object] = {
        "observed_generation": resource.generation,
        "conditions": conditions.build(findings, before.conditions, resource.generation, now),
        "protected_disks": seen.disks,
    }
    if isinstance(seen.vault, AzureVault):
        update |= {
            "vault_id": str(seen.vault.id),
            "principal_id": seen.vault.principal_of(want.identity),
            "provisioning_state": seen.vault.provisioning_state,
        }
    return before.model_copy(update=update)
