"""Keeps what metrics tell of the objects as the cache has them."""

from __future__ import annotations

from azdiskbackup.core.disk_restore import summary as restores
from azdiskbackup.core.objects.policy_view import PolicyView, policy_view
from azdiskbackup.core.objects.recorded import recorded_count
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.core.protected_disk.summary import summary
from azdiskbackup.core.rules import reasons
from azdiskbackup.engine.cache import Cache, Key, Raw
from azdiskbackup.observability.object_metrics import ObjectMetrics, Usable
from azdiskbackup.reconcilers.watch.indices import DISKS_BY_POLICY

_TOLD = ("BackupVault", "DiskBackupPolicy", "DiskProtectionRule", "ProtectedDisk", "DiskRestore")


class MetricsFeed:
    """Listens to the cache.

    Args:
        cache: what is watched.
        fleet: takes what is told.
    """

    def __init__(self, cache: Cache, fleet: ObjectMetrics) -> None:
        self._cache = cache
        self._fleet = fleet
        # A policy is read once for all of its disks.
        self._policies: dict[str, PolicyView | None] = {}

    def load(self) -> None:
        """Take what the cache has, and listen from now on."""
        self._cache.listen(self._changed, known=_TOLD)

    def _changed(self, key: Key, before: Raw | None, after: Raw | None) -> None:
        match key.kind:
            case "BackupVault":
                self._keep(self._fleet.vaults, key, after)
            case "DiskBackupPolicy":
                self._keep(self._fleet.policies, key, after)
                view = policy_view(Resource(after)) if after is not None else None
                self._policy(key.name, view if isinstance(view, PolicyView) else None)
            case "DiskProtectionRule":
                self._keep(self._fleet.rules, key, after)
            case "ProtectedDisk":
                self._disk(key, after)
            case "DiskRestore":
                self._restore(key, after)

    def _policy(self, name: str, view: PolicyView | None) -> None:
        known = self._policies.pop(name, None)
        if view is not None:
            self._policies[name] = view
        if _seen(known) != _seen(view):
            for disk in self._cache.find(DISKS_BY_POLICY, name):
                self._disk(disk, self._cache.get(disk))

    def _disk(self, key: Key, raw: Raw | None) -> None:
        place = key.namespace, key.name
        if raw is None:
            self._fleet.disks.pop(place, None)
            return
        resource = Resource(raw)
        self._fleet.disks[place] = summary(resource, self._policies.get(resource.spec["policyRef"]["name"]))

    def _restore(self, key: Key, raw: Raw | None) -> None:
        place = key.namespace, key.name
        if raw is None:
            self._fleet.restores.pop(place, None)
        else:
            self._fleet.restores[place] = restores.summary(Resource(raw))

    @staticmethod
    def _keep(usables: dict[str, Usable], key: Key, raw: Raw | None) -> None:
        if raw is None:
            usables.pop(key.name, None)
            return
        resource = Resource(raw)
        ready = resource.condition(reasons.READY)
        vault = str(resource.spec.get("vaultRef", {}).get("name", ""))
        orphaned = recorded_count(resource, "orphanedBackupInstances")
        usables[key.name] = Usable(ready.get("status") == "True", str(ready.get("reason", "")), vault, orphaned)


def _seen(policy: PolicyView | None) -> object:
    """What of a policy its disks' summaries tell; its status alone may be written with each of them."""
    return (policy.vault, policy.id, policy.in_force, policy.schedule) if policy is not None else None
