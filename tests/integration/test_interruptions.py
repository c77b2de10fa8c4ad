"""Killed at any moment, the operator or Azure: the next life looks, and goes on. More in tests/reconcile."""

import pytest

from harness.stack import Stack
from harness.tenant import Tenant


def backups(stack: Stack, since: int, uid: str) -> int:
    """Return how many backups were asked for on behalf of an object."""
    sent = stack.azure.requests(since)
    return sum(each.route == "backupInstances.backup" and each.client_request_id == uid for each in sent)


@pytest.mark.parametrize(("moment", "how"), [("backupInstances.put", "killed"), ("backupInstances.backup", "stopped")])
def test_interrupted_at_any_moment_of_the_way(stack: Stack, shop: Tenant, gold: str, moment: str, how: str) -> None:
    shop.make_claim()
    since = len(stack.azure.requests())
    shop.protect()
    shop.back_up()
    uid = shop.get("ondemandbackup", "now")["metadata"]["uid"]
    shop.passes(lambda: stack.azure.counts(since)[moment], f"{moment} was sent")
    if how == "stopped":
        assert stack.stop_operator() == 0
    else:
        stack.kill_operator()
    stack.start_operator()
    shop.until("ondemandbackup", "now", "Succeeded")
    shop.until("protecteddisk", "data", "Ready")
    assert backups(stack, since, uid) == 1
    sent = [each.route for each in stack.azure.requests(since) if f"{shop.namespace}-data-0" in each.path]
    assert sent.count("backupInstances.put") == 1
    assert sent.count("roleAssignments.put") == 1


def test_azure_killed_keeps_its_state(stack: Stack, shop: Tenant, gold: str) -> None:
    shop.make_claim()
    shop.protect()
    shop.until("protecteddisk", "data", "Ready")
    assert stack.stop_operator() == 0
    now = stack.azure.now
    stack.kill_simulator()
    stack.start_simulator()
    stack.start_operator()
    assert stack.azure.now >= now
    stack.azure.advance(minutes=30)
    assert shop.condition("protecteddisk", "data", "Ready")["status"] == "True"
