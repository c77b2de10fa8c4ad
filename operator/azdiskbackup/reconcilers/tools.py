"""What every reconciler works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from azdiskbackup.azure.gateways import Azure
from azdiskbackup.azure.sweep import Sweep
from azdiskbackup.core.presence import Unreadable
from azdiskbackup.engine.cache import Cache
from azdiskbackup.engine.clock import Clock
from azdiskbackup.errors import OperatorError
from azdiskbackup.reconcilers.reporting import Reporter
from azdiskbackup.settings import Settings

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything that is shared.

    Attributes:
        cluster: the id of this cluster, the uid of its kube-system namespace.
        jitter: uniformly random from 0 to 1.
    """

    cache: Cache
    reporter: Reporter
    azure: Azure
    sweep: Sweep
    clock: Clock
    settings: Settings
    cluster: str
    jitter: Callable[[], float]


async def read(answer: Awaitable[AnswerT]) -> AnswerT | Unreadable:
    """Return an answer of Azure, or its error as a value: rules see errors, they do not catch them."""
    try:
        return await answer
    except OperatorError as error:
        return Unreadable(error)
