"""What the end of a vault is decided by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azdiskbackup.core.backup_vault import desired as vault_desired
from azdiskbackup.core.backup_vault.observed import Observed as VaultSeen
from azdiskbackup.core.backup_vault.steps import (
    DeleteVault,
    RevokeRole,
    UpdateVault,
)
from azdiskbackup.core.objects.azure import AzureInstance
from azdiskbackup.core.rules import reasons
from unit.core.backup_vault.vault_world import (
    DENIED,
    EXISTS,
    GRANT,
    KNOWN,
    LEAVING,
    NEW,
    NOW,
    OURS,
    VAULT_ID,
    make_plan,
    wanted_vault,
)

SOFT_DELETED = AzureInstance(
    VAULT_ID.child("backupInstances", "d"), "disk", "policy", None, "SoftDeleted", soft_deleted_until=NOW
)


@pytest.mark.parametrize(
    ("desired", "observed", "step"),
    [
        (LEAVING, replace(OURS, instances=0, deleted=()), DeleteVault),
        # Nothing says that this object ever kept it: neither a finalizer nor its status proves that.
        (LEAVING, replace(EXISTS, instances=0, deleted=(), grants={GRANT: True}), None),
        (LEAVING, replace(KNOWN, grants={GRANT: True}), RevokeRole),
        (LEAVING, replace(KNOWN, grants={GRANT: False}), None),
        (wanted_vault(deleting=True), VaultSeen((), 0), None),
    ],
)
def test_the_way_out_of_a_vault(desired: vault_desired.Desired, observed: VaultSeen, step: type | None) -> None:
    found = make_plan(desired, observed, NOW)
    assert found.step is None if step is None else isinstance(found.step, step)
    # Nobody waits for a setting.
    assert found.ready is (step in (UpdateVault, None))


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        (VaultSeen(("gold",), 1), reasons.IN_USE),
        (replace(NEW, vault=DENIED), "AccessDenied"),
        (replace(OURS, instances=DENIED), "AccessDenied"),
        (replace(OURS, instances=2), reasons.IN_USE),
        (replace(OURS, instances=0, deleted=DENIED), "AccessDenied"),
        (replace(OURS, instances=0, deleted=(SOFT_DELETED,)), reasons.BLOCKED_BY_SOFT_DELETE),
        (replace(KNOWN, grants={GRANT: DENIED}), "AccessDenied"),
    ],
)
def test_what_keeps_a_vault_from_going(observed: VaultSeen, reason: str) -> None:
    found = make_plan(LEAVING, observed, NOW)
    assert (found.verdict.reason, found.step) == (reason, None)
