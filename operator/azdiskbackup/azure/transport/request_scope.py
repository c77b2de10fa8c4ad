"""In whose name requests are sent to Azure, and how urgently: known to all that is called, without being passed on.

    ================  =============================================================  ==============================
    entered by        what changes                                                   used by
    ================  =============================================================  ==============================
    request_scope     who is woken when a request may be sent                        each reconcile, each sweep
    in_background     requests of people go first                                    history of a disk
    best_effort       no place in the queue: without a turn now, RateLimited         what a sweep may show instead
    page_by_page      each further page of a list needs its turn                     search for lost jobs
    atomic_batch      once the first request may be sent, all may                    the two queries of a sweep
    ================  =============================================================  ==============================

Outside of all of them nobody asks: requests are never rate-limited (preflight, the command).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Requester:
    """In whose name a request is sent.

    Attributes:
        key: who is woken.
        flow: requests of one flow wait for each other; flows take turns.
        background: whether nobody waits for it.
        waits: whether it wants a turn; else it works without what it asked for.
        page_by_page: whether it goes on with the next page of an answer when its turn comes.
    """

    key: Hashable
    flow: Hashable
    background: bool = False
    waits: bool = True
    page_by_page: bool = False


@dataclass(slots=True)
class Batch:
    """Requests that are of use only together."""

    started: bool = False


@dataclass(frozen=True, slots=True)
class _Scope:
    requester: Requester | None = None
    batch: Batch | None = field(default=None)


_scope: ContextVar[_Scope] = ContextVar("request_scope", default=_Scope())  # noqa: B039 - it is frozen


@contextmanager
def _entered(scope: _Scope) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


def request_scope(who: Requester | None) -> AbstractContextManager[None]:
    """Send requests in somebody's name; in nobody's they are never rate-limited."""
    outer = _scope.get()
    if who is not None and outer.requester is not None and not outer.requester.waits:
        who = replace(who, waits=False)
    return _entered(replace(outer, requester=who))


def _changed(**how: bool) -> AbstractContextManager[None]:
    outer = _scope.get().requester
    return request_scope(replace(outer, **how) if outer is not None else None)


def in_background() -> AbstractContextManager[None]:
    """Send requests that may wait for those of people."""
    return _changed(background=True)


def best_effort() -> AbstractContextManager[None]:
    """Send requests that are not needed: they get no place in the queue, and are refused for good without a turn."""
    return _changed(waits=False)


def page_by_page() -> AbstractContextManager[None]:
    """Read a list of so many pages that each needs its turn; who does has to keep how far it got."""
    return _changed(page_by_page=True)


def atomic_batch() -> AbstractContextManager[None]:
    """Send requests that are of use only together: once the first may be sent, all may, and are paid for later."""
    return _entered(replace(_scope.get(), batch=Batch()))


def may_queue() -> bool:
    """Return whether who asks now comes back when it is its turn."""
    requester = _scope.get().requester
    return requester is None or requester.waits


def current_requester() -> Requester | None:
    """Return in whose name a request is sent now; None for nobody."""
    return _scope.get().requester


def current_batch() -> Batch | None:
    """Return the requests that are sent in one batch with the one that is sent now."""
    return _scope.get().batch
