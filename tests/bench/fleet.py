"""A cluster with many claims, and the disks behind them in the simulator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from azure_simulator.client import Sent
from harness import objects
from harness.objects import DISK_GROUP, LOCATION, RESTORE_GROUP, SUBSCRIPTION, Json
from harness.stack import Stack

Tell = Callable[[str], None]

NAMESPACES = 50
_OURS = "/apis/azdiskbackup.io/v1alpha1"
_STEP = timedelta(minutes=15)
# Of a vault whose disks may be restored.
RESTORES: Json = {
    "access": {"diskIDNamespaces": {}, "restoreNamespaces": {}},
    "restoreResourceGroups": [{"name": RESTORE_GROUP}],
}


class FleetError(RuntimeError):
    """The fleet did not become what it should."""


@dataclass(frozen=True)
class Layout:
    """Where the vaults and the disks of a fleet are: one after the other in each subscription, disks in each vault."""

    subscriptions: Sequence[str] = (SUBSCRIPTION,)
    vaults: int = 1

    def subscription(self, vault: int) -> str:
        """Return the subscription of a vault and of its disks."""
        return self.subscriptions[vault % len(self.subscriptions)]

    def disk_id(self, number: int, name: str) -> str:
        """Return the id of a disk of the fleet."""
        return objects.disk_id(name, self.subscription(number % self.vaults))


class Fleet:
    """So many claims in 50 namespaces, each bound to a disk; vaults, and a policy for each of them.

    Args:
        stack: where.
        size: how many.
        namespaces: in how many namespaces.
        others: further ones: namespace and name.
        layout: where in Azure.
    """

    def __init__(
        self,
        stack: Stack,
        size: int,
        namespaces: int = NAMESPACES,
        others: Iterable[tuple[str, str]] = (),
        layout: Layout = Layout(),
    ) -> None:
        self.stack = stack
        self.places = [(f"team-{number % namespaces}", f"data-{number}") for number in range(size)] + list(others)
        self.size = len(self.places)
        self.layout = layout
        self.vaults = ["demo", *(f"demo-{number}" for number in range(1, layout.vaults))]
        self.policies = ["gold", *(f"gold-{number}" for number in range(1, layout.vaults))]

    # --- what a platform team did before ------------------------------------------------------------

    def prepare(self, tell: Tell, **vault: Any) -> None:
        """Have all that is there before a team comes, the operator too, right after a backup.

        Args:
            tell: is told what takes long.
            vault: what else the vault's spec is to have.
        """
        azure = self.stack.azure
        azure.knobs(role_propagation=0)
        tell("making disks, volumes and claims")
        self.make()
        self.stack.start_operator()
        self.make_policy(**vault)
        self.to_after_a_backup(timedelta(minutes=1))
        # A new disk is not hurried by the first of the backups of those before it.
        azure.knobs(schedule_delay=0)

    def make(self) -> None:
        """Make the cloud, the namespaces, disks, volumes and claims, and wait until they are bound."""
        azure, plane = self.stack.azure, self.stack.plane
        azure.seed(
            subscriptions=list(self.layout.subscriptions),
            groups=objects.groups(*self.layout.subscriptions),
        )
        azure.seed(
            disks=[
                seed(name, self.layout.subscription(number % self.layout.vaults))
                for number, (_, name) in enumerate(self.places)
            ]
        )
        plane.apply(*(objects.namespace(name) for name in sorted({namespace for namespace, _ in self.places})))
        for number, (namespace, name) in enumerate(self.places):
            handle = self.layout.disk_id(number, name)
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

    def make_policy(self, **vault: Any) -> None:
        """Make vaults, with what else their specs are to have, and policies, and wait until they can be used."""
        vault.setdefault("access", {"diskIDNamespaces": {}})
        for number, (name, policy) in enumerate(zip(self.vaults, self.policies, strict=True)):
            where = self.layout.subscription(number)
            self.stack.plane.apply(objects.vault_in(where, name, **vault), objects.policy(policy, name))
        for _ in range(60):
            self.stack.azure.settle()
            if all(map(_ready, self._policies())):
                return
            self.stack.azure.step(_STEP)
        made = [*self.stack.plane.read(f"{_OURS}/backupvaults")["items"], *self._policies()]
        said = {each["metadata"]["name"]: condition(each, "Ready").get("message") for each in made if not _ready(each)}
        raise FleetError(f"vaults and policies are not ready: {said}")

    def _policies(self) -> list[Json]:
        found: list[Json] = self.stack.plane.read(f"{_OURS}/diskbackuppolicies")["items"]
        return found

    def without_point_since(self, when: datetime) -> int:
        """Return how many disks show no restore point since a time."""
        disks = self.stack.plane.read(f"{_OURS}/protecteddisks")["items"]
        newest = [(each.get("status", {}).get("restorePoints") or {}).get("newest", "") for each in disks]
        return sum(not each or datetime.fromisoformat(each) < when for each in newest)

    # --- time -------------------------------------------------------------------------------------------

    def next_backup(self) -> datetime:
        """Return when the next scheduled backups are due."""
        status = self.stack.plane.read(f"{_OURS}/diskbackuppolicies/gold")["status"]
        return datetime.fromisoformat(status["nextBackupTime"])

    def to_after_a_backup(self, span: timedelta) -> None:
        """Go to some time after the next scheduled backups."""
        self.let_pass(self.next_backup() + span - self.stack.azure.now)

    def let_pass(self, span: timedelta) -> None:
        """Let time pass, in steps that are short enough to be waited for."""
        end = self.stack.azure.now + span
        while (left := end - self.stack.azure.now) > timedelta():
            self.stack.azure.advance(seconds=min(left, timedelta(minutes=5)).total_seconds())

    # --- what teams do --------------------------------------------------------------------------------

    def protect(self, first: int = 0, last: int | None = None) -> None:
        """Create a ProtectedDisk for each claim, as fast as the API server takes them."""
        for number, (namespace, name) in list(enumerate(self.places))[first:last]:
            path = f"{_OURS}/namespaces/{namespace}/protecteddisks"
            self._create(path, objects.disk(name, namespace, name, self.policies[number % self.layout.vaults]))

    def protect_other(self, name: str, namespace: str) -> None:
        """Create a ProtectedDisk for a disk that has no claim, in a namespace of its own."""
        self.stack.azure.seed(disks=[seed(name)])
        other = objects.disk(name, namespace, "none", "gold", source={"diskID": objects.disk_id(name)})
        self.stack.plane.apply(objects.namespace(namespace), other)

    def suspend(self, place: tuple[str, str], *awaited: Callable[[Sent], bool], within: float = 30) -> list[float]:
        """Suspend a disk; return how many seconds of real time that took to become requests to Azure.

        Args:
            place: its namespace and name.
            awaited: of each request that is waited for, in their order: whether it is this one.
            within: for so many seconds at most.
        """
        azure, (namespace, name) = self.stack.azure, place
        path, since = f"{_OURS}/namespaces/{namespace}/protecteddisks/{name}", azure.request_count()
        raw = self.stack.plane.read(path)
        raw["spec"]["protection"] = "Suspended"
        begun = time.monotonic()
        status, answer = self.stack.plane.request("PUT", path, raw)
        if status != 200:
            raise FleetError(f"{path}: {answer.get('message')}")
        found = []
        for each in awaited:
            while not any(map(each, azure.requests(since))):
                if time.monotonic() > begun + within:
                    raise FleetError(f"no request to Azure about {name} within {within} s")
            found.append(time.monotonic() - begun)
        return found

    def back_up(self, first: int = 0, last: int | None = None) -> None:
        """Create an OnDemandBackup for each disk."""
        for namespace, name in self.places[first:last]:
            path = f"{_OURS}/namespaces/{namespace}/ondemandbackups"
            self._create(path, objects.backup(f"now-{name}", namespace, name))

    def restore(self, namespace: str, name: str) -> None:
        """Create a DiskRestore of a disk, into a PVC beside its own."""
        target = {"persistentVolumeClaim": {"name": f"{name}-back"}}
        path = f"{_OURS}/namespaces/{namespace}/diskrestores"
        self._create(path, objects.restore(name, namespace, name, target=target))

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

    def restores(self) -> list[Json]:
        """Return all DiskRestores."""
        found: list[Json] = self.stack.plane.read(f"{_OURS}/diskrestores")["items"]
        return found

    def ready(self) -> int:
        """Return how many disks are Ready."""
        return sum(map(_ready, self.disks()))

    def until_ready(self, within: timedelta, tell: object = None, others: int = 0) -> None:
        """Let virtual time pass until every disk is Ready, and so many others."""
        azure, wanted = self.stack.azure, self.size + others
        deadline = azure.now + within
        azure.settle()
        pause = timedelta(seconds=30)
        while (count := self.ready()) < wanted:
            if azure.now >= deadline:
                raise FleetError(f"{count} of {wanted} disks are Ready after {within} of virtual time")
            if callable(tell):
                tell(count)
            azure.advance(seconds=pause.total_seconds())
            # Rarer with time: to look costs a list of all objects.
            pause = min(pause * 1.2, timedelta(minutes=5))


def condition(raw: Json, type_: str) -> Json:
    """Return a condition of an object, empty if there is none."""
    return next((each for each in raw.get("status", {}).get("conditions", []) if each["type"] == type_), {})


def since_when(raw: Json, type_: str) -> datetime:
    """Return since when a condition of an object holds.

    Raises:
        FleetError: it does not.
    """
    found = condition(raw, type_)
    if found.get("status") != "True":
        raise FleetError(f"{raw['metadata']['name']} is not {type_}: {found}")
    return datetime.fromisoformat(found["lastTransitionTime"])


def seed(name: str, subscription: str = SUBSCRIPTION) -> Json:
    """Return a disk as the simulator is told of it."""
    return {"subscription": subscription, "group": DISK_GROUP, "name": name, "location": LOCATION}


def _ready(raw: Json) -> bool:
    return condition(raw, "Ready").get("status") == "True"
