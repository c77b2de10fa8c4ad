"""What must hold of restores, whatever happens: looked at after each change, with no word of the operator's own."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.objects import RESTORE_GROUP, Json
from simulation.azure_state import has_ended, instance_of, jobs, owner_of

if TYPE_CHECKING:
    from simulation.run import SimulatedWorld

LABEL = "azdiskbackup.io/made-by-restore"


class RestoreMonitor:
    """Looks at disks, volumes and PVCs.

    Args:
        world: in which they are.
    """

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        # Every DiskRestore that there ever was, by uid: its namespace.
        self._restores: dict[str, str] = {}
        # What the teams' own PVCs and volumes looked like when they were made, by uid.
        self._foreign: dict[str, Json] = {}
        # Those whose end was looked at: what became of the PVC later is its team's affair.
        self._ended: set[str] = set()

    def saw(self, how: str, kind: str, raw: Json) -> str | None:
        """Look at a change of an object; return what does not hold."""
        metadata = raw["metadata"]
        if kind == "DiskRestore":
            self._restores[metadata["uid"]] = metadata["namespace"]
            return self._verdict(raw)
        if kind in ("PersistentVolume", "PersistentVolumeClaim") and LABEL not in (metadata.get("labels") or {}):
            known = self._foreign.setdefault(metadata["uid"], dict(raw["spec"]))
            lasting = ("csi", "resources", "persistentVolumeReclaimPolicy", "storageClassName")
            if any(known.get(member) != raw["spec"].get(member) for member in lasting):
                return f"{kind} {metadata['name']} of a team was changed"
        return None

    def _verdict(self, raw: Json) -> str | None:
        """A restore that succeeded has a disk, with data of its own namespace, and its PVC is bound to it."""
        status, metadata = raw.get("status") or {}, raw["metadata"]
        told = {each["type"]: each["status"] for each in status.get("conditions") or ()}
        good = told.get("Succeeded") == "True"
        if not good or not status.get("completionTime") or metadata["uid"] in self._ended:
            return None
        self._ended.add(metadata["uid"])
        name = f"DiskRestore {metadata['namespace']}/{metadata['name']}"
        if metadata["uid"] not in status["disk"]["name"]:
            return f"{name} names a disk that is not its own"
        instance = instance_of(self._world, status["backupInstanceID"])
        namespace = owner_of(instance)[1] if instance is not None else ""
        if namespace not in ("", metadata["namespace"]):
            return f"{name} restored the data of the namespace {namespace}"
        own = (each for each in jobs(self._world) if each.id == status.get("jobID"))
        if not any(each.fault is None and has_ended(self._world, each) for each in own):
            return f"{name} succeeded, and no job of it did"
        handle = self._handle_of(metadata["namespace"], status.get("persistentVolumeClaim"))
        if handle != status["disk"]["id"].lower():
            return f"{name} names a PVC that stands for {handle or 'no disk'}"
        return None

    def _handle_of(self, namespace: str, name: str | None) -> str | None:
        """Return the disk that a PVC stands for, in lower case."""
        claims = {each["metadata"]["name"]: each for each in self._world.every("PersistentVolumeClaim", namespace)}
        volumes = {each["metadata"]["name"]: each for each in self._world.every("PersistentVolume")}
        volume = volumes.get(claims.get(name or "", {}).get("spec", {}).get("volumeName", ""))
        return str(volume["spec"]["csi"]["volumeHandle"]).lower() if volume is not None else None

    def hour(self) -> str | None:
        """Look at what stands; return what does not hold."""
        disks = [
            disk.name
            for disk in self._world.azure.service.azure.cloud.disks.values()
            if f"/{RESTORE_GROUP}/" in disk.id.lower()
        ]
        owners = Counter(next((uid for uid in self._restores if name.endswith(uid)), name) for name in disks)
        for owner, count in owners.items():
            if owner not in self._restores:
                return f"the disk {owner} belongs to no restore"
            if count > 1:
                return f"{count} disks for one DiskRestore {owner}"
        handles = Counter(each["spec"]["csi"]["volumeHandle"].lower() for each in self._world.every("PersistentVolume"))
        twice = [handle for handle, count in handles.items() if count > 1]
        return f"two volumes for the disk {twice[0]}" if twice else None
