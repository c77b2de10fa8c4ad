"""Planted bugs in how two replicas are kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from unittest import mock

from azdiskbackup.azure.transport.fence import Fence
from simulation.mutants.plant import Patch


def _who_leads_no_more_writes_on() -> Any:
    check = Fence.check

    def careless(self: Fence) -> None:
        with mock.patch.object(self, "_leads", lambda: True):
            check(self)

    return mock.patch.object(Fence, "check", careless)


def _the_next_leader_writes_at_once() -> Any:
    close = Fence.close

    def briefly(self: Fence, span: timedelta, wake: Any) -> None:
        close(self, timedelta(), wake)

    return mock.patch.object(Fence, "close", briefly)


MUTANTS: Mapping[str, Patch] = {
    "who leads no more writes on": _who_leads_no_more_writes_on,
    "the next leader writes at once": _the_next_leader_writes_at_once,
}
