"""Nonsense in a status, from somebody who may write it: it is gone after the next look, and stops nothing."""

from __future__ import annotations

from typing import Any

import pytest

from harness.objects import SUBSCRIPTION
from world.team import Team
from world.world import World

NO_DISK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/x"
FORGED: dict[str, dict[str, Any]] = {
    "end-of-time": {"activeSince": "9999-12-31T23:59:59Z"},
    "beginning-of-time": {"activeSince": "0001-01-01T00:00:00+14:00"},
    "to-come": {"activeSince": "2199-01-01T00:00:00Z", "lastSuccessfulBackupTime": "2199-01-01T00:00:00Z"},
    "last-backup": {"lastSuccessfulBackupTime": "9999-12-31T23:59:59Z"},
    "points": {"restorePoints": {"count": 3, "newest": "9999-12-31T23:59:59Z", "observedTime": "9999-12-31T23:59:59Z"}},
    "no-id": {"backupInstanceID": "nonsense", "policyID": "nonsense", "disk": {"id": "nonsense"}},
    "other-things": {"backupInstanceID": NO_DISK, "policyID": NO_DISK, "disk": {"id": NO_DISK}},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=list(FORGED))
@pytest.mark.parametrize("restarts", [False, True], ids=["lives", "restarts"])
async def test_nonsense_in_the_status_of_a_disk(
    world: World, shop: Team, forged: dict[str, Any], restarts: bool
) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    before = shop.get("ProtectedDisk", "data")["status"]
    if restarts:
        await world.kill_operator()
    await shop.patch("ProtectedDisk", "data", {"status": forged}, "status")
    if restarts:
        await world.start_operator()
    await world.advance(hours=1)
    await shop.after_the_next_backup()
    after = shop.get("ProtectedDisk", "data")["status"]
    assert "nonsense" not in str(after) and NO_DISK not in str(after)
    assert all(year not in str(after) for year in ("9999-", "0001-", "2199-"))
    assert shop.condition("ProtectedDisk", "data", "Ready")["status"] == "True"
    assert shop.condition("ProtectedDisk", "data", "BackupHealthy")["status"] == "True"
    assert after["backupInstanceID"] == before["backupInstanceID"] and after["disk"] == before["disk"]


@pytest.mark.parametrize("known", ["nonsense", NO_DISK], ids=["no-id", "other-thing"])
async def test_nonsense_in_the_status_of_a_vault_and_a_policy(world: World, shop: Team, known: str) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    await world.kill_operator()
    await shop.patch("BackupVault", "demo", {"status": {"vaultID": known, "principalID": "' or 1 eq 1"}}, "status")
    await shop.patch("DiskBackupPolicy", "gold", {"status": {"policyID": known, "predecessors": ["x"]}}, "status")
    await world.start_operator()
    await world.advance(minutes=30)
    for kind, name in (("BackupVault", "demo"), ("DiskBackupPolicy", "gold"), ("ProtectedDisk", "data")):
        assert shop.condition(kind, name, "Ready")["status"] == "True"
        assert known not in str(shop.get(kind, name)["status"])


async def test_nonsense_in_the_status_of_a_backup_that_runs(world: World, shop: Team) -> None:
    shop.make_claim()
    await shop.protect()
    await shop.until("ProtectedDisk", "data", "Ready")
    await shop.after_the_next_backup()
    since = world.azure.request_count()
    await shop.back_up()
    await shop.until("OnDemandBackup", "now", "Succeeded", "Unknown", "InProgress")
    await world.kill_operator()
    await shop.patch("OnDemandBackup", "now", {"status": {"jobID": "/../nonsense"}}, "status")
    await world.start_operator()
    await shop.until("OnDemandBackup", "now", "Succeeded")
    assert world.calls(since).count("backupInstances.backup") == 1, "its job is found again"
