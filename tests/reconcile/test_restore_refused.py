"""A restore that cannot be, as it is asked for: said before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from harness import objects
from harness.objects import SUBSCRIPTION
from reconcile.restore_world import backed_up, ended, restore, restored_disks, verdict
from reconcile.test_restore import before
from world.admission import Webhook
from world.team import Team
from world.world import World

# --- what a person got wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vault", "condition", "reason", "says"),
    [
        ({"access": {"restoreNamespaces": None}}, "SourceResolved", "NamespaceNotAllowed", "access.restoreNamespaces"),
        ({"restoreResourceGroups": None}, "AccessGranted", "TargetGroupNotConfigured", "restoreResourceGroups"),
    ],
)
async def test_a_vault_that_does_not_restore(
    world: World, shop: Team, vault: dict[str, Any], condition: str, reason: str, says: str
) -> None:
    await backed_up(shop, **vault)
    since = world.azure.request_count()
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", condition, "False", reason)
    assert says in shop.says("DiskRestore", "back")
    assert not world.writes(since) and not shop.exists("PersistentVolumeClaim", "data-restored")
    await shop.patch("BackupVault", "demo", {"spec": {"restoreResourceGroups": [{"name": "restored-rg"}],
                                                      "access": {"restoreNamespaces": {}}}})  # fmt: skip
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_a_pvc_that_exists_is_never_touched(world: World, shop: Team) -> None:
    await backed_up(shop)
    known, since = before(shop), world.azure.request_count()
    wanted = objects.restore(namespace=shop.namespace, target={"persistentVolumeClaim": {"name": "data-0"}})
    await shop.apply(wanted)
    await shop.until("DiskRestore", "back", "VolumeBound", "False", "ClaimExists")
    await world.advance(hours=1)
    assert before(shop) == known and not world.writes(since)


async def test_a_quota_speaks_before_azure_does(world: World, shop: Team) -> None:
    await backed_up(shop)
    world.server.admission.limit(shop.namespace, persistentvolumeclaims="1")
    since = world.azure.request_count()
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "VolumeBound", "False", "NamespaceQuotaExceeded")
    assert "exceeded quota" in shop.says("DiskRestore", "back") and not world.writes(since)
    world.server.admission.limit(shop.namespace)
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_a_webhook_that_refuses_is_told_with_its_words(world: World, shop: Team) -> None:
    await backed_up(shop)
    world.server.admission.deny(Webhook("claims.example.com", "no PVC without the label owner"))
    since = world.azure.request_count()
    await shop.apply(objects.restore(namespace=shop.namespace))
    await shop.until("DiskRestore", "back", "VolumeBound", "False", "AdmissionDenied")
    assert "the label owner" in shop.says("DiskRestore", "back") and not world.writes(since)
    world.server.admission.allow("claims.example.com")
    await ended(shop)
    assert verdict(shop) == ("True", "Completed")


async def test_a_restore_waits_where_restores_are_switched_off_meanwhile(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace))
    await world.passes(lambda: shop.get("DiskRestore", "back").get("status", {}).get("jobID"), "the job runs")
    await world.stop_operator()
    await world.start_operator(restore_enabled=False)
    await shop.until("DiskRestore", "back", "VolumeBound", "False", "RestoresDisabled")
    (disk,) = restored_disks(shop)
    assert disk["name"] in shop.says("DiskRestore", "back") and len(world.every("PersistentVolume")) == 1
    assert shop.condition("DiskRestore", "back", "DiskRestored")["status"] == "True"
    await world.stop_operator()
    await world.start_operator()
    await ended(shop)
    assert verdict(shop) == ("True", "Completed") and [each["id"] for each in restored_disks(shop)] == [disk["id"]]


async def test_what_no_backup_holds_is_asked_for_where_the_source_is_gone(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.delete("PersistentVolumeClaim", "data-0")
    await shop.delete("PersistentVolume", f"{shop.namespace}-data-0")
    await restore(shop)
    assert verdict(shop) == ("False", "TargetUnderspecified")
    assert "fsType" in shop.says("DiskRestore", "back") and not restored_disks(shop)
    target = {"persistentVolumeClaim": {"name": "again", "fsType": "xfs", "storageClassName": "managed-csi"}}
    status = await restore(shop, "again", target=target)
    assert verdict(shop, "again") == ("True", "Completed")
    assert shop.get("PersistentVolume", status["persistentVolume"])["spec"]["csi"]["fsType"] == "xfs"


async def test_a_resource_guard_over_restores_is_told_in_azures_words(world: World, shop: Team) -> None:
    await backed_up(shop)
    guard = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/guards/providers/Microsoft.DataProtection/resourceGuards/g"
    world.azure.turn("guard", vault=shop.instance().split("/backupInstances/")[0], guard=guard, operations=["restore"])
    await restore(shop)
    assert verdict(shop) == ("False", "Refused") and not restored_disks(shop)
    assert shop.condition("DiskRestore", "back", "Validated")["status"] == "True", "only the request is guarded"
    assert "ResourceGuard Operation requestid is either null or empty." in shop.says("DiskRestore", "back")


async def test_an_id_that_no_restore_point_has(world: World, shop: Team) -> None:
    await backed_up(shop)
    await shop.apply(objects.restore(namespace=shop.namespace, restorePoint={"id": "nothing"}))
    await shop.until("DiskRestore", "back", "SourceResolved", "False", "NoRestorePoint")
    assert "'nothing'" in shop.says("DiskRestore", "back")


async def test_what_a_restore_of_manifests_brought_back_restores_nothing(world: World, shop: Team) -> None:
    await backed_up(shop)
    since = world.azure.request_count()
    wanted = objects.restore(namespace=shop.namespace)
    wanted["metadata"]["labels"] = {"velero.io/restore-name": "nightly"}
    await shop.apply(wanted)
    await ended(shop)
    assert verdict(shop) == ("False", "NotRepeated") and not world.writes(since)
    assert shop.condition("DiskRestore", "back", "Ready")["status"] == "True"
