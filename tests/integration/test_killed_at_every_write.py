"""SIGKILL at every write to Azure, before it is handled and before its answer arrives: the end is always the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from harness.objects import policy, vault
from harness.processes import wait_for
from harness.stack import Stack
from harness.tenant import Tenant

MOST = 40
# How the simulator's log shows a request that gets no answer.
HELD = -2


class Endangered(Tenant):
    """A tenant whose operator is killed as soon as one of its writes gets no answer."""

    def __init__(self, stack: Stack, namespace: str) -> None:
        super().__init__(stack, namespace)
        self.killed_at: list[str] = []

    def passes(self, holds: Callable[[], object], what: str, within: timedelta = timedelta(hours=3)) -> None:
        super().passes(lambda: self._kill() or holds(), what, within)

    def seen(self, kind: str, name: str) -> None:
        self.really(lambda: self._up_to_date(kind, name), f"{kind}/{name} is looked at")

    def really(self, holds: Callable[[], object], what: str) -> None:
        super().really(lambda: self._kill() or holds(), what)

    def _up_to_date(self, kind: str, name: str) -> bool:
        found = self.get(kind, name)
        return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])

    def _kill(self) -> None:
        if self.azure.held:
            self.killed_at.append([each.route for each in self.azure.requests() if each.status == HELD][-1])
            self.stack.kill_operator()
            wait_for(lambda: not self.azure.held, "the simulator has noticed that its client is gone")
            self.stack.start_operator()


def instances_of(shop: Tenant, vault_name: str, disk: str) -> list[dict[str, Any]]:
    vault_id = shop.get("backupvault", vault_name)["status"]["vaultID"]
    found = shop.portal("GET", f"{vault_id}/backupInstances")["value"]
    return [each for each in found if each["properties"]["dataSourceInfo"]["resourceID"].endswith(f"/{disk}")]


def assignments(shop: Tenant, vault_name: str, scope: str) -> int:
    return len(shop.assignments(scope, shop.get("backupvault", vault_name)["status"]["principalID"]))


def jobs_of(shop: Tenant, instance: str) -> list[str]:
    found = shop.portal("GET", instance.rsplit("/backupInstances", 1)[0] + "/backupJobs")["value"]
    mine = [each["properties"] for each in found if each["properties"]["backupInstanceId"] == instance]
    return [each["activityID"] for each in mine if each["isUserTriggered"]]


def main_story(shop: Endangered, number: int) -> None:
    """From nothing to a protected disk and a finished backup."""
    name, claim = f"{shop.namespace}-{number}", f"data-{number}"
    handle = shop.make_claim(claim)
    shop.apply(vault(name), policy(name, name))
    shop.protect(claim, claim, name)
    shop.back_up(f"now-{number}", claim)
    shop.until("ondemandbackup", f"now-{number}", "Succeeded")
    shop.until("protecteddisk", claim, "Ready")
    found = instances_of(shop, name, handle.split("/")[-1])
    assert len(found) == 1
    uid = shop.get("ondemandbackup", f"now-{number}")["metadata"]["uid"]
    assert jobs_of(shop, found[0]["id"]) == [uid], "one backup, and the object's own"
    assert assignments(shop, name, handle) == 1
    snapshots = handle.split("/providers")[0].replace("disks-rg", "snapshots-rg")
    assert assignments(shop, name, snapshots) == 1
    shop.clear()


def prepared(shop: Endangered, name: str, **spec: Any) -> str:
    """Protect a disk by a vault and a policy of the story's own; return the disk's id."""
    shop.apply(vault(name, access={"deletionNamespaces": {}}), policy(name, name))
    handle = shop.make_claim()
    shop.protect(policy=name, **spec)
    shop.until("protecteddisk", "data", "Ready")
    return handle


def edit_story(shop: Endangered, number: int) -> None:
    """A policy is edited, its disk moves, the predecessor goes."""
    name = f"{shop.namespace}-edit"
    if number == 0:
        prepared(shop, name)
    shop.apply(policy(name, name, retention={"default": {"days": 8 + number}}))
    vault_id = shop.get("backupvault", name)["status"]["vaultID"]

    def one_is_left() -> bool:
        found = [each["id"] for each in shop.portal("GET", f"{vault_id}/backupPolicies")["value"]]
        status = shop.get("protecteddisk", "data")["status"]
        known = shop.get("diskbackuppolicy", name)["status"]
        return found == [status.get("policyID")] == [known.get("policyID")] and "predecessors" not in known

    shop.passes(one_is_left, "the disk has moved, and one policy is left")
    shop.until("protecteddisk", "data", "Ready")
    body = shop.portal("GET", f"{vault_id}/backupPolicies")["value"][0]
    assert f"P{8 + number}D" in str(body), "it is the one that was wanted"
    assert len(instances_of(shop, name, f"{shop.namespace}-data-0")) == 1


def soft_story(shop: Endangered, number: int) -> None:
    """Backups are deleted, softly, the right is revoked; the disk is protected again, and brought back."""
    name = f"{shop.namespace}-soft"
    handle = prepared(shop, name, deletionPolicy="Delete") if number == 0 else shop.handle
    shop.handle = handle  # type: ignore[attr-defined]
    shop.kubectl("delete", "protecteddisk", "data", "--wait=false")
    shop.gone("protecteddisk", "data")
    assert not instances_of(shop, name, handle.split("/")[-1])
    assert assignments(shop, name, handle) == 0, "no assignment is left over"
    shop.protect(policy=name, deletionPolicy="Delete")
    shop.until("protecteddisk", "data", "Ready")
    assert len(instances_of(shop, name, handle.split("/")[-1])) == 1
    assert assignments(shop, name, handle) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before it is handled", "before its answer arrives"])
@pytest.mark.parametrize("story", [main_story, edit_story, soft_story], ids=lambda each: each.__name__)
def test_killed_at_every_write(
    stack: Stack, record_property: Callable[[str, object], None], story: Callable[[Endangered, int], None], after: bool
) -> None:
    stack.azure.clear_faults()
    stack.azure.knobs(role_propagation=0)
    if not stack.operator_runs:
        stack.start_operator()
    shop = Endangered(stack, f"{story.__name__.split('_')[0]}-{'late' if after else 'early'}")
    shop.create()
    try:
        if story is not main_story:
            story(shop, 0)
        killed: list[str] = []
        for number in range(1, MOST):
            stack.azure.clear_faults()
            stack.azure.plant("^(?!tokens)", writes=True, skip=number - 1, status=-2, after=after)
            shop.killed_at.clear()
            story(shop, number)
            if not shop.killed_at:
                break
            killed += shop.killed_at
        else:
            raise AssertionError(f"the story has more than {MOST} writes")
    finally:
        stack.azure.clear_faults()
        stack.azure.knobs(role_propagation=600)
    shop.clear()
    assert len(killed) >= 3, "there were writes to be killed at"
    where = "before its answer arrived" if after else "before it was handled"
    result = f"{len(killed)} of {len(killed)} ended the same"
    record_property("told", f"{story.__doc__} Killed at each write, {where}: {result} ({', '.join(killed)}).")
