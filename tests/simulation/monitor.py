"""What must hold at every moment, whatever happens: seen in Azure's model and in the store, not in the operator."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure_simulator.http.messages import Request, Response
from azure_simulator.model.instance import Instance
from harness.objects import Json
from simulation.actors import RESTORED, VAULT
from simulation.azure_state import (
    INSTANCE,
    STATE_OF_MODE,
    condition,
    disk_of,
    has_ended,
    instances,
    is_ready,
    jobs,
    owner_of,
    vault_tags,
)
from simulation.endings import miscounted, otherwise_in_azure, owned_by_others
from simulation.haste import Rates
from simulation.leftovers import backed_up_for_nothing
from simulation.restores import RestoreMonitor
from simulation.rules import RuleMonitor, uncovered
from simulation.vault_access import VaultAccess
from world.store import Resource

if TYPE_CHECKING:
    from simulation.actors import Actors
    from simulation.run import SimulatedWorld

# Nothing of the operator's own: a mistake in what both share would be seen by neither.
FINALIZER = "azdiskbackup.io/finalizer"
ABANDONED = "azdiskbackup.io/abandon-in-azure"
FOLLOWS = "azdiskbackup.io/follow-pvc"
# What the operator may still carry out although the object says otherwise by now: it was on its way.
_ON_THE_WAY = timedelta(minutes=15)
# By then what somebody did in Azure is noticed, whatever lags or fails.
_NOTICED = timedelta(hours=12)
_DESTRUCTIVE = {
    "delete": ("Delete", None),
    "suspendBackups": ("Suspend", "Suspended"),
    "stopProtection": ("Retain", "Stopped"),
}


class Monitor:
    """Looks at every request and at every change.

    Attributes:
        violations: what did not hold, with the time.
        lines: what happened, in short.
        coverage: what was reached, how often.
        is_violated: has a result as soon as something did not hold: the story ends there.
    """

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self.actors: Actors | None = None
        self.violations: list[str] = []
        self.lines: list[str] = []
        self.coverage: Counter[str] = Counter()
        self.is_violated: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._digest = hashlib.sha256()
        # When each version of a ProtectedDisk was stored: uid, whether it is being deleted, spec.
        self._versions: dict[tuple[str, str], list[tuple[datetime, Json]]] = defaultdict(list)
        self._last: dict[str, Json] = {}
        # When Azure last had a disk in a mode, by lower-case id.
        self._in_mode: dict[tuple[str, str], datetime] = {}
        self._rates = Rates()
        self._access = VaultAccess()
        # Disks whose backups go on, as was said when the object went, or whose object lost its status and with it which
        # disk that was: `orphans` finds their instances.
        self._given_up: set[str] = set()
        # The volume of each PVC that there was, by its uid, and the disk of each volume.
        self._claims: dict[str, str] = {}
        self._handles: dict[str, str] = {}
        self._restores = RestoreMonitor(world)
        self.rules = RuleMonitor(world)

    @property
    def digest(self) -> str:
        """Return the hash of all that happened."""
        return self._digest.hexdigest()

    def tell(self, line: str) -> None:
        """Take note of an event."""
        text = f"{(self._world.clock.now()).isoformat()} {line}"
        self._digest.update(text.encode())
        self.lines.append(text)

    def violated(self, what: str) -> None:
        """Take note of something that does not hold."""
        self.violations.append(what)
        self.tell(f"VIOLATION {what}")
        if not self.is_violated.done():
            self.is_violated.set_result(None)

    # --- requests of the operator ---------------------------------------------------------------------------

    def asks_kubernetes(self, method: str, path: str) -> None:
        """Look at a request to the API server that leaves the operator."""
        for wrong in (self.rules.asks(method, path), self._rates.too_often(method, path, self._world.clock.now())):
            if wrong is not None:
                self.violated(wrong)

    def now(self) -> datetime:
        """Return the time of the world."""
        return self._world.clock.now()

    def arrives(self, request: Request) -> None:
        """Look at a request before Azure carries it out."""
        found = INSTANCE.search(request.path)
        if found is None or request.method == "GET":
            return
        name, action = found.group(1), "delete" if request.method == "DELETE" else (found.group(2) or "put")
        instance = next((each for each in instances(self._world) if each.name.lower() == name.lower()), None)
        now = self._world.clock.now()
        if instance is None:
            if action == "put" and not self._access.serves(now):
                self.violated(f"{name} is made, and the vault does not serve the namespaces")
            return
        cluster, namespace, disk = owner_of(instance)
        if cluster and cluster != self._world.cluster:
            self.violated(f"{action} of {name}, which another cluster owns")
        if action in _DESTRUCTIVE and not self._is_wanted(action, (namespace, disk), instance.disk_id.lower()):
            self.violated(f"{action} of {name}, which {namespace}/{disk} does not ask for")
        if action == "delete" and not self._access.lets_delete(now):
            self.violated(f"delete of {name}, and the vault does not let the namespaces delete")

    def _is_wanted(self, action: str, place: tuple[str, str], disk: str) -> bool:
        deletion, protection = _DESTRUCTIVE[action]
        since = self._world.clock.now() - _ON_THE_WAY
        versions = self._versions[place]
        recent = [each for when, each in versions if when >= since] + [each for _, each in versions[-1:]]
        before = [each for when, each in versions if when < since][-1:]
        return any(
            (each["deleting"] and each["spec"].get("deletionPolicy", "Retain") == deletion)
            or (protection is not None and each["spec"].get("protection", "Active") == protection)
            # The earlier disk is left as a deletion would, and never deleted.
            or (self._has_another(each["follows"], disk) and action == _left_by(each["spec"]))
            for each in [*recent, *before]
        )

    def _has_another(self, claim: str | None, disk: str) -> bool:
        """Return whether a PVC has, or had, another disk than one."""
        handle = self._handles.get(self._claims.get(claim or "", ""))
        return handle is not None and handle != disk

    def answered(self, request: Request, response: Response, route: str) -> None:
        """Look at an answer that Azure gives."""
        self.tell(f"{route} {request.method} {request.path.split('?')[0]} {response.status}")
        if request.mutates:
            self.coverage[f"write {route}"] += 1
        error = response.body.get("error") if isinstance(response.body, dict) else None
        if isinstance(error, dict):
            self.coverage[f"error {error.get('code')}"] += 1
        self._look_at_vault()
        self.look()

    # --- Azure ------------------------------------------------------------------------------------------------

    def _look_at_vault(self) -> None:
        tags = vault_tags(self._world, VAULT)
        if self.actors is None or tags is None:
            return
        lost = [name for name, value in self.actors.foreign_tags.items() if tags.get(name.lower()) != value]
        if lost:
            self.violated(f"the vault lost tags of others: {lost}")

    def look(self) -> None:
        """Look at what Azure has at this moment."""
        now = self._world.clock.now()
        for instance in instances(self._world):
            for mode, state in STATE_OF_MODE.items():
                if instance.state == state:
                    self._in_mode[(instance.disk_id.lower(), mode)] = now

    def hour(self) -> None:
        """Look at what stands, once in a while."""
        self.look()
        asked = Counter(job.activity_id for job in jobs(self._world) if job.user_triggered)
        wrong = self._restores.hour()
        if wrong is not None:
            self.violated(wrong)
        for raw in self._world.every("OnDemandBackup"):
            uid = raw["metadata"]["uid"]
            if asked[uid] > 1:
                self.violated(f"{asked[uid]} jobs for OnDemandBackup {raw['metadata']['name']}")
            if asked[uid] and RESTORED in (raw["metadata"].get("labels") or {}):
                self.violated(f"a backup for {raw['metadata']['name']}, which a restore of manifests brought back")
        for raw in self._world.every("ProtectedDisk"):
            if is_ready(raw):
                self._is_protected(raw, _NOTICED, "is Ready")

    def _is_protected(self, raw: Json, within: timedelta, what: str) -> None:
        mode = raw["spec"].get("protection", "Active")
        disk = disk_of(raw)
        last = self._in_mode.get((disk, mode))
        if last is None or last < self._world.clock.now() - within:
            name = f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"
            self.violated(f"{name} {what} ({mode}), and Azure has had {disk or 'its disk'} so {last or 'never'}")

    def end(self) -> None:
        """Look at what is left when all is well again."""
        left = backed_up_for_nothing(self._world, self._given_up)
        told = (*otherwise_in_azure(self._world), *miscounted(self._world), *uncovered(self._world))
        for each in (*left, *told):
            self.violated(each)

    # --- Kubernetes ------------------------------------------------------------------------------------------

    def on_event(self, how: str, resource: Resource, raw: Json) -> None:
        """Look at a change of an object."""
        metadata = raw["metadata"]
        self._other_kind(resource.kind, raw)
        wrong = self._restores.saw(how, resource.kind, raw)
        before = self._last.get(metadata["uid"])
        for each in (wrong, self.rules.saw(how, before, raw)):
            if each is not None:
                self.violated(each)
        if resource.group != "azdiskbackup.io":
            return
        self._last[metadata["uid"]] = raw
        self.tell(f"{how} {resource.kind} {metadata.get('namespace', '')}/{metadata['name']} {_said(raw)}")
        for each in (raw.get("status") or {}).get("conditions") or ():
            self.coverage[f"reason {resource.kind} {each['type']} {each['reason']}"] += 1
        if resource.kind == "BackupVault":
            self._access.saw(raw, self._world.clock.now())
        if resource.kind == "ProtectedDisk":
            self._disk(how, before, raw)
        if resource.kind == "OnDemandBackup":
            self._verdict(raw)

    def _other_kind(self, kind: str, raw: Json) -> None:
        if kind == "PersistentVolumeClaim":
            self._claims[raw["metadata"]["uid"]] = str(raw["spec"].get("volumeName"))
        if kind == "PersistentVolume" and "csi" in raw["spec"]:
            self._handles[raw["metadata"]["name"]] = str(raw["spec"]["csi"]["volumeHandle"]).lower()
        if kind == "Event":
            self.coverage[f"event {raw.get('reason')}"] += 1

    def _disk(self, how: str, before: Json | None, raw: Json) -> None:
        metadata = raw["metadata"]
        version = {"uid": metadata["uid"], "deleting": "deletionTimestamp" in metadata, "spec": raw["spec"]}
        version["follows"] = (metadata.get("annotations") or {}).get(FOLLOWS)
        self._versions[(metadata["namespace"], metadata["name"])].append((self._world.clock.now(), version))
        if before is not None and disk_of(before) and not raw.get("status"):
            self._given_up.add(disk_of(before))
        if how == "DELETED":
            self._released(before or raw)
        elif is_ready(raw) and not (before is not None and is_ready(before)):
            self.look()
            window = 2 * timedelta(minutes=self._world.story.settings["observe_minutes"]) + timedelta(hours=1)
            self._is_protected(raw, window, "becomes Ready")
            for each in owned_by_others(self._world, raw):
                self.violated(each)

    def _released(self, raw: Json) -> None:
        """A finalizer that is gone means that the policy was carried out, or that a person gave up on it."""
        metadata = raw["metadata"]
        # In a namespace that ends no event can be posted: what a person wrote on the object says the same.
        is_abandoned = (metadata.get("annotations") or {}).get(ABANDONED) == metadata["uid"]
        if is_abandoned:
            self._given_up.add(disk_of(raw))
            return
        if FINALIZER not in metadata.get("finalizers", ()):
            return
        owner = (self._world.cluster, metadata["namespace"], metadata["name"])
        for instance in instances(self._world):
            is_ours = owner_of(instance) == owner and instance.disk_id.lower() == disk_of(raw)
            if is_ours and instance.state == STATE_OF_MODE["Active"] and not self._was_resumed(instance):
                policy = raw["spec"].get("deletionPolicy", "Retain")
                self.violated(f"{metadata['namespace']}/{metadata['name']} is gone, and not {policy} in Azure")

    def _was_resumed(self, instance: Instance) -> bool:
        """Return whether it was at rest a moment ago: somebody else resumed it."""
        since = self._world.clock.now() - _ON_THE_WAY
        rests = (self._in_mode.get((instance.disk_id.lower(), mode)) for mode in ("Stopped", "Suspended"))
        return any(last is not None and last >= since for last in rests)

    def _verdict(self, raw: Json) -> None:
        """The end of a backup is what Azure says of its job."""
        uid, name = raw["metadata"]["uid"], raw["metadata"]["name"]
        succeeded, is_over = condition(raw, "Succeeded"), "completionTime" in (raw.get("status") or {})
        own = (job for job in jobs(self._world) if job.activity_id == uid)
        good = any(job.fault is None and has_ended(self._world, job) for job in own)
        if succeeded.get("status") == "True" and not good:
            self.violated(f"OnDemandBackup {name} succeeded, and no job of it did")
        if is_over and succeeded.get("status") == "False" and good:
            self.violated(f"OnDemandBackup {name} is {succeeded['reason']}, and its job succeeded")

    def log(self, event: dict[str, Any]) -> None:
        """Look at a line of the operator's log."""
        if event.get("exc_info"):
            self.violated(f"traceback: {event.get('event')} {event.get('error', '')}")


def _left_by(spec: Json) -> str:
    return "suspendBackups" if spec.get("deletionPolicy") == "Suspend" else "stopProtection"


def _said(raw: Json) -> str:
    ready = condition(raw, "Ready")
    return f"{ready.get('status', '')} {ready.get('reason', '')}"
