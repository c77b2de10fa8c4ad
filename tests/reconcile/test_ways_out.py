"""A deletion that Azure holds up says what blocks it, who unblocks it, and how the object can go all the same."""

from __future__ import annotations

import pytest

from harness.objects import SUBSCRIPTION, policy, vault
from world.team import Team
from world.world import World

ABANDON = "azdiskbackup.io/abandon-in-azure"


async def protected(shop: Team, **spec: str) -> str:
    await shop.apply(vault("open", access={"deletionNamespaces": {}}), policy("open", "open"))
    await shop.until("DiskBackupPolicy", "open", "Ready")
    shop.make_claim()
    await shop.protect(policy="open", **spec)
    await shop.until("ProtectedDisk", "data", "Ready")
    return shop.instance()


@pytest.mark.parametrize("deletion", ["Retain", "Suspend", "Delete"])
@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("AuthorizationFailed", 403, "AccessDenied"),
        ("ScopeLocked", 409, "ResourceLocked"),
        ("RequestDisallowedByPolicy", 403, "DeniedByAzurePolicy"),
        ("SomethingNobodyKnows", 400, "Refused"),
    ],
)
async def test_an_object_that_cannot_go_says_how_it_can(
    world: World, shop: Team, deletion: str, code: str, status: int, reason: str
) -> None:
    instance = await protected(shop, deletionPolicy=deletion)
    route = {"Retain": "stopProtection", "Suspend": "suspendBackups", "Delete": "delete"}[deletion]
    world.azure.plant(f"backupInstances.{route}", status=status, code=code, message="It is not allowed.", times=1000)
    await shop.delete("ProtectedDisk", "data")
    await world.advance(hours=2)
    ready = shop.condition("ProtectedDisk", "data", "Ready")
    uid = shop.get("ProtectedDisk", "data")["metadata"]["uid"]
    assert (ready["status"], ready["reason"]) == ("False", reason) and "It is not allowed" in ready["message"]
    command = f"kubectl annotate protecteddisk data -n {shop.namespace} {ABANDON}={uid}"
    assert ready["message"].endswith(command)
    # Any other value lets nothing go.
    await shop.patch("ProtectedDisk", "data", {"metadata": {"annotations": {ABANDON: "true"}}})
    await world.advance(hours=1)
    assert shop.exists("ProtectedDisk", "data")
    since = world.azure.request_count()
    await shop.patch("ProtectedDisk", "data", {"metadata": {"annotations": {ABANDON: uid}}})
    assert not shop.exists("ProtectedDisk", "data")
    assert not world.writes(since)
    assert shop.portal("GET", instance)["properties"]["currentProtectionState"] == "ProtectionConfigured"
    told = [each for each in shop.full_events("ProtectedDisk", "data") if each["reason"] == "LeftInAzure"]
    assert [each["type"] for each in told] == ["Warning"] and instance in told[0]["note"]
    assert world.operator.engine.state().abandoned == {("ProtectedDisk", shop.namespace, "data"): 1}


async def test_the_annotation_alone_ends_nothing(world: World, shop: Team) -> None:
    await protected(shop)
    uid = shop.get("ProtectedDisk", "data")["metadata"]["uid"]
    since = world.azure.request_count()
    await shop.patch("ProtectedDisk", "data", {"metadata": {"annotations": {ABANDON: uid}}})
    await world.advance(hours=1)
    assert shop.condition("ProtectedDisk", "data", "Ready")["status"] == "True" and not world.writes(since)


async def test_vaults_and_policies_can_go_too(world: World, shop: Team) -> None:
    await protected(shop)
    for kind, reason in (("BackupVault", "InUse"), ("DiskBackupPolicy", "InUse")):
        await shop.delete(kind, "open")
        await world.advance(hours=1)
        ready = shop.condition(kind, "open", "Ready")
        assert ready["reason"] == reason and f"kubectl annotate {kind.lower()} open {ABANDON}=" in ready["message"]
    for kind in ("BackupVault", "DiskBackupPolicy"):
        uid = shop.get(kind, "open")["metadata"]["uid"]
        since = world.azure.request_count()
        await shop.patch(kind, "open", {"metadata": {"annotations": {ABANDON: uid}}})
        assert not shop.exists(kind, "open") and not world.writes(since)


