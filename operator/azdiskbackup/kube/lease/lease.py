"""A Lease of our own: who holds it leads, and nobody else works.

It is renewed every five seconds, and free for others when nobody renewed it for fifteen. Whoever could not renew it for
ten gives up by itself: a thread of its own ends the process then, since the event loop may be what is stuck. That
leaves five seconds between the last moment of one leader and the first of the next.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from azdiskbackup.errors import AccessDenied, Conflict, OperatorError
from azdiskbackup.kube.client import KubeClient, NotFoundError
from azdiskbackup.kube.lease.record import DURATION, Record, new_lease

RENEW_EVERY = 5.0
GIVE_UP_AFTER = 10.0
RETRY_EVERY = 1.0
# While it cannot be read or written.
RETRY_AT_LEAST_EVERY = 8.0
# Two tries, with a pause, fit between a renewal that is due and giving up.
_TIMEOUT = 2.0
_AGAIN_AFTER = 0.5
_RELEASE_WITHIN = 1.0
_WATCHED_EVERY = 0.25
_log = structlog.get_logger("azdiskbackup.lease")


# Calls a function again and again until it returns False, whatever the event loop does.
Watchdog = Callable[[Callable[[], bool]], None]


def in_a_thread(goes_on: Callable[[], bool]) -> None:
    """Watch in a thread of its own: the event loop may be what is stuck."""

    def watch() -> None:
        while goes_on():
            time.sleep(_WATCHED_EVERY)

    threading.Thread(target=watch, name="lease watchdog", daemon=True).start()


class Lease:
    """The Lease of one installation.

    Attributes:
        trouble: why nobody can lead, None when the Lease could be read.

    Args:
        kube: the API server; a client of its own, so that no other request stands before a renewal.
        namespace: where the Lease is.
        name: its name.
        holder: our name. Whoever finds its own name in the Lease is a container that was restarted in its pod: its
            earlier life is surely over.
        longest: how long a request of ours may be on its way.
        lost: called, from a thread, when it is lost; it must end the process.
        lasts: for how many seconds after the last renewal it stays ours.
        monotonic: real time in seconds, which a Lease lives in whatever the clock of the engine says.
        watchdog: looks whether it is still ours.
    """

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        name: str,
        holder: str,
        longest: timedelta,
        lost: Callable[[str], None],
        lasts: float = DURATION,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        watchdog: Watchdog = in_a_thread,
    ) -> None:
        self._kube = kube
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._name = name
        self._path = f"{self._leases}/{name}"
        self._holder = holder
        self._longest = longest.total_seconds()
        self._lost = lost
        self._lasts = lasts
        self._monotonic = monotonic
        self._watchdog = watchdog
        self._ours: Record | None = None
        # Real time until which we lead without doubt; 0 while we do not.
        self._until = 0.0
        # Whether our name may be in it: a request to write it got no answer.
        self._perhaps_ours = False
        # Real time until which requests of whoever led before may arrive.
        self._unsettled_until = 0.0
        # The version that we saw last, and when we first saw it; 0 before we saw any.
        self._seen: tuple[str, float] = ("", 0.0)
        self._keeper: asyncio.Task[None] | None = None
        self.trouble: str | None = "the Lease was not read yet"

    @property
    def held(self) -> bool:
        """Return whether we lead at this moment."""
        return self._monotonic() < self._until

    # --- to get it ----------------------------------------------------------------------------------

    async def acquire(self) -> timedelta:
        """Wait until the Lease is ours, then keep it; return for how long requests of whoever led may arrive.

        Raises:
            AccessDenied: the service account lacks the rights on it.
        """
        pause = RETRY_EVERY
        while True:
            doing = "read"
            try:
                found = await self._get_or_create()
                doing = "write"
                unsettled = await self._try(found)
            except AccessDenied:
                raise
            except OperatorError as error:
                if error.user_message != self.trouble:
                    _log.warning(f"cannot {doing} the Lease", error=error.user_message)
                    pause = RETRY_EVERY
                self.trouble = error.user_message
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_AT_LEAST_EVERY)
            else:
                self.trouble, pause = None, RETRY_EVERY
                if unsettled is not None:
                    return unsettled
                await asyncio.sleep(pause)

    async def _try(self, found: Record) -> timedelta | None:
        if not self._may_take(found):
            return None
        unsettled = self._unsettled(found)
        self._unsettled_until = self._monotonic() + unsettled
        transitions = found.transitions + (found.holder != self._holder)
        return timedelta(seconds=unsettled) if await self._write_ours(found, transitions) else None

    async def _get_or_create(self) -> Record:
        """Return it, made without a holder where there is none: whoever led until it was deleted may not know yet."""
        try:
            return await self._get()
        except NotFoundError:
            body = new_lease(self._name, await self._kube.service_account())
            # Another replica may be faster.
            with suppress(Conflict):
                await self._kube.create(self._leases, body, _TIMEOUT)
        return await self._get()

    async def _get(self) -> Record:
        found = Record(await self._kube.get(self._path, _TIMEOUT))
        if found.version != self._seen[0]:
            self._seen = (found.version, self._monotonic())
        return found

    async def _write_ours(self, found: Record, transitions: int) -> bool:
        """Write our name into it and keep it; return False when somebody else was faster."""
        self._perhaps_ours = True
        started = self._monotonic()
        try:
            self._ours = await self._write(found, transitions)
        except Conflict:
            self._perhaps_ours = False
            return False
        self.trouble = None
        self._keep_until(started + GIVE_UP_AFTER)
        return True

    async def _write(self, found: Record, transitions: int) -> Record:
        left = self._unsettled_until - self._monotonic()
        body = found.held_by(
            self._holder,
            lasts=self._lasts,
            longest=self._longest,
            unsettled=left if left > 0 else None,
            transitions=transitions,
        )
        return Record(await self._kube.replace(self._path, body, _TIMEOUT))

    def _idle(self) -> float:
        """Return for how many seconds nobody wrote it, by our own clock: theirs may be wrong."""
        return self._monotonic() - self._seen[1]

    def _let_go(self, found: Record) -> bool:
        """Return whether nobody else can still work with it: it is ours, or was released."""
        return found.holder == self._holder or found.was_released

    def _may_take(self, found: Record) -> bool:
        # Where it was emptied, or made anew, whoever had it finds that at its next renewal, and works until then.
        lasts = found.lasts if found.holder else GIVE_UP_AFTER
        return self._let_go(found) or self._idle() > lasts

    def _unsettled(self, found: Record) -> float:
        """Return for how many seconds requests of others may still arrive."""
        # Whoever lost it without a word may have sent requests until it gave up.
        silent = 0.0 if self._let_go(found) else GIVE_UP_AFTER + (found.longest or self._longest)
        return max(0.0, max(found.unsettled or 0.0, silent) - self._idle())

    async def seize(self) -> None:
        """Take it from whoever has it, and keep it; return once nobody else can lead.

        Whoever had it finds that at its next renewal, and ends.
        """
        while not await self._write_ours(found := await self._get_or_create(), found.transitions + 1):
            pass
        if not found.was_released:
            await asyncio.sleep(GIVE_UP_AFTER)

    # --- to keep it ---------------------------------------------------------------------------------

    def _keep_until(self, until: float) -> None:
        self._until = until
        self._watchdog(self._is_watched)
        self._keeper = asyncio.create_task(self._keep(), name="lease keeper")

    def _is_watched(self) -> bool:
        # Read once a round: a release makes it 0 at any moment.
        until = self._until
        if until and self._monotonic() >= until:
            self._lost("it could not be renewed in time")
        return bool(until)

    async def _keep(self) -> None:
        pause = RENEW_EVERY
        while True:
            await asyncio.sleep(pause)
            started = self._monotonic()
            # Counted from when the last one began: it may have taken a while.
            renewed = await self._renewed()
            pause = max(started + RENEW_EVERY - self._monotonic(), 0) if renewed else _AGAIN_AFTER

    async def _renewed(self) -> bool:
        assert self._ours is not None, "it is renewed once it is ours"
        started = self._monotonic()
        try:
            self._ours = await self._write(self._ours, self._ours.transitions)
        except (Conflict, NotFoundError):
            await self._look()
            return False
        except OperatorError as error:
            _log.warning("cannot renew the Lease", error=error.user_message)
            return False
        except Exception:
            # Renewals go on whatever it was: without them all work ends.
            _log.exception("cannot renew the Lease")
            return False
        self._until = started + GIVE_UP_AFTER
        return True

    async def _look(self) -> None:
        """See what became of it: somebody touched it, or took it."""
        try:
            found = await self._get()
        except NotFoundError:
            self._until = 0.0
            self._lost("it was deleted")
            return
        except OperatorError:
            return
        if found.holder != self._holder:
            self._until = 0.0
            self._lost(f"{found.holder} holds it" if found.holder else "it was released")
            return
        self._ours = found

    # --- to let it go -------------------------------------------------------------------------------

    def settle(self) -> None:
        """Take note that no request of whoever led before can arrive any more: the next one need not wait for any."""
        self._unsettled_until = 0.0

    async def release(self, unsettled: timedelta) -> None:
        """Let it go, so that another replica need not wait for it to expire.

        Args:
            unsettled: for how long a request of ours may still arrive.
        """
        if self._keeper is not None:
            self._keeper.cancel()
        if not self.held and not self._perhaps_ours:
            return
        self._until = 0.0
        self._unsettled_until = max(self._unsettled_until, self._monotonic() + unsettled.total_seconds())
        try:
            try:
                await self._write_release()
            except Conflict:
                # The last renewal, which was under way, came first.
                self._ours = None
                await self._write_release()
        except OperatorError as error:
            _log.warning("cannot release the Lease; another replica waits until it expires", error=error.user_message)

    async def _write_release(self) -> None:
        if self._ours is None:
            # What we wrote last got no answer.
            self._ours = Record(await self._kube.get(self._path, _RELEASE_WITHIN))
        ours = self._ours
        if ours.holder != self._holder:
            return
        left = max(0.0, self._unsettled_until - self._monotonic())
        body = ours.held_by("", lasts=1, longest=self._longest, unsettled=left, transitions=ours.transitions)
        await self._kube.replace(self._path, body, _RELEASE_WITHIN)
