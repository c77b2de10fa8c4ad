"""What every kind works with, and what passes leave for the next ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.inventory.job_search import JobSearch
from azdiskbackup.azure.inventory.role_grants import RoleGrants
from azdiskbackup.azure.inventory.sweep import Sweep
from azdiskbackup.core.identity.arm_ids import ArmId, same_id
from azdiskbackup.core.objects.resource import Resource
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.engine.clock import Clock
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.reconcilers.common.status_writer import StatusWriter
from azdiskbackup.settings import Settings

StateT = TypeVar("StateT")


class Deadlines:
    """At most one deadline for each object; a restart sets them anew, with the first pass of each object."""

    def __init__(self) -> None:
        self._by_key: dict[Key, datetime] = {}

    def set(self, key: Key, deadline: datetime | None) -> None:
        """Take note of an object's deadline, or that it has none."""
        if deadline is None:
            self._by_key.pop(key, None)
        else:
            self._by_key[key] = deadline

    def passed(self, now: datetime) -> list[Key]:
        """Return the objects whose deadlines have passed; each is told once."""
        found = [key for key, deadline in self._by_key.items() if deadline < now]
        for key in found:
            del self._by_key[key]
        return found


class OwnedInstances:
    """At most one instance for each ProtectedDisk, by the object's uid.

    A status that names an instance proves nothing to whoever acts on it. A restart forgets all; the first pass of each
    disk sets it again.
    """

    def __init__(self) -> None:
        self._by_uid: dict[str, str] = {}

    def set(self, uid: str, instance: ArmId | None) -> None:
        """Take note of the instance that an object owns, or that it owns none."""
        if instance is None:
            self._by_uid.pop(uid, None)
        else:
            self._by_uid[uid] = str(instance)

    def has(self, uid: str, instance: ArmId) -> bool:
        """Return whether an object is known to own an instance."""
        return same_id(self._by_uid.get(uid, ""), instance)


@dataclass(frozen=True, slots=True)
class ReconcileContext:
    """Everything that is shared.

    Attributes:
        cluster: the id of this cluster, the uid of its kube-system namespace.
        jitter: uniformly random from 0 to 1.
        deadlines: by when the next backup of each disk must have succeeded.
        grants: role assignments that are known.
        owned: which backup instances name the disks of this cluster as their owners.
    """

    kube: KubeClient
    cache: Cache
    status_writer: StatusWriter
    azure: Azure
    sweep: Sweep
    job_search: JobSearch
    clock: Clock
    settings: Settings
    cluster: str
    jitter: Callable[[], float]
    deadlines: Deadlines
    grants: RoleGrants
    owned: OwnedInstances


class StateStore(Generic[StateT]):
    """What passes leave for the next ones, by object: another object of the same name starts anew."""

    def __init__(self, make: Callable[..., StateT]) -> None:
        self._make = make
        self._by_key: dict[Key, tuple[str, str | None, StateT]] = {}

    def of(self, key: Key, resource: Resource) -> StateT:
        """Return the state of an object; of one that a person wants looked at at once, anew."""
        known, wanted = self._by_key.get(key), resource.requested_at
        is_same = known is not None and known[0] == resource.uid
        if known is None or not is_same or wanted not in (None, known[1]):
            self._by_key[key] = known = (resource.uid, wanted, self._make(is_requested=is_same))
        return known[2]

    def all(self) -> Iterator[StateT]:
        """Yield the state of each object."""
        return (state for _, _, state in self._by_key.values())

    def forget(self, key: Key) -> str | None:
        """Drop what is known of an object that is gone; return the uid that it had."""
        known = self._by_key.pop(key, None)
        return known[0] if known is not None else None