@pytest.mark.parametrize(("code", "status"), [("ScopeLocked", 409), ("AuthorizationFailed", 403)])
async def test_a_role_assignment_that_cannot_be_revoked_holds_up_nobody(
    world: World, shop: Team, code: str, status: int
) -> None:
    """The backups were dealt with before, and a right that is left does no harm; it is told."""
    await protected(shop, deletionPolicy="Delete")
    world.azure.plant("roleAssignments.delete", status=status, code=code, message="It is not allowed.", times=1000)
    since = world.azure.request_count()
    await shop.delete("ProtectedDisk", "data")
    await shop.gone("ProtectedDisk", "data")
    assert world.writes(since) == ["backupInstances.delete", "roleAssignments.delete"]
    told = [each for each in shop.full_events("ProtectedDisk", "data") if each["reason"] == "LeftInAzure"]
    assert len(told) == 1 and "Disk Backup Reader" in told[0]["note"] and "It is not allowed" in told[0]["note"]


@pytest.mark.parametrize(
    ("deletion", "action", "by_hand"),
    [
        ("Retain", "stopProtection", "stop backups and retain data"),
        ("Suspend", "suspendBackups", "suspend backups"),
        ("Delete", "", "delete it"),
    ],
)
async def test_a_resource_guard_is_for_somebody_else_to_pass(
    world: World, shop: Team, deletion: str, action: str, by_hand: str
) -> None:
    instance = await protected(shop, deletionPolicy=deletion)
    vault_id = instance.split("/backupInstances/")[0]
    guard = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/guards/providers/Microsoft.DataProtection/resourceGuards/g"
    world.azure.turn("guard", vault=vault_id, guard=guard)
    await world.passes(lambda: shop.get("BackupVault", "open")["status"].get("resourceGuard"), "it is seen")
    await shop.delete("ProtectedDisk", "data")
    ready = await shop.until("ProtectedDisk", "data", "Ready", "False", "ProtectedByResourceGuard")
    assert f"in the Azure portal and {by_hand}. The operator continues automatically." in ready["message"]
    assert ABANDON in ready["message"] and instance.rsplit("/", 1)[1] in ready["message"]
    assert shop.condition("ProtectedDisk", "data", "Stalled")["status"] == "True"
    # Somebody with the guard's approval does it.
    world.azure.turn("guard", vault=vault_id)
    shop.portal("POST", f"{instance}/{action}", {}) if action else shop.portal("DELETE", instance)
    world.azure.turn("guard", vault=vault_id, guard=guard)
    await shop.gone("ProtectedDisk", "data")


async def test_an_immutable_vault_keeps_what_is_to_be_deleted(world: World, shop: Team) -> None:
    spec = {"access": {"namespaces": {}, "deletionNamespaces": {}}, "immutability": "Unlocked"}
    await shop.apply(vault("stone", **spec), policy("stone", "stone"))
    await shop.until("DiskBackupPolicy", "stone", "Ready")
    shop.make_claim()
    await shop.protect(policy="stone", deletionPolicy="Delete")
    await shop.until("ProtectedDisk", "data", "Ready")
    world.azure.turn("immutable", items=True)
    await shop.delete("ProtectedDisk", "data")
    ready = await shop.until("ProtectedDisk", "data", "Ready", "False", "VaultImmutable")
    assert "`deletionPolicy: Retain`" in ready["message"] and ABANDON in ready["message"]
    await shop.patch("ProtectedDisk", "data", {"spec": {"deletionPolicy": "Retain"}})
    await shop.gone("ProtectedDisk", "data")
