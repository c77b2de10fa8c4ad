"""What a vault is given, and what is taken back from it, for restores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from azdiskbackup.core.backup_vault import desired as vault_desired
from azdiskbackup.core.backup_vault import status as vault_status
from azdiskbackup.core.backup_vault.observed import Fact, Recorded
from azdiskbackup.core.backup_vault.observed import Observed as VaultSeen
from azdiskbackup.core.backup_vault.rules import PROVISIONING_RULES, RESTORE_RULES, restore_grants
from azdiskbackup.core.backup_vault.steps import (
    CreateGroup,
    RevokeRole,
)
from azdiskbackup.core.identity.arm_ids import ResourceGroupId
from azdiskbackup.core.objects.azure import AzureGroup
from azdiskbackup.core.rules import reasons
from azdiskbackup.core.rules.lookup import NOT_FOUND
from azdiskbackup.core.rules.verdicts import Need, Plan, evaluate
from harness.objects import RESTORE_GROUP, SUBSCRIPTION, vault
from unit.core.backup_vault.vault_world import GRANT, KNOWN, NOW, READY, VAULT, decide, resource, wanted_vault

# --- restores -----------------------------------------------------------------------------------------

RESTORING = ResourceGroupId(SUBSCRIPTION, RESTORE_GROUP)


def restoring_vault(**spec: Any) -> vault_desired.Desired:
    return wanted_vault(restoreResourceGroups=[{"name": RESTORE_GROUP, **spec.pop("group", {})}], **spec)


def restoring(desired: vault_desired.Desired, observed: VaultSeen) -> Plan[Any] | Need:
    return evaluate(PROVISIONING_RULES + RESTORE_RULES, desired, observed, NOW)


@pytest.mark.parametrize(
    ("found", "spec", "step", "reason"),
    [
        (AzureGroup("West Europe"), {}, None, reasons.EXISTS),
        (AzureGroup("northeurope"), {}, None, reasons.REGION_MISMATCH),
        (NOT_FOUND, {}, None, reasons.GROUP_MISSING),
        (NOT_FOUND, {"create": True}, CreateGroup(RESTORING, "westeurope", {}), reasons.CREATING),
    ],
)
def test_a_group_for_restored_disks_keeps_no_disk_from_being_protected(
    found: Any, spec: dict[str, Any], step: object, reason: str
) -> None:
    observed = replace(READY, groups={**READY.groups, RESTORING: found}, is_restoring=True)
    plan = restoring(restoring_vault(group=spec), observed)
    assert isinstance(plan, Plan) and plan.ready and plan.step == step
    told = next(each for each in plan.findings if each.type == reasons.RESTORE_GROUPS_READY)
    assert told.reason == reason
    missing = restoring(restoring_vault(), READY)
    assert missing == Need(Fact.RESOURCE_GROUP, (RESTORING,))


def test_the_role_for_restores_goes_once_none_is_in_progress() -> None:
    both = replace(VAULT, assigned={"/identity": "assigned"})
    observed = replace(READY, vault=both, groups={**READY.groups, RESTORING: AzureGroup("westeurope")})
    desired = restoring_vault()
    grants = restore_grants(desired, observed)
    assert [each.principal for each in grants] == ["principal", "assigned"]
    untouched = restoring(desired, observed)
    assert isinstance(untouched, Plan) and untouched.step is None, "another cluster may have assigned it"
    observed = replace(observed, recorded=Recorded("principal", restore_role=True))
    assert restoring(desired, observed) == Need(Fact.RESTORE_ROLE, (grants[0],))
    left = replace(observed, restore_roles=dict.fromkeys(grants, True))
    plan = restoring(desired, left)
    assert isinstance(plan, Plan) and plan.ready and plan.step == RevokeRole(grants[0])
    gone = restoring(desired, replace(observed, restore_roles=dict.fromkeys(grants, False)))
    assert isinstance(gone, Plan) and gone.ready and gone.step is None
    for kept in (restoring(desired, replace(left, is_role_needed=True)),
                 restoring(restoring_vault(roleAssignments="Preassigned"), left)):  # fmt: skip
        assert isinstance(kept, Plan) and kept.step is None


def test_the_role_for_restores_is_in_status_until_it_is_revoked() -> None:
    observed = replace(READY, groups={**READY.groups, RESTORING: AzureGroup("westeurope")})
    desired, recorded = restoring_vault(), Recorded("principal", restore_role=True)
    grant = restore_grants(desired, observed)[0]

    def told(seen: VaultSeen, of: vault_desired.Desired = desired) -> object:
        plan = restoring(of, seen)
        assert isinstance(plan, Plan)
        return vault_status.build_status(resource(vault()), of, seen, plan, NOW).restore_role

    assert told(observed) is None
    assert told(replace(observed, is_restoring=True, is_role_needed=True)) is True
    assert told(replace(observed, recorded=recorded, restore_roles={grant: True})) is True
    assert told(replace(observed, recorded=recorded, restore_roles={grant: False})) is None
    assert told(replace(observed, is_restoring=True), restoring_vault(roleAssignments="Preassigned")) is None
    leaving = restoring_vault(deleting=True, deletionPolicy="Delete")
    gone = replace(KNOWN, recorded=recorded, grants={GRANT: False})
    assert decide(leaving, gone, NOW) == Need(Fact.ROLE_GRANT, (grant,))
