"""An API server with one Lease, and replicas that want it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from azdiskbackup.errors import Conflict, OperatorError, Unavailable
from azdiskbackup.kube.client import KubeClient, NotFoundError
from azdiskbackup.kube.lease import lease as module
from azdiskbackup.kube.lease.lease import Lease
from azdiskbackup.kube.lease.record import UNSETTLED

LONGEST = timedelta(seconds=30)


class Server:
    """The part of the API server that a Lease needs: versions, conflicts, absence."""

    def __init__(self) -> None:
        # As its last holder released it.
        self.lease: dict[str, Any] | None = {
            "metadata": {"name": "azdiskbackup", "resourceVersion": "0", "annotations": {UNSETTLED: "0.000"}}
        }
        self.account: tuple[str, str] | None = ("azdiskbackup", "uid-of-the-account")
        # Whether the next write is carried out, and its answer lost; and whether writes hang after they are.
        self.loses_answer = False
        self.hangs = False
        self.fails: OperatorError | None = None
        self.writes = 0
        self._version = 0

    async def get(self, path: str, seconds: float) -> dict[str, Any]:
        self._check()
        if self.lease is None:
            raise NotFoundError("NotFound", path)
        return copy.deepcopy(self.lease)

    async def replace(self, path: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        self._check()
        if self.lease is None:
            raise NotFoundError("NotFound", path)
        if body["metadata"].get("resourceVersion") != self.lease["metadata"]["resourceVersion"]:
            raise Conflict("Conflict", path)
        stored = self._store(body)
        if self.loses_answer:
            self.loses_answer = False
            raise Unavailable("TimeoutError", "no answer")
        if self.hangs:
            await asyncio.sleep(60)
        return stored

    async def create(self, path: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        self._check()
        if self.lease is not None:
            raise Conflict("AlreadyExists", path)
        return self._store(body)

    async def service_account(self) -> tuple[str, str] | None:
        return self.account

    def touch(self, **spec: Any) -> None:
        assert self.lease is not None
        self._store({**self.lease, "spec": {**self.lease["spec"], **spec}})

    def _check(self) -> None:
        if self.fails is not None:
            raise self.fails

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        self.writes += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}
        return copy.deepcopy(self.lease)


def in_the_loop(goes_on: Callable[[], bool]) -> None:
    """Watch in virtual time, as the thread does in real time."""

    async def watch() -> None:
        while goes_on():  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(module._WATCHED_EVERY)

    _WATCHING.add(asyncio.create_task(watch()))


_WATCHING: set[asyncio.Task[None]] = set()


class Replica:
    def __init__(self, server: Server, name: str, longest: float = 30) -> None:
        self.lost: list[str] = []
        span = timedelta(seconds=longest)
        self.lease = Lease(
            cast(KubeClient, server),
            "ns",
            "azdiskbackup",
            name,
            span,
            self.lost.append,
            monotonic=asyncio.get_running_loop().time,
            watchdog=in_the_loop,
        )


def holder(server: Server) -> str:
    assert server.lease is not None
    return str(server.lease["spec"]["holderIdentity"])
