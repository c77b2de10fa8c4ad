"""In whose name requests are sent to Azure, and how urgently: known to all that is called, without being passed on.

    ================  =============================================================  ==============================
    entered by        what changes                                                   used by
    ================  =============================================================  ==============================
    request_scope     who is woken when a request may be sent                        each reconcile, each sweep
    in_background     requests of people go first                                    history of a disk
    best_effort       no place in the queue: without a turn now, RateLimited         what a sweep may show instead
    page_by_page      each further page of a list needs its turn                     search for lost jobs
    atomic_batch      once the first request may be sent, all may                    the pages of a sweep
    ================  =============================================================  ==============================

Outside of all of them nobody asks: requests are never rate-limited (preflight, the command).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(slots=True)
class Batch:
    """Requests that are of use only together."""

    started: bool = False


@dataclass(frozen=True, slots=True)
class Requester:
    """In whose name a request is sent.

    Attributes:
        key: who is woken.
        flow: requests of one flow wait for each other; flows take turns.
        background: whether nobody waits for it.
        waits: whether it wants a turn; else it works without what it asked for.
        page_by_page: whether it goes on with the next page of an answer when its turn comes.
        batch: the requests that are sent together with the one that is sent now.
    """

    key: Hashable
    flow: Hashable
    background: bool = False
    waits: bool = True
    page_by_page: bool = False
    batch: Batch | None = None


_requester: ContextVar[Requester | None] = ContextVar("requester", default=None)


@contextmanager
def request_scope(who: Requester | None) -> Iterator[None]:
    """Send requests in somebody's name; in nobody's they are never rate-limited."""
    outer = _requester.get()
    if who is not None and outer is not None and not outer.waits:
        who = replace(who, waits=False)
    token = _requester.set(who)
    try:
        yield
    finally:
        _requester.reset(token)


def _changed(**how: Any) -> AbstractContextManager[None]:
    outer = _requester.get()
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
    return _changed(batch=Batch())


def may_queue() -> bool:
    """Return whether who asks now comes back when it is its turn."""
    requester = _requester.get()
    return requester is None or requester.waits


def current_requester() -> Requester | None:
    """Return in whose name a request is sent now; None for nobody."""
    return _requester.get()
