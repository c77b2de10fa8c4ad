"""What DiskProtectionRules mean for PVCs, by the operator's own code and with what the caller may read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from azdiskbackup.core.disk_protection_rule.assessment import Assessment, Surroundings, assess, disk_of, surroundings
from azdiskbackup.core.disk_protection_rule.claim import Claim, read_claim
from azdiskbackup.core.disk_protection_rule.disk_view import DiskView, disk_view
from azdiskbackup.core.disk_protection_rule.rule_view import RuleBook, rule_book, rule_view
from azdiskbackup.core.identity.arm_ids import ArmId
from azdiskbackup.core.objects.policy_view import PolicyView, policy_view
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.kube.watched import NAMESPACE, VOLUME
from azdiskbackup.plugin.cluster.client import POLICIES, RULES, VAULTS, Cluster, gather_in_order, protected_of
from azdiskbackup.plugin.cluster.coverage import Volumes, volume_of

# Of a disk whose volume may not be read.
_UNSEEN = ArmId("", "", "Microsoft.Compute", ("disks", "unseen"))


class RulesOfCluster:
    """All rules, and what they are compared with.

    Attributes:
        book: the rules, in the order in which they decide.
        now: the time.

    Args:
        book: the rules.
        namespaces: the namespaces, by name.
        disks: all ProtectedDisks that the caller sees.
        now: the time.
    """

    def __init__(
        self, book: RuleBook, namespaces: Mapping[str, Resource], disks: Iterable[Resource], now: datetime
    ) -> None:
        self.book = book
        self.now = now
        self._namespaces = namespaces
        self._of_claim: dict[tuple[str, str], list[DiskView]] = defaultdict(list)
        self._of_disk: dict[str, list[DiskView]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], DiskView] = {}
        for disk in disks:
            view = disk_view(disk)
            self._of_claim[view.namespace, view.claim].append(view)
            self._by_name[view.namespace, view.name] = view
            for each in _disks_of(disk):
                self._of_disk[each].append(view)

    def assess(self, claim: Claim) -> Assessment:
        """Return what rules mean for a PVC."""
        return assess(claim, self.surroundings(claim), self.book, self.now)

    def surroundings(self, claim: Claim) -> Surroundings:
        """Return the ProtectedDisks that matter for a PVC."""
        about, source = (claim.namespace, claim.name), claim.source
        same = self._of_disk.get(str(source.id).lower(), []) if isinstance(source, ClaimedDisk) else []
        return surroundings(claim, self._of_claim.get(about, []), same, self._by_name.get(about))

    def read(self, claim: Resource, volumes: Volumes, volume: Resource | None) -> Claim:
        """Return a PVC as rules see it; a volume that may not be read is what the PVC's annotations say."""
        namespace = self._namespaces.get(claim.namespace)
        found = read_claim(
            claim.raw, namespace.raw if namespace is not None else None, volume.raw if volume is not None else None
        )
        of_azure, disk_id = volumes.disk_of(claim)
        if of_azure and disk_id is None:
            return replace(found, source=ClaimedDisk(_UNSEEN, volume_of(claim), claim.uid))
        return found

    def disk_of(self, claim: Claim) -> DiskView | None:
        """Return the ProtectedDisk of a PVC that counts; None if there is none."""
        return disk_of(self.surroundings(claim))


def _disks_of(disk: Resource) -> set[str]:
    """Return the disks that a ProtectedDisk names or protects, in lower case."""
    known, named = protected_of(disk), (disk.spec.get("source") or {}).get("diskID")
    return {str(named).lower()} if named else {known.disk_id} if known is not None else set()


async def rules_of(cluster: Cluster, disks: Iterable[Resource], *, is_noted: bool = True) -> RulesOfCluster | None:
    """Return the rules; None where the caller may not read them, or the labels of namespaces."""
    asked = (cluster.if_allowed(cluster.all(what), is_noted=is_noted) for what in (RULES, POLICIES, VAULTS, NAMESPACE))
    rules, policies, vaults, namespaces = await gather_in_order(*asked)
    if rules is None or namespaces is None:
        return None
    vault_of = {each.name: _vault(each, vaults or ()) for each in policies or ()}
    views = (view for each in rules if (view := rule_view(each, vault_of.get)) is not None)
    return RulesOfCluster(rule_book(views), {each.name: each for each in namespaces}, disks, cluster.now)


def _vault(policy: Resource, vaults: Iterable[Resource]) -> VaultView | None:
    view = policy_view(policy)
    named = view.vault if isinstance(view, PolicyView) else None
    found = next((vault_view(each) for each in vaults if each.name == named), None)
    return found if isinstance(found, VaultView) else None


async def volume_behind(cluster: Cluster, claim: Resource) -> tuple[Volumes, Resource | None]:
    """Return the volume of a PVC, if there is one and the caller may read it."""
    name = volume_of(claim)
    if not name:
        return Volumes([]), None
    found = await cluster.if_allowed(_one(cluster, name), is_noted=False)
    return (Volumes(found), next(iter(found), None)) if found is not None else (Volumes(None), None)


async def _one(cluster: Cluster, name: str) -> list[Resource]:
    found = await cluster.get_or_none(VOLUME, "", name)
    return [found] if found is not None else []
