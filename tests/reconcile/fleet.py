"""Many disks, and what they cost: for stories at scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from harness import objects
from harness.objects import SUBSCRIPTION, Json
from world.team import Team
from world.world import CLIENT_ID, World

EVERY = timedelta(hours=4)


def condition(raw: Json, type_: str) -> Json:
    """Return a condition of an object, empty if there is none."""
    return next((each for each in raw.get("status", {}).get("conditions", []) if each["type"] == type_), {})


def holds(raw: Json, type_: str) -> bool:
    return bool(condition(raw, type_).get("status") == "True")


def since_when(raw: Json, type_: str) -> datetime:
    """Return since when a condition holds."""
    found = condition(raw, type_)
    assert found.get("status") == "True", found
    return datetime.fromisoformat(found["lastTransitionTime"])


class Fleet:
    """So many claims in some namespaces, each bound to a disk; a vault and a policy for those of each subscription."""

    def __init__(
        self, world: World, size: int, namespaces: int, subscriptions: Sequence[str] = (SUBSCRIPTION,)
    ) -> None:
        self.world = world
        self.size = size
        self.places = [(f"team-{number % namespaces}", f"data-{number}") for number in range(size)]
        self.subscriptions = subscriptions
        self.vaults = ["demo", *(f"demo-{number}" for number in range(1, len(subscriptions)))]
        self.policies = ["gold", *(f"gold-{number}" for number in range(1, len(subscriptions)))]

    async def prepare(self, **vault: Any) -> None:
        """Have all that is there before a team comes, the operator too, right after a backup."""
        self.world.azure.knobs(role_propagation=0)
        self.make()
        await self.world.start_operator()
        await self.make_policy(**vault)
        await self.to_after_a_backup(timedelta(minutes=1))
        # A new disk is not hurried by the first of the backups of those before it.
        self.world.azure.knobs(schedule_delay=0)

    def make(self) -> None:
        """Make namespaces, disks, volumes and claims."""
        where = [self.subscriptions[number % len(self.subscriptions)] for number in range(self.size)]
        named = list(zip(self.places, where, strict=True))
        self.world.azure.seed(disks=[disk_in_azure(name, subscription) for (_, name), subscription in named])
        for namespace in sorted({namespace for namespace, _ in self.places}):
            self.world.make("Namespace", objects.namespace(namespace))
        for (namespace, name), subscription in named:
            Team(self.world, namespace).bind(name, name, objects.disk_id(name, subscription))

    async def make_policy(self, **vault: Any) -> None:
        """Make vaults and policies, and wait until they can be used."""
        for where, name, policy in zip(self.subscriptions, self.vaults, self.policies, strict=True):
            access = {"diskIDNamespaces": {}}
            self.world.make("BackupVault", objects.vault_in(where, name, access=access, **vault))
            self.world.make("DiskBackupPolicy", objects.policy(policy, name))
        made = partial(self.world.every, "DiskBackupPolicy")
        await self.world.passes(lambda: all(holds(each, "Ready") for each in made()), "the policies are ready")

    def protect(self) -> None:
        """Create a ProtectedDisk for each claim."""
        for number, (namespace, name) in enumerate(self.places):
            policy = self.policies[number % len(self.policies)]
            self.world.make("ProtectedDisk", objects.disk(name, namespace, name, policy))

    def back_up(self, first: int = 0, last: int | None = None) -> None:
        """Create an OnDemandBackup for each disk."""
        for namespace, name in self.places[first:last]:
            self.world.make("OnDemandBackup", objects.backup(f"now-{name}", namespace, name))

    @property
    def policy(self) -> Json:
        return next(each for each in self.world.every("DiskBackupPolicy") if each["metadata"]["name"] == "gold")

    def disks(self) -> list[Json]:
        return self.world.every("ProtectedDisk")

    def backups(self) -> list[Json]:
        return self.world.every("OnDemandBackup")

    async def until_ready(self, within: timedelta) -> None:
        """Let time pass until every disk is Ready."""
        deadline = self.world.clock.now() + within
        await self.world.settle()
        pause = timedelta(seconds=30)
        while (count := sum(holds(each, "Ready") for each in self.disks())) < self.size:
            assert self.world.clock.now() < deadline, f"{count} of {self.size} disks are Ready after {within}"
            await self.world.advance(seconds=pause.total_seconds())
            pause = min(pause * 1.2, timedelta(minutes=5))

    async def to_after_a_backup(self, span: timedelta) -> None:
        """Go to some time after the next scheduled backups."""
        due = datetime.fromisoformat(self.policy["status"]["nextBackupTime"])
        await self.world.advance(seconds=(due + span - self.world.clock.now()).total_seconds())

    @property
    def last_backup(self) -> datetime:
        """Return when the last scheduled backups were due."""
        return datetime.fromisoformat(self.policy["status"]["nextBackupTime"]) - EVERY


def disk_in_azure(name: str, subscription: str = SUBSCRIPTION) -> Json:
    return {
        "subscription": subscription,
        "group": objects.DISK_GROUP,
        "name": name,
        "location": objects.LOCATION,
    }


@dataclass(frozen=True)
class Cost:
    """What was spent.

    Attributes:
        azure: calls by route.
        azure_writes: how many of them change something.
        kubernetes_writes: all requests that change something, those that fail too.
        seconds: of time.
    """

    azure: Counter[str]
    azure_writes: int
    kubernetes_writes: int
    seconds: float

    @property
    def calls(self) -> int:
        return sum(self.azure.values())

    def an_hour(self, without: str = "") -> float:
        """Return the calls an hour, those of a route apart."""
        return sum(count for route, count in self.azure.items() if route != without) / (self.seconds / 3600)


class Meter:
    """Counts what the operator does from the moment the meter is made, or from its last reading."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._written = 0
        exchange: Any = world.operator.kube._exchange
        send = exchange.send

        async def counted(method: str, *given: Any) -> Any:
            self._written += method != "GET"
            return await send(method, *given)

        exchange.send = counted
        self._mark()

    def _mark(self) -> None:
        self._requests = self._world.azure.request_count()
        self._before = self._written
        self._time = self._world.clock.now()

    def read(self) -> Cost:
        """Return what was spent since the last reading, and count anew."""
        sent = [each for each in self._world.azure.requests(self._requests) if each.caller == CLIENT_ID]
        cost = Cost(
            azure=Counter(each.route for each in sent),
            azure_writes=sum(each.writes for each in sent),
            kubernetes_writes=self._written - self._before,
            seconds=(self._world.clock.now() - self._time).total_seconds(),
        )
        self._mark()
        return cost
