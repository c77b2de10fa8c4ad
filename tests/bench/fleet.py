"""A cluster with many claims, and the disks behind them in the simulator."""

from __future__ import annotations

import time
from datetime import timedelta

from harness import objects
from harness.objects import DISK_GROUP, LOCATION, SNAPSHOT_GROUP, SUBSCRIPTION, VAULT_GROUP, Json
from harness.stack import Stack

NAMESPACES = 50
_OURS = "/apis/azdiskbackup.io/v1alpha1"
_STEP = timedelta(minutes=15)


class FleetError(RuntimeError):
    """The fleet did not become what it should."""


class Fleet:
    """So many claims in 50 namespaces, each bound to a disk; one vault and one policy for all of them."""

    def __init__(self, stack: Stack, size: int, namespaces: int = NAMESPACES) -> None:
        self.stack = stack
        self.size = size
        self.places = [(f"team-{number % namespaces}", f"data-{number}") for number in range(size)]

    # --- what a platform team did before ------------------------------------------------------------

    def make(self) -> None:
        """Make the cloud, the namespaces, disks, volumes and claims, and wait until they are bound."""
        azure, plane = self.stack.azure, self.stack.plane
        azure.seed(
            subscriptions=[SUBSCRIPTION],
            groups=[
                {"subscription": SUBSCRIPTION, "name": name, "location": LOCATION}
                for name in (VAULT_GROUP, SNAPSHOT_GROUP, DISK_GROUP)
            ],
        )
        azure.seed(
            disks=[
                {"subscription": SUBSCRIPTION, "group": DISK_GROUP, "name": name, "location": LOCATION}
                for _, name in self.places
            ]
        )
        plane.apply(*(objects.namespace(name) for name in sorted({namespace for namespace, _ in self.places})))
        for namespace, name in self.places:
            handle = objects.disk_id(name)
            self._create("/api/v1/persistentvolumes", objects.volume(name, handle, name, namespace))
            claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
            self._create(claims, objects.claim(name, name, namespace))
        deadline = time.monotonic() + 600
        while not all(each["status"].get("phase") == "Bound" for each in self._claims()):
            if time.monotonic() > deadline:
                raise FleetError("the claims are not bound after ten minutes")
            # Real time, on purpose: Kubernetes binds them. `kubectl wait` looks at one after the other.
            time.sleep(1)

    def _claims(self) -> list[Json]:
        found: list[Json] = self.stack.plane.read("/api/v1/persistentvolumeclaims")["items"]
        return found

    def make_policy(self) -> None:
        """Make the vault and the policy, and wait until they can be used."""
        self.stack.plane.apply(objects.vault("demo", access={"diskIDNamespaces": {}}), objects.policy("gold", "demo"))
        path = f"{_OURS}/diskbackuppolicies/gold"
        for _ in range(60):
            self.stack.azure.settle()
            if _ready(self.stack.plane.read(path)):
                return
            self.stack.azure.step(_STEP)
        raise FleetError("the policy is not ready")

    # --- what teams do --------------------------------------------------------------------------------

    def protect(self, first: int = 0, last: int | None = None) -> None:
        """Create a ProtectedDisk for each claim, as fast as the API server takes them."""
        for namespace, name in self.places[first:last]:
            path = f"{_OURS}/namespaces/{namespace}/protecteddisks"
            self._create(path, objects.disk(name, namespace, name, "gold"))

    def back_up(self, first: int = 0, last: int | None = None) -> None:
        """Create an OnDemandBackup for each disk."""
        for namespace, name in self.places[first:last]:
            path = f"{_OURS}/namespaces/{namespace}/ondemandbackups"
            self._create(path, objects.backup(f"now-{name}", namespace, name))

    def _create(self, path: str, what: Json) -> None:
        status, answer = self.stack.plane.request("POST", path, what)
        if status != 201:
            raise FleetError(f"{path}: {answer.get('message')}")

    # --- what can be seen -------------------------------------------------------------------------------

    def disks(self) -> list[Json]:
        """Return all ProtectedDisks."""
        found: list[Json] = self.stack.plane.read(f"{_OURS}/protecteddisks")["items"]
        return found

    def backups(self) -> list[Json]:
        """Return all OnDemandBackups."""
        found: list[Json] = self.stack.plane.read(f"{_OURS}/ondemandbackups")["items"]
        return found

    def ready(self) -> int:
        """Return how many disks are Ready."""
        return sum(map(_ready, self.disks()))

    def until_ready(self, within: timedelta, tell: object = None) -> None:
        """Let virtual time pass until every disk is Ready."""
        azure = self.stack.azure
        deadline = azure.now + within
        azure.settle()
        pause = timedelta(seconds=30)
        while (count := self.ready()) < self.size:
            if azure.now >= deadline:
                raise FleetError(f"{count} of {self.size} disks are Ready after {within} of virtual time")
            if callable(tell):
                tell(count)
            azure.advance(seconds=pause.total_seconds())
            # Rarer with time: to look costs a list of all objects.
            pause = min(pause * 1.2, timedelta(minutes=5))


def condition(raw: Json, type_: str) -> Json:
    """Return a condition of an object, empty if there is none."""
    return next((each for each in raw.get("status", {}).get("conditions", []) if each["type"] == type_), {})


def _ready(raw: Json) -> bool:
    return condition(raw, "Ready").get("status") == "True"
