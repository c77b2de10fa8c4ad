"""PVCs that a rule selects and does not protect: each says why."""

from __future__ import annotations

from harness import objects
from reconcile.rule_world import (
    CLAIM,
    DISK,
    NAME,
    RULE,
    enforce,
    made,
    make,
    numbers,
    protected,
    skipped,
    status,
)
from world.admission import Webhook
from world.team import Team
from world.world import World


async def test_what_is_skipped_and_why(world: World, shop: Team) -> None:
    make(shop, "data-0")
    shop._send("POST", shop._path(CLAIM), objects.claim("unbound", "nothing", shop.namespace))
    shop.make_claim("files", driver="file.csi.azure.com")
    shop.make_claim("shared")
    volume = shop.get(CLAIM, "shared")["spec"]["volumeName"]
    attributes = {"spec": {"csi": {"volumeAttributes": {"maxShares": "3"}}}}
    await shop.patch("PersistentVolume", volume, attributes)
    make(shop, "copy", **{"app.kubernetes.io/created-by": "volsync"})
    for name, owner in (("scratch", "Pod"), ("prime-1", CLAIM)):
        make(shop, name)
        reference = {"apiVersion": "v1", "kind": owner, "name": "x", "uid": "x"}
        await shop.patch(CLAIM, name, {"metadata": {"ownerReferences": [reference]}})
    make(shop, "taken")
    await shop.apply(objects.disk("taken", shop.namespace, "another"))
    await enforce(shop)
    assert made(shop) == ["data-0"]
    assert skipped(shop) == {
        "EphemeralVolume": 1,
        "NameTaken": 1,
        "NotAnAzureDisk": 1,
        "SharedDisk": 1,
        "TemporaryClaim": 2,
        "WaitingForVolume": 1,
    }
    examples = {each["reason"]: each["examples"] for each in status(shop)["skipped"]}
    assert examples["SharedDisk"] == [f"{shop.namespace}/shared"]


async def test_young_ones_wait(world: World, shop: Team) -> None:
    make(shop, "data-0")
    await enforce(shop, minAgeMinutes=60)
    await world.advance(minutes=50)
    assert made(shop) == [] and skipped(shop) == {"TooYoung": 1}
    await world.advance(minutes=10)
    assert made(shop) == ["data-0"]


async def test_a_namespace_that_the_vault_does_not_serve(world: World, shop: Team) -> None:
    await shop.apply(objects.vault(access={"namespaces": {"matchLabels": {"backup": "yes"}}}))
    make(shop, "data-0")
    await enforce(shop)
    assert made(shop) == [] and skipped(shop) == {"NamespaceNotAllowed": 1}
    await shop.label_namespace(backup="yes")
    await protected(shop, "data-0")
    # That the vault serves it no more stops no backup.
    await enforce(shop, whenUnselected="Stop")
    await shop.label_namespace(backup=None)
    await world.advance(hours=2)
    assert shop.get(DISK, "data-0")["spec"]["protection"] == "Active" and status(shop)["kept"] == 1


async def test_a_policy_of_another_region(world: World, shop: Team) -> None:
    for name in ("data-0", "data-1", "data-2"):
        shop.make_claim(name, location="northeurope")
    await enforce(shop, maxNewPerHour=2)
    await world.advance(hours=3)
    assert len(made(shop)) == 2
    accepted = shop.condition(RULE, NAME, "PolicyAccepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "RegionMismatch")
    assert shop.condition(RULE, NAME, "Stalled")["status"] == "True"


async def test_a_policy_that_does_not_exist_yet(world: World, shop: Team) -> None:
    make(shop, "data-0")
    await enforce(shop, policy="silver")
    assert shop.condition(RULE, NAME, "PolicyAccepted")["reason"] == "PolicyNotFound" and made(shop) == []
    await shop.apply(objects.policy("silver"))
    await protected(shop, "data-0")


async def test_a_policy_of_another_vault_moves_no_disk(world: World, shop: Team) -> None:
    await shop.apply(objects.vault("other", azureName="Other"), objects.policy("silver", "other"))
    await shop.until("DiskBackupPolicy", "silver", "Ready")
    make(shop, "data-0", "data-1")
    await enforce(shop, maxNewPerHour=1)
    await protected(shop, *made(shop))
    await enforce(shop, policy="silver")
    await protected(shop, "data-0", "data-1")
    policies = sorted(each["spec"]["policyRef"]["name"] for each in world.every(DISK, shop.namespace))
    assert policies == ["gold", "silver"]
    await world.advance(minutes=5)
    assert numbers(shop) == (2, 2, 0)


async def test_at_most_so_many(world: World, shop: Team) -> None:
    make(shop, "data-0", "data-1")
    await enforce(shop, maxProtected=1)
    await world.advance(minutes=5)
    assert len(made(shop)) == 1
    ready = shop.condition(RULE, NAME, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "MaxProtectedReached")
    await enforce(shop, maxProtected=2)
    await protected(shop, "data-0", "data-1")


async def test_what_admission_refuses_keeps_no_other_one_from_its_turn(world: World, shop: Team) -> None:
    make(shop, "data-0", "data-1")
    other = await world.team()
    make(other, "data-0")
    world.server.admission.deny(Webhook("deny.example.com", "no backups here", DISK, other.namespace))
    await enforce(shop)
    await protected(shop, "data-0", "data-1")
    await world.advance(minutes=3)
    assert made(other) == [] and skipped(shop) == {"AdmissionDenied": 1}
    assert "no backups here" in other.full_events(CLAIM, "data-0")[0]["note"]
    world.server.admission.allow("deny.example.com")
    await protected(other, "data-0")


async def test_system_namespaces_are_selected_by_their_names_alone(world: World, shop: Team) -> None:
    system = Team(world, "kube-system")
    make(system, "data-0")
    await enforce(shop)
    assert made(system) == [] and numbers(shop) == (0, 0, 0)
    await system.label_namespace(**{"kubernetes.io/metadata.name": "kube-system"})
    await enforce(shop, namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}})
    await protected(system, "data-0")
