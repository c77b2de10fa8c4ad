"""In whose name requests are sent to Azure, and how urgently: known to all that is called, without being passed on."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Asker:
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
class Go:
    """Requests that are of use only together."""

    begun: bool = False


_asker: ContextVar[Asker | None] = ContextVar("asker", default=None)
_go: ContextVar[Go | None] = ContextVar("go", default=None)


@contextmanager
def asking(who: Asker | None) -> Iterator[None]:
    """Send requests in somebody's name; in nobody's they are never postponed."""
    outer = _asker.get()
    if who is not None and outer is not None and not outer.waits:
        who = replace(who, waits=False)
    token = _asker.set(who)
    try:
        yield
    finally:
        _asker.reset(token)


@contextmanager
def _asking_so(**how: bool) -> Iterator[None]:
    outer = _asker.get()
    if outer is None:
        yield
        return
    with asking(replace(outer, **how)):
        yield


def in_background() -> AbstractContextManager[None]:
    """Send requests that may wait for those of people."""
    return _asking_so(background=True)


def if_it_can_be_had() -> AbstractContextManager[None]:
    """Send requests without which one can do: they get no turn in a line, and are postponed for good."""
    return _asking_so(waits=False)


def page_by_page() -> AbstractContextManager[None]:
    """Read a list of so many pages that each needs its turn; who does has to keep how far it got."""
    return _asking_so(page_by_page=True)


def waits_for_turn() -> bool:
    """Return whether who asks now comes back when it is its turn."""
    now = _asker.get()
    return now is None or now.waits


@contextmanager
def in_one_go() -> Iterator[None]:
    """Send requests that are of use only together: once the first may be sent, all may, and are paid for later."""
    token = _go.set(Go())
    try:
        yield
    finally:
        _go.reset(token)


def asker() -> Asker | None:
    """Return in whose name a request is sent now; None for nobody."""
    return _asker.get()


def together() -> Go | None:
    """Return the requests that are sent in one go with the one that is sent now."""
    return _go.get()
