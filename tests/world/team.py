"""What a team does and sees in a world: its claims, its objects, what they say."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from azdiskbackup.errors import OperatorError
from harness import objects
from harness.objects import Json
from world.api_server import BY_KIND, MERGE
from world.store import ApiError

if TYPE_CHECKING:
    from world.world import World

_CLUSTER_KINDS = {"BackupVault", "DiskBackupPolicy", "DiskProtectionRule", "Namespace", "PersistentVolume"}


class Team:
    """A namespace, with disks in it; kinds are named as in manifests.

    Args:
        world: where it is.
        namespace: its namespace.
    """

    def __init__(self, world: World, namespace: str) -> None:
        self.world = world
        self.namespace = namespace

    def _path(self, kind: str, name: str = "") -> str:
        resource = BY_KIND[kind]
        root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
        place = "" if kind in _CLUSTER_KINDS else f"/namespaces/{self.namespace}"
        return f"{root}{place}/{resource.plural}" + (f"/{name}" if name else "")

    def _send(self, method: str, path: str, body: object = None) -> Json:
        answer = self.world.server.answer(method, path, body, MERGE if method == "PATCH" else "application/json")
        self.world.server.settle()
        found: Json = json.loads(answer.content)
        if answer.status >= 400:
            raise OperatorError(found["reason"], found["message"])
        return found

    # --- what it does -------------------------------------------------------------------------------

    async def apply(self, *wanted: Json) -> None:
        """Create objects, or change their specs, and let the operator look at them."""
        for each in wanted:
            kind, name = each["kind"], each["metadata"]["name"]
            try:
                held = self.get(kind, name)
            except OperatorError:
                self._send("POST", self._path(kind), each)
            else:
                body = {**each, "metadata": {**held["metadata"], **each["metadata"]}}
                self._send("PUT", self._path(kind, name), body)
        await self.world.settle()

    async def patch(self, kind: str, name: str, body: Json, subresource: str = "") -> None:
        """Merge into an object."""
        path = self._path(kind, name)
        self._send("PATCH", f"{path}/{subresource}" if subresource else path, body)
        await self.world.settle()

    async def label_namespace(self, **labels: str | None) -> None:
        """Label the namespace, or take labels off."""
        await self.patch("Namespace", self.namespace, {"metadata": {"labels": labels}})

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object, and let the operator see it."""
        self._send("DELETE", self._path(kind, name))
        await self.world.settle()

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
        self.world.azure.seed(
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
        """Make a volume for a disk and a claim that is bound to it."""
        made = self._send("POST", self._path("PersistentVolumeClaim"), objects.claim(claim, volume, self.namespace))
        wanted = objects.volume(volume, handle, claim, self.namespace, driver)
        wanted["spec"]["claimRef"]["uid"] = made["metadata"]["uid"]
        self._send("POST", self._path("PersistentVolume"), wanted)

    async def protect(self, name: str = "data", claim: str = "data-0", policy: str = "gold", **spec: Any) -> None:
        await self.apply(objects.disk(name, self.namespace, claim, policy, **spec))

    async def back_up(self, name: str = "now", disk: str = "data", **spec: Any) -> None:
        await self.apply(objects.backup(name, self.namespace, disk, **spec))

    async def gold(self) -> str:
        """Make the usual vault and policy, and wait until they can be used."""
        await self.apply(objects.vault(), objects.policy())
        await self.until("DiskBackupPolicy", "gold", "Ready")
        return "gold"

    # --- what it sees -------------------------------------------------------------------------------

    def get(self, kind: str, name: str) -> Json:
        return self._send("GET", self._path(kind, name))

    def exists(self, kind: str, name: str) -> bool:
        try:
            self.world.server.store.get(BY_KIND[kind], ("" if kind in _CLUSTER_KINDS else self.namespace, name))
        except ApiError:
            return False
        return True

    def condition(self, kind: str, name: str, type_: str) -> Json:
        """Return a condition, empty if there is none."""
        conditions = self.get(kind, name).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == type_), {})

    def says(self, kind: str, name: str) -> str:
        """Return the message of Ready."""
        return str(self.condition(kind, name, "Ready").get("message", ""))

    def instance(self, name: str = "data") -> str:
        """Return the ARM id of the backup instance of a disk."""
        return str(self.get("ProtectedDisk", name)["status"]["backupInstanceID"])

    def portal(self, method: str, path: str, body: Any = None, version: str = "2025-07-01") -> Any:
        """Do something in Azure by hand, as an owner of the subscription in the portal."""
        return self.world.azure.arm(method, f"{path}?api-version={version}", body)

    def assignments(self, scope: str, principal: str) -> list[str]:
        """Return the ids of the role assignments of an identity at a scope, not above it and not below."""
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
        query = f"?$filter=principalId%20eq%20'{principal}'&api-version=2022-04-01"
        found = self.world.azure.arm("GET", path + query)["value"]
        return [each["id"] for each in found if each["properties"]["scope"].lower() == scope.lower()]

    async def protect_by_hand(self, name: str, handle: str, vault_id: str, policy_id: str, tags: Json) -> str:
        """Protect a disk as another tool would, under a name of its own; return the id of the instance."""
        instance = f"{vault_id}/backupInstances/{name}"
        self.portal("PUT", instance, objects.instance_by_hand(name, handle, policy_id, tags))
        await self.world.advance(minutes=2)
        return instance

    def events(self, kind: str, name: str) -> list[tuple[str, str]]:
        """Return type and reason of the events of an object, in their order."""
        return [(each["type"], each["reason"]) for each in self.full_events(kind, name)]

    def full_events(self, kind: str, name: str) -> list[Json]:
        """Return the events of an object, in their order."""
        mine = [
            each
            for each in self.world.every("Event")
            if (each["regarding"].get("kind"), each["regarding"].get("name")) == (kind, name)
            and each["regarding"].get("namespace", self.namespace) == self.namespace
        ]
        return sorted(mine, key=lambda each: str(each["eventTime"]))

    async def until(
        self,
        kind: str,
        name: str,
        type_: str,
        status: str = "True",
        reason: str | None = None,
        within: timedelta = timedelta(hours=3),
    ) -> Json:
        """Let time pass until a condition is as wanted; return it."""
        last: Json = {}

        def holds() -> bool:
            nonlocal last
            last = self.condition(kind, name, type_)
            return last.get("status") == status and reason in (None, last.get("reason"))

        await self.world.passes(holds, f"{kind}/{name} {type_}={status} {reason or ''}", within)
        return last

    async def gone(self, kind: str, name: str, within: timedelta = timedelta(hours=3)) -> None:
        """Let time pass until an object is gone."""
        await self.world.passes(lambda: not self.exists(kind, name), f"{kind}/{name} is gone", within)

    async def after_the_next_backup(self, policy: str = "gold") -> None:
        """Let time pass until ten minutes after the next scheduled backup: nothing is scheduled for a while then."""
        due = datetime.fromisoformat(self.get("DiskBackupPolicy", policy)["status"]["nextBackupTime"])
        await asyncio.sleep((due - self.world.clock.now()).total_seconds() + 600)
