"""Killed at every write to Azure, before it is handled and before its answer arrives: the end is always the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from harness.objects import policy, vault
from world.team import Team
from world.world import World

MOST = 40
# How the simulator's log shows a request that gets no answer.
HELD = -2


class Assassin:
    """Kills the operator as soon as one of its writes gets no answer, and starts it again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.killed_at: list[str] = []
        world.passes = self._until  # type: ignore[method-assign] # whoever waits in this world waits so

    async def _until(self, holds: Callable[[], object], what: str, within: timedelta = timedelta(hours=3)) -> None:
        end = self._world.clock.now() + within
        await self._world.settle()
        await self._kill()
        while not holds():
            assert self._world.clock.now() < end, f"{what}: not within {within}: {self._world.all_says()}"
            # Sooner than the operator gives up by itself.
            await self._world.advance(seconds=5)
            await self._kill()

    async def _kill(self) -> None:
        if not self._world.azure.held:
            return
        self.killed_at.append([each.route for each in self._world.azure.requests() if each.status == HELD][-1])
        await self._world.kill_operator()
        await self._world.start_operator()


def instances_of(shop: Team, vault_name: str, disk: str) -> list[dict[str, Any]]:
    vault_id = shop.get("BackupVault", vault_name)["status"]["vaultID"]
    found = shop.portal("GET", f"{vault_id}/backupInstances")["value"]
    return [each for each in found if each["properties"]["dataSourceInfo"]["resourceID"].endswith(f"/{disk}")]


def assignments(shop: Team, vault_name: str, scope: str) -> int:
    return len(shop.assignments(scope, shop.get("BackupVault", vault_name)["status"]["principalID"]))


def jobs_of(shop: Team, instance: str) -> list[str]:
    found = shop.portal("GET", instance.rsplit("/backupInstances", 1)[0] + "/backupJobs")["value"]
    mine = [each["properties"] for each in found if each["properties"]["backupInstanceId"] == instance]
    return [each["activityID"] for each in mine if each["isUserTriggered"]]


async def main_story(shop: Team, number: int) -> None:
    """From nothing to a protected disk and a finished backup."""
    name, claim = f"{shop.namespace}-{number}", f"data-{number}"
    handle = shop.make_claim(claim)
    await shop.apply(vault(name), policy(name, name))
    await shop.protect(claim, claim, name)
    await shop.back_up(f"now-{number}", claim)
    await shop.until("OnDemandBackup", f"now-{number}", "Succeeded")
    await shop.until("ProtectedDisk", claim, "Ready")
    found = instances_of(shop, name, handle.split("/")[-1])
    assert len(found) == 1
    uid = shop.get("OnDemandBackup", f"now-{number}")["metadata"]["uid"]
    assert jobs_of(shop, found[0]["id"]) == [uid], "one backup, and the object's own"
    assert assignments(shop, name, handle) == 1
    snapshots = handle.split("/providers")[0].replace("disks-rg", "snapshots-rg")
    assert assignments(shop, name, snapshots) == 1
    await shop.delete("OnDemandBackup", f"now-{number}")
    await shop.delete("ProtectedDisk", claim)
    await shop.gone("ProtectedDisk", claim)


async def prepared(shop: Team, name: str, **spec: Any) -> str:
    """Protect a disk by a vault and a policy of the story's own; return the disk's id."""
    await shop.apply(vault(name, access={"deletionNamespaces": {}}), policy(name, name))
    handle = shop.make_claim()
    await shop.protect(policy=name, **spec)
    await shop.until("ProtectedDisk", "data", "Ready")
    return handle


async def edit_story(shop: Team, number: int) -> None:
    """A policy is edited, its disk moves, the predecessor is deleted."""
    name = f"{shop.namespace}-edit"
    if number == 0:
        await prepared(shop, name)
    await shop.apply(policy(name, name, retention={"default": {"days": 8 + number}}))
    vault_id = shop.get("BackupVault", name)["status"]["vaultID"]

    def one_is_left() -> bool:
        found = [each["id"] for each in shop.portal("GET", f"{vault_id}/backupPolicies")["value"]]
        status = shop.get("ProtectedDisk", "data")["status"]
        known = shop.get("DiskBackupPolicy", name)["status"]
        return found == [status.get("policyID")] == [known.get("policyID")] and "predecessors" not in known

    await shop.world.passes(one_is_left, "the disk has moved, and one policy is left")
    await shop.until("ProtectedDisk", "data", "Ready")
    body = shop.portal("GET", f"{vault_id}/backupPolicies")["value"][0]
    assert f"P{8 + number}D" in str(body), "it is the desired one"
    assert len(instances_of(shop, name, f"{shop.namespace}-data-0")) == 1


async def soft_story(shop: Team, number: int) -> None:
    """Backups are soft-deleted, the role is revoked; the disk is protected again, and its backups are undeleted."""
    name = f"{shop.namespace}-soft"
    if number == 0:
        await prepared(shop, name, deletionPolicy="Delete")
    handle = shop.get("ProtectedDisk", "data")["status"]["disk"]["id"]
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert not instances_of(shop, name, handle.split("/")[-1])
    assert assignments(shop, name, handle) == 0, "no assignment is left over"
    await shop.protect(policy=name, deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "Ready")
    assert len(instances_of(shop, name, handle.split("/")[-1])) == 1
    assert assignments(shop, name, handle) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before it is handled", "before its answer arrives"])
@pytest.mark.parametrize("story", [main_story, edit_story, soft_story], ids=lambda each: each.__name__)
async def test_killed_at_every_write(
    world: World,
    record_property: Callable[[str, object], None],
    story: Callable[[Team, int], Awaitable[None]],
    after: bool,
) -> None:
    world.azure.knobs(role_propagation=0)
    assassin, shop = Assassin(world), await world.team()
    if story is not main_story:
        await story(shop, 0)
    killed: list[str] = []
    for number in range(1, MOST):
        world.azure.clear_faults()
        world.azure.plant("^(?!tokens)", writes=True, skip=number - 1, status=HELD, after=after)
        assassin.killed_at.clear()
        await story(shop, number)
        if not assassin.killed_at:
            break
        killed += assassin.killed_at
    else:
        raise AssertionError(f"the story has more than {MOST} writes")
    world.azure.clear_faults()
    assert len(killed) >= 3, "there were writes to be killed at"
    where = "before its answer arrived" if after else "before it was handled"
    result = f"{len(killed)} of {len(killed)} ended the same"
    record_property("told", f"{story.__doc__} Killed at each write, {where}: {result} ({', '.join(killed)}).")
