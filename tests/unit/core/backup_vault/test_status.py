"""What the status of a vault says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azdiskbackup.core.backup_vault import desired as vault_desired
from azdiskbackup.core.backup_vault import status as vault_status
from azdiskbackup.core.backup_vault.observed import Recorded, read_recorded
from azdiskbackup.core.identity.arm_ids import ResourceGroupId
from azdiskbackup.core.objects.resource import Invalid
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.core.rules import reasons
from harness.objects import SECOND_SUBSCRIPTION, SUBSCRIPTION, vault
from unit.core.backup_vault.vault_world import NEW, NOW, READY, VAULT_ID, make_plan, resource, wanted_vault


def test_status_of_a_vault() -> None:
    desired = wanted_vault()
    found = vault_status.build_status(resource(vault()), desired, READY, make_plan(desired, READY, NOW), NOW)
    assert (found.vault_id, found.principal_id, found.observed_generation) == (str(VAULT_ID), "principal", 3)
    assert [each.type for each in found.conditions][-1] == "Ready"
    assert read_recorded(resource(vault(), **found.to_wire())) == Recorded("principal", True, ("principal",))
    blind = vault_status.build_status(
        resource(vault(), **found.to_wire()), desired, NEW, make_plan(desired, NEW, NOW), NOW
    )
    assert blind.vault_id == found.vault_id, "what was known stays until Azure says otherwise"


def test_a_vault_seen_from_outside() -> None:
    groups = [{"name": "a"}, {"name": "b", "subscriptionID": SECOND_SUBSCRIPTION}]
    fresh = vault_view(resource(vault(snapshotResourceGroups=groups)))
    assert isinstance(fresh, VaultView) and fresh.id is None and not fresh.ready and fresh.not_ready_reason
    ready = {"type": "Ready", "status": "True"}
    known = vault_view(resource(vault(snapshotResourceGroups=groups), vaultID=str(VAULT_ID), conditions=[ready]))
    assert isinstance(known, VaultView) and known.ready and known.id == VAULT_ID
    assert known.snapshot_group_for(SUBSCRIPTION.upper()) == ResourceGroupId(SUBSCRIPTION, "a")
    assert known.snapshot_group_for("another") is None
    assert isinstance(vault_view(resource(vault(location=1))), Invalid)
    assert isinstance(vault_desired.read_desired(resource(vault(location=1)), SUBSCRIPTION, "cluster-1"), Invalid)


def test_a_vault_says_that_it_is_listed_only_while_it_is() -> None:
    def conditions(degraded_reason: str | None) -> list[str]:
        observed = replace(READY, degraded_reason=degraded_reason)
        desired = wanted_vault()
        found = vault_status.build_status(resource(vault()), desired, observed, make_plan(desired, observed, NOW), NOW)
        return [each.type for each in found.conditions]

    assert reasons.RESOURCE_GRAPH_UNAVAILABLE in conditions("Resource Graph is behind.")
    assert reasons.RESOURCE_GRAPH_UNAVAILABLE not in conditions(None)


@pytest.mark.parametrize(
    ("orphaned", "is_swept", "told"),
    [(2, True, 2), (2, False, 2), (0, True, 0), (None, True, 5), (None, False, None)],
    ids=["counted", "without a disk", "none", "not swept yet", "nothing is swept"],
)
def test_orphans_are_told_as_far_as_they_are_known(orphaned: int | None, is_swept: bool, told: int | None) -> None:
    desired, observed = wanted_vault(), replace(READY, orphaned=orphaned, is_swept=is_swept)
    before = resource(vault(), orphanedBackupInstances=5)
    found = vault_status.build_status(before, desired, observed, make_plan(desired, observed, NOW), NOW)
    assert found.orphaned_backup_instances == told
