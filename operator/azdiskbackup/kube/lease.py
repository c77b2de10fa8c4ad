"""A Lease of our own: who holds it leads, and nobody else works.

It is renewed every five seconds, and free for others when nobody renewed it for fifteen. Whoever could not renew it for
ten gives up by itself: a thread of its own ends the process then, since the event loop may be what is stuck. That
leaves five seconds between the last moment of one leader and the first of the next.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from azdiskbackup.errors import AccessDenied, Conflict, OperatorError
from azdiskbackup.kube.client import KubeClient, NotFoundError

DURATION = 15.0
RENEW_EVERY = 5.0
GIVE_UP_AFTER = 10.0
RETRY_EVERY = 1.0
# Below what is left for a second try.
_TIMEOUT = 3.0
_RELEASE_WITHIN = 1.0
_WATCHED_EVERY = 0.25
# Written at a release by a leader whose last requests may still arrive, for whoever leads next.
REQUESTS_UNTIL = "azdiskbackup.io/requests-until"

Raw = Mapping[str, Any]

_log = structlog.get_logger("azdiskbackup.lease")


@dataclass(frozen=True, slots=True)
class Taken:
    """The Lease is ours.

    Attributes:
        requests_until: until when requests of whoever led before may arrive; None when there are none.
    """

    requests_until: datetime | None


class Lease:
    """The Lease of one installation.

    Args:
        kube: the API server.
        namespace: where the Lease is.
        name: its name.
        holder: our name. Whoever finds its own name in the Lease is a container that was restarted in its pod: its
            earlier life is surely over.
        longest: how long a request of whoever loses it without a word may be on its way.
        lost: called, from a thread, when it is lost; it must end the process.
    """

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        name: str,
        holder: str,
        longest: timedelta,
        lost: Callable[[str], None],
    ) -> None:
        self._kube = kube
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"
        self._holder = holder
        self._longest = longest
        self._lost = lost
        self._ours: Raw = {}
        # Real time until which we lead without doubt; 0 while we do not.
        self._until = 0.0
        # What another holder wrote last, and when we first saw that.
        self._seen: tuple[str, float] = ("", 0.0)
        self._keeper: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        """Return whether we lead at this moment."""
        return time.monotonic() < self._until

    # --- to get it ----------------------------------------------------------------------------------

    async def acquire(self) -> Taken:
        """Wait until the Lease is ours, then keep it.

        Raises:
            AccessDenied: the service account lacks the rights on it.
        """
        told = ""
        while True:
            begun = time.monotonic()
            try:
                taken = await self._try()
            except AccessDenied:
                raise
            except OperatorError as error:
                if error.code != told:
                    told = error.code
                    _log.warning("the lease cannot be read; the chart makes it", error=error.sentence)
            else:
                told = ""
                if taken is not None:
                    self._keep_until(begun + GIVE_UP_AFTER)
                    return taken
            await asyncio.sleep(RETRY_EVERY)

    async def _try(self) -> Taken | None:
        found = await self._kube.get(self._path, _TIMEOUT)
        spec = found.get("spec", {})
        holder = spec.get("holderIdentity") or ""
        if holder not in ("", self._holder) and not self._has_expired(found):
            return None
        transitions = int(spec.get("leaseTransitions") or 0) + (holder != self._holder)
        try:
            self._ours = await self._kube.replace(self._path, self._body(found, transitions=transitions), _TIMEOUT)
        except Conflict:
            return None
        return Taken(self._requests_until(found))

    def _has_expired(self, found: Raw) -> bool:
        """Return whether its holder wrote nothing for as long as it said, by our own clock: theirs may be wrong."""
        version, seen = self._seen
        if found["metadata"]["resourceVersion"] != version:
            self._seen = (found["metadata"]["resourceVersion"], time.monotonic())
            return False
        return time.monotonic() - seen > float(found["spec"].get("leaseDurationSeconds") or DURATION)

    def _requests_until(self, found: Raw) -> datetime | None:
        spec = found.get("spec", {})
        told = (found["metadata"].get("annotations") or {}).get(REQUESTS_UNTIL)
        if spec.get("holderIdentity") == self._holder:
            return None
        if not spec.get("holderIdentity"):
            return _time(told)
        renewed = _time(spec.get("renewTime"))
        # It may have sent requests until it gave up.
        return renewed + timedelta(seconds=GIVE_UP_AFTER) + self._longest if renewed else None

    def _body(self, found: Raw, *, transitions: int, requests_until: datetime | None = None) -> dict[str, Any]:
        now = _text(datetime.now(UTC))
        annotations = {
            name: value
            for name, value in (found["metadata"].get("annotations") or {}).items()
            if name != REQUESTS_UNTIL
        }
        if requests_until is not None:
            annotations[REQUESTS_UNTIL] = _text(requests_until)
        acquired = found.get("spec", {}).get("acquireTime")
        mine = found.get("spec", {}).get("holderIdentity") == self._holder
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {**found["metadata"], "annotations": annotations},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": int(DURATION),
                "acquireTime": acquired if mine and acquired else now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }

    async def seize(self) -> bool:
        """Take it from whoever has it, and keep it; return once nobody else can lead. False if there is no such Lease.

        Whoever had it finds that at its next renewal, and ends.
        """
        while True:
            begun = time.monotonic()
            try:
                found = await self._kube.get(self._path, _TIMEOUT)
                transitions = int(found.get("spec", {}).get("leaseTransitions") or 0) + 1
                self._ours = await self._kube.replace(self._path, self._body(found, transitions=transitions), _TIMEOUT)
            except NotFoundError:
                return False
            except Conflict:
                continue
            self._keep_until(begun + GIVE_UP_AFTER)
            if found.get("spec", {}).get("holderIdentity"):
                await asyncio.sleep(GIVE_UP_AFTER)
            return True

    # --- to keep it ---------------------------------------------------------------------------------

    def _keep_until(self, until: float) -> None:
        self._until = until
        threading.Thread(target=self._watch, name="lease watchdog", daemon=True).start()
        self._keeper = asyncio.create_task(self._keep(), name="lease keeper")

    def _watch(self) -> None:
        while self._until:
            if not self.held:
                self._lost("it could not be renewed in time")
            time.sleep(_WATCHED_EVERY)

    async def _keep(self) -> None:
        pause = RENEW_EVERY
        while True:
            await asyncio.sleep(pause)
            pause = RENEW_EVERY if await self._renewed() else RETRY_EVERY

    async def _renewed(self) -> bool:
        begun = time.monotonic()
        body = self._body(self._ours, transitions=self._ours["spec"]["leaseTransitions"])
        try:
            self._ours = await self._kube.replace(self._path, body, _TIMEOUT)
        except (Conflict, NotFoundError):
            await self._look()
            return False
        except OperatorError as error:
            _log.warning("the lease could not be renewed", error=error.sentence)
            return False
        self._until = begun + GIVE_UP_AFTER
        return True

    async def _look(self) -> None:
        """See what became of it: somebody touched it, or took it."""
        try:
            found = await self._kube.get(self._path, _TIMEOUT)
        except NotFoundError:
            self._until = 0.0
            self._lost("somebody deleted it")
            return
        except OperatorError:
            return
        holder = found.get("spec", {}).get("holderIdentity")
        if holder != self._holder:
            self._until = 0.0
            self._lost(f"{holder or 'nobody'} holds it")
            return
        self._ours = found

    # --- to let it go -------------------------------------------------------------------------------

    async def release(self, unsettled: timedelta) -> None:
        """Let it go, so that another replica need not wait for it to expire.

        Args:
            unsettled: for how long a request of ours may still arrive.
        """
        if self._keeper is not None:
            self._keeper.cancel()
        if not self.held:
            return
        until = datetime.now(UTC) + unsettled if unsettled else None
        self._until = 0.0
        try:
            try:
                await self._write_release(until)
            except Conflict:
                # The last renewal, which was under way, came first.
                self._ours = await self._kube.get(self._path, _RELEASE_WITHIN)
                await self._write_release(until)
        except OperatorError as error:
            _log.warning("the lease could not be released; another replica waits for it", error=error.sentence)

    async def _write_release(self, requests_until: datetime | None) -> None:
        if self._ours.get("spec", {}).get("holderIdentity") != self._holder:
            return
        transitions = self._ours["spec"]["leaseTransitions"]
        body = self._body(self._ours, transitions=transitions, requests_until=requests_until)
        body["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        await self._kube.replace(self._path, body, _RELEASE_WITHIN)


def _text(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}Z"


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
