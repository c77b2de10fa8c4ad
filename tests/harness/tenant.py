"""A team in a namespace: what it applies, and what it sees while time passes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from azure_simulator.client import Simulator
from controlplane.plane import KubectlError
from harness import objects
from harness.objects import Json
from harness.processes import wait_for
from harness.stack import Stack

# No further at once: what the API server tells is on its way in real time, and nothing may be due meanwhile.
_STEP = timedelta(minutes=5)
_OURS = "/apis/azdiskbackup.io/v1alpha1"
_CLUSTER_KINDS = {
    "backupvault": "backupvaults",
    "diskbackuppolicy": "diskbackuppolicies",
    "diskprotectionrule": "diskprotectionrules",
}
_KINDS = {
    "protecteddisk": "protecteddisks",
    "ondemandbackup": "ondemandbackups",
    "diskrestore": "diskrestores",
}


class Tenant:
    """A namespace, with disks in it."""

    def __init__(self, stack: Stack, namespace: str) -> None:
        self.stack = stack
        self.namespace = namespace
        self._cluster_objects: dict[tuple[str, str], None] = {}
        self._claims: set[str] = set()

    @property
    def azure(self) -> Simulator:
        return self.stack.azure

    def create(self, **labels: str) -> None:
        self.apply(objects.namespace(self.namespace, **labels))

    def clear(self) -> None:
        """Delete what the tenant applied and wait, in virtual time, until it is gone; Azure keeps the backups."""
        for kind in reversed(_KINDS):
            self.stack.plane.delete(self._path(kind))
        for kind in _KINDS:
            for each in self.every(kind):
                self._end_is_seen(kind, each["metadata"]["name"])
            self.passes(lambda kind=kind: not self.every(kind), f"every {kind} is gone")  # type: ignore[misc]
        # The vault last: nobody lets it go while a policy refers to it.
        for kind, name in sorted(self._cluster_objects, reverse=True):
            if name in {each["metadata"]["name"] for each in self.every(kind)}:
                with contextlib.suppress(KubectlError):
                    # It may be on its way out, and gone by now.
                    self.stack.plane.patch(f"{self._path(kind)}/{name}", {"spec": {"deletionPolicy": "Retain"}})
                    self.stack.plane.delete(f"{self._path(kind)}/{name}")
                self.gone(kind, name)

    # --- what it does -------------------------------------------------------------------------------

    def kubectl(self, *arguments: str) -> str:
        return self.stack.plane.kubectl(*arguments, "-n", self.namespace)

    def apply(self, *wanted: Json) -> None:
        """Apply objects, and wait in real time until the operator has seen those that are ours."""
        self.stack.plane.apply(*wanted)
        for each in wanted:
            if each["apiVersion"] == objects.API_VERSION:
                kind, name = each["kind"].lower(), each["metadata"]["name"]
                if kind in _CLUSTER_KINDS:
                    self._cluster_objects[kind, name] = None
                self.seen(kind, name)

    def seen(self, kind: str, name: str) -> None:
        """Wait in real time until the operator has looked at the newest spec of an object."""
        generation = self.get(kind, name)["metadata"]["generation"]

        def holds() -> bool:
            return bool(self.get(kind, name).get("status", {}).get("observedGeneration") == generation)

        self.really(holds, f"the operator sees {kind}/{name}")

    def make_claim(
        self,
        name: str = "data-0",
        *,
        subscription: str = objects.SUBSCRIPTION,
        location: str = objects.LOCATION,
        driver: str = "disk.csi.azure.com",
        size: int = 32,
    ) -> str:
        """Make a disk in Azure, its volume and its bound claim, as the CSI driver would; return the disk's id."""
        disk = f"{self.namespace}-{name}"
        self.azure.seed(
            disks=[
                {
                    "subscription": subscription,
                    "group": objects.DISK_GROUP,
                    "name": disk,
                    "location": location,
                    "sizeGiB": size,
                }
            ]
        )
        handle = objects.disk_id(disk, subscription)
        self.bind(name, disk, handle, driver)
        return handle

    def bind(self, claim: str, volume: str, handle: str, driver: str = "disk.csi.azure.com") -> None:
        """Make a volume for a disk and a claim for the volume, and wait until the real controllers bind them."""
        self.stack.plane.apply(
            objects.volume(volume, handle, claim, self.namespace, driver),
            objects.claim(claim, volume, self.namespace),
        )
        path = f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/{claim}"
        self.really(lambda: self.stack.plane.read(path)["status"]["phase"] == "Bound", f"{claim} is bound")
        self._claims.add(claim)

    def protect(self, name: str = "data", claim: str = "data-0", policy: str = "gold", **spec: Any) -> None:
        self.apply(objects.disk(name, self.namespace, claim, policy, **spec))
        if claim in self._claims:
            # The watches of a life that has just begun may be slower than time, which does not wait for them.
            self.really(lambda: self._reason(name) != "PersistentVolumeClaimNotFound", f"the operator sees {claim}")

    def _reason(self, name: str) -> str:
        return str(self.condition("protecteddisk", name, "Ready").get("reason"))

    def back_up(self, name: str = "now", disk: str = "data", **spec: Any) -> None:
        self.apply(objects.backup(name, self.namespace, disk, **spec))

    def restore(self, name: str = "back", disk: str = "data", **spec: Any) -> None:
        self.apply(objects.restore(name, self.namespace, disk, **spec))

    # --- what it sees -------------------------------------------------------------------------------

    def get(self, kind: str, name: str) -> Json:
        return self.stack.plane.read(f"{self._path(kind)}/{name}")

    def every(self, kind: str) -> list[Json]:
        found: list[Json] = self.stack.plane.read(self._path(kind))["items"]
        return found

    def _path(self, kind: str) -> str:
        if kind in _CLUSTER_KINDS:
            return f"{_OURS}/{_CLUSTER_KINDS[kind]}"
        return f"{_OURS}/namespaces/{self.namespace}/{_KINDS[kind]}"

    def condition(self, kind: str, name: str, type_: str) -> Json:
        """Return a condition, empty if there is none."""
        conditions = self.get(kind, name).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == type_), {})

    def says(self, kind: str, name: str) -> str:
        """Return the message of Ready."""
        return str(self.condition(kind, name, "Ready").get("message", ""))

    def instance(self, name: str = "data") -> str:
        """Return the ARM id of the backup instance of a disk."""
        return str(self.get("protecteddisk", name)["status"]["backupInstanceID"])

    def assignments(self, scope: str, principal: str) -> list[str]:
        """Return the ids of the role assignments of an identity at a scope, not above it and not below."""
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
        query = f"?$filter=principalId%20eq%20'{principal}'&api-version=2022-04-01"
        found = self.azure.arm("GET", path + query)["value"]
        return [each["id"] for each in found if each["properties"]["scope"].lower() == scope.lower()]

    def portal(self, method: str, path: str, body: Any = None, version: str = "2025-07-01") -> Any:
        """Do something in Azure by hand, as an owner of the subscription in the portal."""
        return self.azure.arm(method, f"{path}?api-version={version}", body)

    def protect_by_hand(self, name: str, handle: str, vault_id: str, policy_id: str, tags: Json) -> str:
        """Protect a disk as another tool would, under a name of its own; return the id of the instance."""
        instance = f"{vault_id}/backupInstances/{name}"
        self.portal("PUT", instance, objects.instance_by_hand(name, handle, policy_id, tags))
        self.azure.advance(minutes=2)
        return instance

    def passes(self, holds: Callable[[], object], what: str, within: timedelta = timedelta(hours=3)) -> None:
        """Let virtual time pass, from one due moment to the next, until something holds."""
        deadline = self.azure.now + within
        self.azure.settle()
        while not holds():
            if self.azure.now >= deadline:
                raise AssertionError(f"{what}: not within {within} of virtual time: {self._all_says()}")
            self.azure.step(_STEP)

    def _all_says(self) -> list[str]:
        """Return what the objects say, for somebody who wonders why a test waits."""
        return [
            f"{kind}/{each['metadata']['name']}: {self.says(kind, each['metadata']['name'])[:300]}"
            for kind in (*_CLUSTER_KINDS, *_KINDS)
            for each in self.every(kind)
        ]

    def after_the_next_backup(self, policy: str = "gold") -> None:
        """Let time pass until ten minutes after the next scheduled backup: nothing is scheduled for a while then."""
        due = datetime.fromisoformat(self.get("diskbackuppolicy", policy)["status"]["nextBackupTime"])
        self.azure.advance(seconds=(due - self.azure.now).total_seconds() + 600)

    def rests(self) -> None:
        """Assert a steady state: in more than an hour without a backup, no write to Azure and none to our objects."""
        policies = [each for each in self.every("diskbackuppolicy") if each.get("status", {}).get("nextBackupTime")]
        if policies:
            # Those that outlive a test have one schedule.
            self.after_the_next_backup(policies[0]["metadata"]["name"])
        self.azure.advance(minutes=25)
        since = len(self.azure.requests())
        self.says_the_same(minutes=70)
        written = self.stack.writes(since)
        assert not written, f"Azure was written to: {written}"

    def says_the_same(self, minutes: float) -> None:
        """Assert that no object of ours is written to for a time: whoever watches it sleeps on."""
        before = self._versions()
        self.azure.advance(minutes=minutes)
        changed = self._versions() - before
        assert not changed, f"written without need: {changed}: {self._all_says()}"

    def _versions(self) -> set[tuple[str, str, str]]:
        return {
            (kind, each["metadata"]["name"], each["metadata"]["resourceVersion"])
            for kind in (*_CLUSTER_KINDS, *_KINDS)
            for each in self.every(kind)
        }

    def until(
        self,
        kind: str,
        name: str,
        type_: str,
        status: str = "True",
        reason: str | None = None,
        within: timedelta = timedelta(hours=3),
    ) -> Json:
        """Let virtual time pass until a condition is as wanted; return it."""
        last: Json = {}

        def holds() -> bool:
            nonlocal last
            last = self.condition(kind, name, type_)
            return last.get("status") == status and reason in (None, last.get("reason"))

        try:
            self.passes(holds, f"{kind}/{name} {type_}={status} {reason or ''}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {json.dumps(last)}") from None
        return last

    def gone(self, kind: str, name: str, within: timedelta = timedelta(hours=3)) -> None:
        """Let virtual time pass until an object is gone."""

        def holds() -> bool:
            return name not in {each["metadata"]["name"] for each in self.every(kind)}

        self._end_is_seen(kind, name)
        self.passes(holds, f"{kind}/{name} is gone", within)

    def _end_is_seen(self, kind: str, name: str) -> None:
        """Wait in real time until the operator has seen that an object is to go; virtual time would not wait for it."""

        def holds() -> bool:
            found = next((each for each in self.every(kind) if each["metadata"]["name"] == name), None)
            if found is None or not found["metadata"].get("deletionTimestamp"):
                return True
            # A deletion is a new generation.
            return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])

        self.really(holds, f"the operator sees that {kind}/{name} is to go")

    def really(self, holds: Callable[[], object], what: str) -> None:
        """Wait in real time for something that no virtual clock drives."""
        wait_for(holds, what)

    def events(self, kind: str, name: str) -> list[tuple[str, str]]:
        """Return type and reason of the events of an object, in their order."""
        return [(each["type"], each["reason"]) for each in self.full_events(kind, name)]

    def full_events(self, kind: str, name: str) -> list[Json]:
        """Return the events of an object, in their order."""
        found = self.stack.plane.read("/apis/events.k8s.io/v1/events")["items"]
        mine = [
            each
            for each in found
            if (each["regarding"].get("kind", "").lower(), each["regarding"].get("name")) == (kind, name)
            and each["regarding"].get("namespace", self.namespace) == self.namespace
        ]
        return sorted(mine, key=lambda each: str(each["eventTime"]))
