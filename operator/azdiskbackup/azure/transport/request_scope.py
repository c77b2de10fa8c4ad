"""In whose name requests are sent to Azure, and how urgently: known to all that is called, without being passed on."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Requester:
    """In whose name a request is sent.

    Attributes:
        key: who is woken.
        flow: requests of one flow wait for each other; flows take turns.
        background: whether nobody waits for it.
        waits: whether it wants a turn; else it does without what it asked for.
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

    begun: bool = False


_requester: ContextVar[Requester | None] = ContextVar("asker", default=None)
_batch: ContextVar[Batch | None] = ContextVar("go", default=None)


@contextmanager
def request_scope(who: Requester | None) -> Iterator[None]:
    """Send requests in somebody's name; in nobody's they are never postponed."""
    outer = _requester.get()
    if who is not None and outer is not None and not outer.waits:
        who = replace(who, waits=False)
    token = _requester.set(who)
    try:
        yield
    finally:
        _requester.reset(token)


@contextmanager
def _asking_so(**how: bool) -> Iterator[None]:
    outer = _requester.get()
    if outer is None:
        yield
        return
    with request_scope(replace(outer, **how)):
        yield


def in_background() -> AbstractContextManager[None]:
    """Send requests that may wait for those of people."""
    return _asking_so(background=True)


def best_effort() -> AbstractContextManager[None]:
    """Send requests without which one can do: they get no turn in a line, and are postponed for good."""
    return _asking_so(waits=False)


def page_by_page() -> AbstractContextManager[None]:
    """Read a list of so many pages that each needs its turn; who does has to keep how far it got."""
    return _asking_so(page_by_page=True)


def may_queue() -> bool:
    """Return whether who asks now comes back when it is its turn."""
    now = _requester.get()
    return now is None or now.waits


@contextmanager
def atomic_batch() -> Iterator[None]:
    """Send requests that are of use only together: once the first may be sent, all may, and are paid for later."""
    token = _batch.set(Batch())
    try:
        yield
    finally:
        _batch.reset(token)


def current_requester() -> Requester | None:
    """Return in whose name a request is sent now; None for nobody."""
    return _requester.get()


def current_batch() -> Batch | None:
    """Return the requests that are sent in one go with the one that is sent now."""
    return _batch.get()
