"""The status of a vault, rebuilt from what was seen."""

from __future__ import annotations

from datetime import datetime

from azdiskbackup.api.v1alpha1.backup_vault import MOST_IDENTITIES, BackupVaultStatus, VaultIdentityStatus
from azdiskbackup.core.backup_vault.desired import Desired
from azdiskbackup.core.backup_vault.observed import Observed
from azdiskbackup.core.backup_vault.steps import Step
from azdiskbackup.core.objects.azure import AzureVault
from azdiskbackup.core.objects.resource import Resource, parse_status
from azdiskbackup.core.rules import conditions, reasons
from azdiskbackup.core.rules.verdicts import Finding, Plan


def build_status(
    resource: Resource, desired: Desired, observed: Observed, plan: Plan[Step], now: datetime
) -> BackupVaultStatus:
    """Return the status after a pass."""
    before = parse_status(BackupVaultStatus, resource, now)
    findings = conditions.summary(plan, reasons.ALL_GOOD, f"The vault {desired.id.name} is ready.")
    if observed.degraded_reason is not None:
        instead = " Meanwhile the operator lists the vault, which takes more requests."
        findings.append(
            Finding(
                reasons.RESOURCE_GRAPH_UNAVAILABLE, "True", reasons.USING_VAULT_LIST, observed.degraded_reason + instead
            )
        )
    update: dict[str, object] = {
        "observed_generation": resource.generation,
        "conditions": conditions.build(findings, before.conditions, resource.generation, now),
        "protected_disks": observed.disks,
        "restore_role": _has_restore_role(desired, observed, plan) or None,
        "orphaned_backup_instances": _orphaned(observed, before),
    }
    if isinstance(observed.vault, AzureVault):
        update |= {
            "vault_id": str(observed.vault.id),
            "principal_id": observed.vault.principal_of(desired.identity),
            "identities": _identities(observed.vault) or None,
            "resource_guard": observed.vault.is_guarded or None,
            "provisioning_state": observed.vault.provisioning_state,
        }
    return before.model_copy(update=update)


def _orphaned(observed: Observed, before: BackupVaultStatus) -> int | None:
    """Return what the last sweep counted; until there is one, what was known, if there will be one."""
    if observed.orphaned is None and observed.is_swept:
        return before.orphaned_backup_instances
    return observed.orphaned


def _has_restore_role(desired: Desired, observed: Observed, plan: Plan[Step]) -> bool:
    """Return whether a role for restores has to be revoked one day: each restore assigns it."""
    if desired.spec.role_assignments == "Preassigned":
        return False
    is_gone = plan.ready and plan.step is None and observed.restore_roles and not any(observed.restore_roles.values())
    return observed.is_restoring or (observed.recorded.restore_role and not is_gone)


def _identities(vault: AzureVault) -> list[VaultIdentityStatus]:
    own = [VaultIdentityStatus(principal_id=vault.principal_id)] if vault.principal_id else []
    assigned = [
        VaultIdentityStatus(principal_id=principal, user_assigned_identity_id=id_)
        for id_, principal in sorted(vault.assigned.items())
    ]
    return [*own, *assigned][:MOST_IDENTITIES]
