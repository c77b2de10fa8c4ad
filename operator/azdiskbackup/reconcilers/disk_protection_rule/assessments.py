"""What rules mean for each PVC, kept up to date by what changes: an event costs what it touches, not the cluster."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from azdiskbackup.core.disk_protection_rule.assessment import (
    Assessment,
    Refusal,
    Surroundings,
    after_refusal,
    assess,
    assess_previewed,
    assess_without_claim,
    surroundings,
)
from azdiskbackup.core.disk_protection_rule.claim import Claim, read_claim
from azdiskbackup.core.disk_protection_rule.disk_view import DiskView, disk_view
from azdiskbackup.core.disk_protection_rule.observed import Claims, Target
from azdiskbackup.core.disk_protection_rule.rule_view import RuleBook, RuleView, rule_book, rule_view
from azdiskbackup.core.objects.policy_view import PolicyView, policy_view
from azdiskbackup.core.objects.pvc import ClaimedDisk
from azdiskbackup.core.objects.resource import Invalid, Resource
from azdiskbackup.core.objects.vault_view import VaultView, vault_view
from azdiskbackup.engine.cache import Cache, Index, Key, Raw
from azdiskbackup.engine.clock import Clock
from azdiskbackup.reconcilers.disk_protection_rule.tallies import Place, Tallies
from azdiskbackup.reconcilers.watch.indices import (
    CLAIMS_BY_NAMESPACE,
    CLAIMS_BY_VOLUME,
    DISKS_BY_AZURE_ID,
    DISKS_BY_CLAIM,
    DISKS_BY_NAMESPACE,
    VOLUMES_BY_DISK,
    place,
)
from azdiskbackup.turns import let_others_work

ASSESSMENT = Key("Assessment", "", "all")
# Between two of these others may work.
_AT_ONCE = 20
# Any number of objects may name a PVC: so many of them say enough.
_ENOUGH = 8
# Many PVCs that change at the same time are one pass of a rule.
_TOGETHER = timedelta(seconds=2)


class Assessments:
    """Listens to the cache, and wakes the rules whose numbers have changed.

    Args:
        cache: what is watched.
        clock: what time it is.
        enqueue: has a key looked at, at a time.
    """

    def __init__(self, cache: Cache, clock: Clock, enqueue: Callable[[Key, datetime], None]) -> None:
        self._cache = cache
        self._clock = clock
        self._enqueue = enqueue
        self._book = RuleBook()
        self._changed_places: dict[Place, None] = {}
        self._due: list[tuple[datetime, Place]] = []
        self._refusals: dict[Place, Refusal] = {}
        # The rules whose ProtectedDisks were deleted, by PVC.
        self._deleted: dict[Place, str] = {}
        self.tallies = Tallies()

    def load(self) -> None:
        """Look at everything once, and listen from now on."""
        self._read_rules()
        self._cache.listen(self._on_change)

    # --- what changes -------------------------------------------------------------------------------

    def _on_change(self, key: Key, before: Raw | None, after: Raw | None) -> None:
        match key.kind:
            case "PersistentVolumeClaim":
                self._touch([Place(key.namespace, key.name)])
            case "PersistentVolume":
                self._touch(self._of_volume(key.name))
            case "ProtectedDisk":
                self._on_disk(before, after)
            case "Namespace" if _labels(before) != _labels(after):
                self._touch(self._in_namespace(key.name))
            case "DiskProtectionRule" if _asked(before) != _asked(after):
                self._refusals.clear()
                self._read_rules()
            case "DiskBackupPolicy" if _vault_of(before) != _vault_of(after):
                self._read_rules()
            case "BackupVault" if _served(before) != _served(after):
                self._read_rules()

    def _on_disk(self, before: Raw | None, after: Raw | None) -> None:
        old = disk_view(Resource(before)) if before is not None else None
        new = disk_view(Resource(after)) if after is not None else None
        if old == new:
            return
        for view, raw in ((old, before), (new, after)):
            if view is not None and raw is not None:
                about = Place(view.namespace, view.claim)
                self._refusals.pop(about, None)
                # One that holds the name of another PVC, and those that stand for its disk.
                self._touch([about, Place(view.namespace, view.name), *self._of_disk(raw)])
        if old is not None and new is None and old.rule is not None:
            self._deleted[Place(old.namespace, old.claim)] = old.rule

    def _touch(self, places: list[Place]) -> None:
        self._changed_places.update(dict.fromkeys(places))
        self._enqueue(ASSESSMENT, self._clock.now())

    def _of_volume(self, name: str) -> list[Place]:
        return [Place(key.namespace, key.name) for key in self._cache.find(CLAIMS_BY_VOLUME, name)]

    def _of_disk(self, raw: Raw) -> Iterator[Place]:
        for disk in DISKS_BY_AZURE_ID.values(raw):
            for volume in self._cache.find(VOLUMES_BY_DISK, disk):
                yield from self._of_volume(volume.name)

    def _in_namespace(self, name: str) -> list[Place]:
        claims = [Place(key.namespace, key.name) for key in self._cache.find(CLAIMS_BY_NAMESPACE, name)]
        disks = [disk_view(Resource(raw)) for raw in self._cache.read(DISKS_BY_NAMESPACE, name)]
        return [*claims, *(Place(view.namespace, view.claim) for view in disks)]

    # --- rules --------------------------------------------------------------------------------------

    def _read_rules(self) -> None:
        """Read all rules, and have each PVC compared with them."""
        self._book = rule_book(self._rules())
        disks = (disk_view(Resource(raw)) for raw in map(self._cache.get, self._cache.keys("ProtectedDisk")) if raw)
        claims = {Place(key.namespace, key.name) for key in self._cache.keys("PersistentVolumeClaim")}
        self._touch(sorted(claims | {Place(view.namespace, view.claim) for view in disks} | {*self.tallies.places()}))

    def _rules(self) -> Iterator[RuleView]:
        for raw in map(self._cache.get, self._cache.keys("DiskProtectionRule")):
            view = rule_view(Resource(raw), self.vault_of) if raw is not None else None
            if view is not None:
                yield view

    def policy_of(self, name: str) -> PolicyView | Invalid | None:
        """Return a policy; None if there is none."""
        raw = self._cache.get(Key("DiskBackupPolicy", "", name))
        return policy_view(Resource(raw)) if raw is not None else None

    def vault_of(self, policy: str) -> VaultView | Invalid | None:
        """Return the vault of a policy; None if there is none."""
        found = self.policy_of(policy)
        raw = self._cache.get(Key("BackupVault", "", found.vault)) if isinstance(found, PolicyView) else None
        return vault_view(Resource(raw)) if raw is not None else None

    # --- assessing ----------------------------------------------------------------------------------

    async def reconcile(self, key: Key) -> datetime | None:
        """Assess what has changed, or whose time has come; return when to come back."""
        await self.settle()
        return self._due[0][0] if self._due else None

    async def settle(self) -> None:
        """Assess what has changed, a few PVCs at a time."""
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            self._changed_places[heapq.heappop(self._due)[1]] = None
        changed: set[str] = set()
        while self._changed_places:
            for each in list(islice(self._changed_places, _AT_ONCE)):
                del self._changed_places[each]
                found = self._assess(each, now)
                rules = self.tallies.put(each, found)
                changed |= rules
                for assessment in found:
                    # What has not changed waits already.
                    if rules and assessment.due is not None:
                        heapq.heappush(self._due, (assessment.due, each))
            if self._changed_places:
                await let_others_work()
        for rule in sorted(changed & self._book.by_name.keys()):
            self._enqueue(Key("DiskProtectionRule", "", rule), now + _TOGETHER)

    def _assess(self, about: Place, now: datetime) -> tuple[Assessment, ...]:
        views = self._disks_of(about)
        claim = self.claim(about)
        if claim is None:
            if not views:
                self._refusals.pop(about, None)
            self._deleted.pop(about, None)
            found = (assess_without_claim(view, self._book, now) for view in views)
            refusal = self._refusals.get(about)
            return tuple(after_refusal(each, refusal, "", now) for each in found if each is not None)[:1]
        around = self._surroundings(claim, views)
        return assess(claim, around, self._book, now), *assess_previewed(claim, around, self._book, now)

    def claim(self, about: Place) -> Claim | None:
        """Return a PVC; None if it is gone."""
        raw = self._cache.get(Key("PersistentVolumeClaim", *about))
        if raw is None:
            return None
        volume = raw["spec"].get("volumeName")
        return read_claim(
            raw,
            self._cache.get(Key("Namespace", "", about.namespace)),
            self._cache.get(Key("PersistentVolume", "", volume)) if volume else None,
        )

    def _disks_of(self, about: Place) -> list[DiskView]:
        return self._some(DISKS_BY_CLAIM, place(*about))

    def _some(self, index: Index, value: str) -> list[DiskView]:
        return [disk_view(Resource(raw)) for raw in islice(self._cache.read(index, value), _ENOUGH)]

    def _surroundings(self, claim: Claim, views: list[DiskView]) -> Surroundings:
        about = Place(claim.namespace, claim.name)
        source = claim.source
        same = self._some(DISKS_BY_AZURE_ID, str(source.id).lower()) if isinstance(source, ClaimedDisk) else []
        named = self._cache.get(Key("ProtectedDisk", *about))
        holder = disk_view(Resource(named)) if named is not None else None
        return surroundings(claim, views, same, holder, self._refusals.get(about))

    # --- for the passes of rules --------------------------------------------------------------------

    def claims_of(self, rule: str) -> Claims:
        """Return what there is of a rule."""
        tally = self.tallies.of(rule)
        return Claims(
            counts=tally.counts(),
            examples=tally.examples(),
            next={
                action: self._target(*next(iter(places.items()))) for action, places in tally.to_do.items() if places
            },
            actions={action: len(places) for action, places in tally.to_do.items()},
            withdrawn=tally.withdrawn(),
        )

    def _target(self, about: Place, assessment: Assessment) -> Target:
        claim = self.claim(about)
        view = next((each for each in self._disks_of(about) if each.name == assessment.disk), None)
        changes = claim is not None and view is not None and view.has_changed_disk
        return Target(
            namespace=about.namespace,
            claim=about.name,
            uid=claim.uid if claim is not None else "",
            disk=assessment.disk,
            assessment=assessment,
            follows=claim.uid if changes and claim is not None else None,
        )

    def refuse(self, target: Target, refusal: Refusal) -> None:
        """Take note that something was refused: others go first for a while."""
        about = Place(target.namespace, target.claim)
        self._refusals[about] = refusal
        self._touch([about])

    def tries(self, target: Target) -> int:
        """Return how often in a row something was refused for a PVC."""
        known = self._refusals.get(Place(target.namespace, target.claim))
        return known.tries if known is not None and known.uid == target.uid else 0

    def was_deleted(self, target: Target) -> bool:
        """Return, once, whether the ProtectedDisk of a PVC that its rule makes again was deleted."""
        return self._deleted.pop(Place(target.namespace, target.claim), None) is not None


def _labels(raw: Raw | None) -> object:
    return (raw["metadata"].get("labels"), raw["metadata"].get("deletionTimestamp")) if raw is not None else None


def _asked(raw: Raw | None) -> object:
    """What of a rule decides about PVCs: not what a person acknowledges."""
    if raw is None:
        return None
    metadata = raw["metadata"]
    return metadata["uid"], metadata.get("generation"), metadata.get("deletionTimestamp")


def _vault_of(raw: Raw | None) -> object:
    return raw["spec"].get("vaultRef") if raw is not None else None


def _served(raw: Raw | None) -> object:
    # One that serves all namespaces is not one that is not there.
    return (raw["spec"].get("access"),) if raw is not None else None
