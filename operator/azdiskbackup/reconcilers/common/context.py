"""What every kind works with, and what passes leave for the next ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from azdiskbackup.azure.gateways.azure import Azure
from azdiskbackup.azure.inventory.job_search import JobSearch
from azdiskbackup.azure.inventory.sweep import Sweep
from azdiskbackup.core.rules.lookup import FetchFailed
from azdiskbackup.engine.cache import Cache, Key
from azdiskbackup.engine.clock import Clock
from azdiskbackup.errors import OperatorError
from azdiskbackup.reconcilers.common.deadlines import Deadlines
from azdiskbackup.reconcilers.common.owned_instances import OwnedInstances
from azdiskbackup.reconcilers.common.status_writer import StatusWriter
from azdiskbackup.settings import Settings

AnswerT = TypeVar("AnswerT")
StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class ReconcileContext:
    """Everything that is shared.

    Attributes:
        cluster: the id of this cluster, the uid of its kube-system namespace.
        jitter: uniformly random from 0 to 1.
        deadlines: by when the next backup of each disk must have succeeded.
        owned: which backup instances name the disks of this cluster as their owners.
    """

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
    owned: OwnedInstances


class StateStore(Generic[StateT]):
    """What passes leave for the next ones, by object: another object of the same name starts anew."""

    def __init__(self, make: Callable[[], StateT]) -> None:
        self._make = make
        self._by_key: dict[Key, tuple[str, StateT]] = {}

    def of(self, key: Key, uid: str) -> StateT:
        """Return the state of an object."""
        known = self._by_key.get(key)
        if known is None or known[0] != uid:
            known = (uid, self._make())
            self._by_key[key] = known
        return known[1]

    def all(self) -> Iterator[StateT]:
        """Yield the state of each object."""
        return (state for _, state in self._by_key.values())

    def forget(self, key: Key) -> str | None:
        """Drop what is known of an object that is gone; return the uid that it had."""
        known = self._by_key.pop(key, None)
        return known[0] if known is not None else None


async def capture_error(answer: Awaitable[AnswerT]) -> AnswerT | FetchFailed:
    """Return an answer of Azure, or its error as a value: rules see errors, they do not catch them."""
    try:
        return await answer
    except OperatorError as error:
        return FetchFailed(error)
