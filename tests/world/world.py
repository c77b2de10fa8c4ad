"""A world: cluster, Azure, operator, people, and the time that passes for all of them."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import HttpUrl

from azdiskbackup.settings import Settings
from harness import azure_rights, objects
from harness.objects import (
    SECOND_SUBSCRIPTION,
    SUBSCRIPTION,
    Json,
)
from world.api_server import BY_KIND, ApiServer
from world.azure import BASE, AzureInMemory, InMemoryNetwork
from world.clock import LoopClock
from world.replica import Replica, remember_owners
from world.team import Team

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CLIENT_ID = "operator-in-memory"
_STEP = timedelta(seconds=10)
_OURS = ("BackupVault", "DiskBackupPolicy", "ProtectedDisk", "OnDemandBackup", "DiskRestore", "DiskProtectionRule")
# How long a steady state is looked at, with some minutes before and after.
_REST = timedelta(minutes=105)


class World:
    """One world. All of it is one process, one event loop, and random by one seed.

    Args:
        folder: for what the operator reads from files.
        seed: of everything that is random.
        settings: of the operator, where they are not the usual ones.
    """

    def __init__(self, folder: Path, seed: int = 0, **settings: Any) -> None:
        remember_owners(asyncio.get_running_loop())
        self.random = random.Random(seed)
        self.clock = LoopClock(START)
        self.azure = AzureInMemory(self.clock.now)
        self.server = ApiServer(self.clock.now, lambda: str(uuid.UUID(int=self.random.getrandbits(128), version=4)))
        self.server.binder.delete_disk = self.azure.remove
        self.azure.seed(
            subscriptions=[SUBSCRIPTION, SECOND_SUBSCRIPTION],
            groups=objects.groups(SUBSCRIPTION, SECOND_SUBSCRIPTION),
        )
        self.grant(SUBSCRIPTION, SECOND_SUBSCRIPTION)
        token = folder / "token"
        token.write_text(_service_account_token())
        self.environment = {
            "AZURE_CLIENT_ID": CLIENT_ID,
            "AZURE_TENANT_ID": self.azure.seed()["tenant"],
            "AZURE_FEDERATED_TOKEN_FILE": str(token),
        }
        self._settings = Settings(
            **{
                "subscription_id": SUBSCRIPTION,
                "resource_manager_endpoint": HttpUrl(BASE),
                "authority_host": HttpUrl(BASE),
                "identity": "WorkloadIdentity",
                # So rarely that no story can lean on it: the watches alone have to tell what happens.
                "resync_minutes": 1440,
                **settings,
            }
        )
        self.make("Namespace", objects.namespace("default"))
        self.cluster = self.make("Namespace", objects.namespace("kube-system"))["metadata"]["uid"]
        self.replicas: list[Replica] = []
        self._teams = 0

    @property
    def longest_request(self) -> timedelta:
        """Return how long a request of the operator may be on its way."""
        return timedelta(seconds=self._settings.request_timeout_seconds)

    def grant(self, *subscriptions: str) -> None:
        """Give the operator in subscriptions the roles of deploy/azure, and no other right anywhere."""
        roles = azure_rights.assigned(subscriptions, CLIENT_ID)
        self.azure.seed(callers=[{"clientID": CLIENT_ID, "roles": roles}])

    # --- the operator -------------------------------------------------------------------------------

    @property
    def operator(self) -> Replica:
        """Return the replica that works."""
        return self.replicas[-1]

    async def start_operator(self, watch_delay: Callable[[str], float] = lambda kind: 0.0, **settings: Any) -> Replica:
        """Start a replica, with other settings if there are any; wait until it has looked at everything."""
        found = Replica(
            self._settings.model_copy(update=settings),
            self.server,
            InMemoryNetwork(self.azure),
            self.clock,
            self.cluster,
            self.random.random,
            watch_delay,
        )
        self.replicas.append(found)
        await found.start()
        await self.settle()
        return found

    async def stop_operator(self) -> None:
        """Stop the operator as the kubelet does."""
        await self.operator.stop()

    async def kill_operator(self) -> None:
        """End the operator as a crash would."""
        await self.operator.kill()

    async def end(self) -> None:
        """End whatever still works."""
        for each in self.replicas:
            if each.is_alive:
                await each.kill()

    # --- time ---------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let everybody do what can be done at this moment."""
        await asyncio.sleep(0.001)

    async def advance(self, **span: float) -> None:
        """Let time pass."""
        await asyncio.sleep(timedelta(**span).total_seconds())

    async def passes(self, holds: Callable[[], object], what: str, within: timedelta = timedelta(hours=3)) -> None:
        """Let time pass until something holds."""
        begun = self.clock.now()
        await self.settle()
        while not holds():
            waited = self.clock.now() - begun
            if waited >= within:
                raise AssertionError(f"{what}: not within {within}: {self.all_says()}")
            # What takes hours need not be looked at every few seconds.
            await self.advance(seconds=max(_STEP, waited / 100).total_seconds())

    # --- the cluster --------------------------------------------------------------------------------

    def make(self, kind: str, raw: Json) -> Json:
        """Create an object as a cluster admin."""
        namespace = str(raw["metadata"].get("namespace", ""))
        return self.server.store.create(BY_KIND[kind], namespace, raw)

    async def team(self, **labels: str) -> Team:
        """Return a team with a namespace of its own."""
        self._teams += 1
        name = f"shop-{self._teams}"
        self.make("Namespace", objects.namespace(name, **labels))
        return Team(self, name)

    def every(self, kind: str, namespace: str = "") -> list[Json]:
        return list(self.server.store.list(BY_KIND[kind], namespace, {}))

    def all_says(self) -> list[str]:
        """Return what the objects say, for somebody who wonders why a test waits."""
        found = []
        for kind in (
            "BackupVault",
            "DiskBackupPolicy",
            "ProtectedDisk",
            "OnDemandBackup",
            "DiskRestore",
            "DiskProtectionRule",
        ):
            for each in self.every(kind):
                conditions = each.get("status", {}).get("conditions", [])
                ready: Json = next((one for one in conditions if one["type"] == "Ready"), {})
                found.append(f"{kind}/{each['metadata']['name']}: {ready.get('reason')} {ready.get('message')}")
        return found

    # --- what was done ------------------------------------------------------------------------------

    def writes(self, since: int = 0) -> list[str]:
        """Return the routes of the writes to Azure that the operator sent after a number of requests."""
        return [each.route for each in self.azure.requests(since) if each.writes and each.caller == CLIENT_ID]

    def calls(self, since: int = 0) -> list[str]:
        """Return the routes of all that the operator asked of Azure after a number of requests."""
        return [each.route for each in self.azure.requests(since) if each.caller == CLIENT_ID]

    async def rests(self) -> None:
        """Assert a steady state: in more than an hour without a backup, no write to Azure and none to Kubernetes."""
        due = [
            datetime.fromisoformat(each["status"]["nextBackupTime"])
            for each in self.every("DiskBackupPolicy")
            if each.get("status", {}).get("nextBackupTime")
        ]
        if due and min(due) < self.clock.now() + _REST:
            await self.advance(seconds=(min(due) - self.clock.now()).total_seconds() + 600)
        await self.advance(minutes=20)
        since = self.azure.request_count()
        await self.says_the_same(minutes=65)
        assert not self.writes(since), f"Azure was written to: {self.writes(since)}"

    async def says_the_same(self, minutes: float) -> None:
        """Assert that nothing is written to Kubernetes for a time: whoever watches it sleeps on."""
        written = len(self.server.store.writes)
        await self.advance(minutes=minutes)
        more = [each for each in self.server.store.writes[written:] if each[0] != "leases"]
        assert not more, f"written without need: {more}: {self.all_says()}"


def _service_account_token() -> str:
    """Return a token with the claims of a service account; the simulator does not check its signature."""
    parts = [{"alg": "RS256"}, {"sub": "system:serviceaccount:azdiskbackup:azdiskbackup"}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "signature"])
