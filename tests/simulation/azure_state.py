"""What Azure's model and the objects say, for whoever judges the operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from azure_simulator.model.instance import Instance
from azure_simulator.model.jobs import Job
from harness.objects import Json

if TYPE_CHECKING:
    from world.world import World

# Nothing of the operator's own: a mistake in what both share would be seen by neither.
STATE_OF_MODE = {"Active": "ProtectionConfigured", "Suspended": "BackupsSuspended", "Stopped": "ProtectionStopped"}
OWNER = ("azdiskbackup.io.cluster", "azdiskbackup.io.namespace", "azdiskbackup.io.protecteddisk")
# The name of an instance, and what is done with it.
INSTANCE = re.compile(r"/backupInstances/([^/?]+)(?:/(\w+))?", re.IGNORECASE)


def instances(world: World) -> Iterator[Instance]:
    """Yield all backup instances."""
    for vault in world.azure.service.azure.vaults.all.values():
        yield from vault.instances.values()


def instance_of(world: World, id_: str) -> Instance | None:
    """Return the backup instance of an ARM id."""
    for vault in world.azure.service.azure.vaults.all.values():
        for each in vault.instances.values():
            if f"{vault.id}/backupInstances/{each.name}".lower() == id_.lower():
                return each
    return None


def jobs(world: World) -> Iterator[Job]:
    """Yield all jobs."""
    for vault in world.azure.service.azure.vaults.all.values():
        yield from vault.jobs.values()


def vault_tags(world: World, name: str) -> dict[str, str] | None:
    """Return the tags of a vault, by their names in lower case; None if there is no such vault."""
    for vault in world.azure.service.azure.vaults.all.values():
        if vault.name == name:
            return {key.lower(): value for key, value in (vault.tags or {}).items()}
    return None


def has_ended(world: World, job: Job) -> bool:
    """Return whether a job has ended by now; its end is known before."""
    return job.end is not None and job.end <= world.clock.now()


def owner_of(instance: Instance) -> tuple[str, str, str]:
    """Return cluster, namespace and name of the ProtectedDisk that an instance's tags name, empty for none."""
    tags = {key.lower(): value for key, value in (instance.tags or {}).items()}
    cluster, namespace, disk = (tags.get(key, "") for key in OWNER)
    return cluster, namespace, disk


def disk_of(raw: Json) -> str:
    """Return the id of the disk that a ProtectedDisk says it protects, in lower case."""
    return str((raw.get("status", {}).get("disk") or {}).get("id", "")).lower()


def condition(raw: Json, type_: str) -> Json:
    """Return a condition of an object, empty if there is none."""
    conditions = (raw.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == type_), {})


def is_ready(raw: Json) -> bool:
    """Return whether an object says of its present spec that it is as it should be."""
    ready = condition(raw, "Ready")
    current = ready.get("observedGeneration") == raw["metadata"]["generation"]
    return ready.get("status") == "True" and current and "deletionTimestamp" not in raw["metadata"]
