"""What protection costs in calls to Azure and writes to Kubernetes: counted like behaviour."""

import pytest

from harness.stack import OPERATOR_USER, Stack
from harness.tenant import Tenant

DISKS = 4


@pytest.fixture
def fast_rights(stack: Stack, shop: Tenant) -> object:
    stack.azure.knobs(role_propagation=0)
    yield None
    stack.azure.knobs(role_propagation=600)


@pytest.mark.usefixtures("fast_rights")
def test_calls_from_apply_to_protected_and_silence_afterwards(stack: Stack, shop: Tenant, gold: str) -> None:
    azure, plane = stack.azure, stack.plane
    claims = [f"data-{i}" for i in range(DISKS)]
    for claim in claims:
        shop.make_claim(claim)
    # The vault's right on the snapshot group works by then, and no backup falls into what is counted.
    shop.after_the_next_backup(gold)
    start = len(azure.requests())
    for claim in claims:
        shop.protect(claim, claim, gold)
    for claim in claims:
        shop.until("protecteddisk", claim, "Ready")

    sent = azure.requests(start)
    assert sum(each.route == "operations.status" for each in sent) == DISKS, "one look at each validation"
    for claim in claims:
        name = f"{shop.namespace}-{claim}"
        mine = [each for each in sent if name in each.path]
        # A validation and its operation are on the vault, and name the disk in the body only.
        validations = [each for each in sent if each.route == "backupVaults.validateForBackup"]
        assert sum(name in str(each.body) for each in validations) == 1
        calls = len(mine) + 2
        writes = sum(each.writes for each in mine) + 1
        assert calls <= 8 and writes == 3, [f"{each.time} {each.route}" for each in mine]

    written = [entry for entry in plane.audit(OPERATOR_USER) if entry.is_write and entry.namespace == shop.namespace]
    assert len(written) <= 8 * DISKS
    for claim in claims:
        assert sum(entry.name == claim for entry in written) <= 8

    count, requests = _writes(stack), len(azure.requests())
    azure.advance(minutes=10)
    assert _writes(stack) == count, "a steady cluster causes no writes"
    assert not [each for each in azure.requests(requests) if each.writes]


def _writes(stack: Stack) -> int:
    # The Lease is renewed whatever there is to do.
    return sum(entry.is_write and entry.resource != "leases" for entry in stack.plane.audit(OPERATOR_USER))
