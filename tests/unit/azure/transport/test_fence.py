"""The fence: no write while another leader's may be on its way, none when we do not lead, and reads always."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from azdiskbackup.azure.transport.fence import Fence, FencePolicy
from azdiskbackup.azure.transport.request_scope import Requester, best_effort, request_scope
from azdiskbackup.errors import LeaderHandover, Throttled, Unavailable

_VAULT = "https://arm/subscriptions/s/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v"
_GRAPH = "https://arm/providers/Microsoft.ResourceGraph/resources?api-version=1"

# Time passes when nobody has anything to do.
pytestmark = pytest.mark.virtual_time


class Line:
    """The rest of the pipeline."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.fails: BaseException | None = None

    async def send(self, request: Any) -> str:
        self.sent.append(f"{request.http_request.method} {request.http_request.url}")
        if self.fails is not None:
            raise self.fails
        return "answer"


class Seconds:
    now = 100.0


def policy_of(fence: Fence) -> tuple[FencePolicy, Line]:
    policy, line = FencePolicy(fence, timedelta(seconds=30)), Line()
    policy.next = cast(Any, line)
    return policy, line


def request(method: str, url: str) -> Any:
    return SimpleNamespace(http_request=SimpleNamespace(method=method, url=url))


async def test_writes_wait_until_it_opens_and_reads_do_not() -> None:
    woken: list[object] = []
    fence = Fence(monotonic=asyncio.get_running_loop().time)
    policy, line = policy_of(fence)
    fence.close(timedelta(seconds=30), woken.append)
    await asyncio.sleep(29.9)
    await policy.send(request("GET", _VAULT))
    await policy.send(request("POST", _GRAPH))
    for key, waits in (("a", True), ("b", False)):
        with (
            request_scope(Requester(key, "flow", waits=waits)),
            pytest.raises(LeaderHandover, match="of the last leader"),
        ):
            await policy.send(request("PUT", _VAULT))
    with request_scope(Requester("c", "flow")), best_effort(), pytest.raises(LeaderHandover):
        await policy.send(request("DELETE", _VAULT))
    assert line.sent == [f"GET {_VAULT}", f"POST {_GRAPH}"] and not woken
    await asyncio.sleep(0.1)
    assert woken == ["a"], "who can do without is not woken"
    assert await policy.send(request("PUT", _VAULT)) == "answer"


async def test_where_there_was_nothing_to_wait_for_it_opens_at_once() -> None:
    fence = Fence(monotonic=asyncio.get_running_loop().time)
    policy, _ = policy_of(fence)
    fence.close(timedelta(seconds=30), lambda key: None)
    fence.open()
    assert await policy.send(request("PUT", _VAULT)) == "answer"


async def test_who_does_not_lead_writes_nothing() -> None:
    leads = True
    policy, line = policy_of(Fence(leads=lambda: leads))
    await policy.send(request("PUT", _VAULT))
    leads = False
    with pytest.raises(Unavailable, match="another replica"):
        await policy.send(request("PUT", _VAULT))
    assert len(line.sent) == 1


@pytest.mark.parametrize(
    ("method", "fails", "unsettled"),
    [
        ("PUT", TimeoutError(), 30),
        ("POST", asyncio.CancelledError(), 30),
        ("DELETE", None, 0),
        ("GET", TimeoutError(), 0),
        ("PUT", Throttled("TooManyRequests", "the gate is closed"), 0),
    ],
)
async def test_a_write_without_an_answer_is_remembered(
    method: str, fails: BaseException | None, unsettled: int
) -> None:
    clock = Seconds()
    fence = Fence(monotonic=lambda: clock.now)
    policy, line = policy_of(fence)
    line.fails = fails
    try:
        await policy.send(request(method, _VAULT))
    except BaseException as error:
        assert fails in (error, error.__cause__)
    assert fence.unsettled == timedelta(seconds=unsettled)
    clock.now += 31
    assert fence.unsettled == timedelta(0)
