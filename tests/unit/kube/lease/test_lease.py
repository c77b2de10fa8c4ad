"""The Lease: who gets it, who keeps it, who loses it, and what the next one learns of the last."""

from __future__ import annotations

import asyncio
import copy
import itertools
import threading
from datetime import timedelta
from typing import Any, cast

import pytest

from azdiskbackup.errors import AccessDenied, OperatorError, Unavailable
from azdiskbackup.kube.client import KubeClient
from azdiskbackup.kube.lease import lease as module
from azdiskbackup.kube.lease.lease import Lease
from unit.kube.lease.lease_world import LONGEST, Replica, Server, holder

# Time passes when nobody has anything to do.
pytestmark = pytest.mark.virtual_time


@pytest.fixture
async def server() -> Server:
    return Server()


async def test_the_first_gets_it_and_keeps_it(server: Server) -> None:
    first = Replica(server, "a")
    assert await first.lease.acquire() == timedelta()
    before = server.writes
    await asyncio.sleep(17.5)
    assert first.lease.held and holder(server) == "a" and not first.lost
    assert server.writes - before == 3, "renewed every five seconds, not more often"
    await first.lease.release(timedelta())
    assert not first.lease.held and holder(server) == ""


async def test_who_stands_by_gets_it_at_once_when_it_is_released(server: Server) -> None:
    first, second = Replica(server, "a"), Replica(server, "b")
    await first.lease.acquire()
    waiting = asyncio.create_task(second.lease.acquire())
    await asyncio.sleep(5)
    assert not waiting.done()
    await first.lease.release(timedelta())
    assert await asyncio.wait_for(waiting, 1.01) == timedelta(), "nothing of the first is on its way"
    assert server.lease is not None and server.lease["spec"]["leaseTransitions"] == 2
    await second.lease.release(timedelta())
    assert not first.lost and not second.lost


def now() -> float:
    return asyncio.get_running_loop().time()


def near(span: timedelta, seconds: float) -> bool:
    return abs(span.total_seconds() - seconds) < 1


async def test_what_is_on_its_way_is_told_to_all_who_come_while_it_is(server: Server) -> None:
    first, second, third, fourth = (Replica(server, name) for name in "abcd")
    await first.lease.acquire()
    await first.lease.release(timedelta(seconds=1.5))
    assert near(await second.lease.acquire(), 1.5)
    await second.lease.release(timedelta())
    assert near(await third.lease.acquire(), 1.5), "the second had nothing on its way, the first still has"
    await asyncio.sleep(1.6)
    await third.lease.release(timedelta())
    assert await fourth.lease.acquire() == timedelta()
    await fourth.lease.release(timedelta())


async def test_who_says_nothing_any_more_loses_it_and_its_longest_request_is_waited_for(server: Server) -> None:
    first, second = Replica(server, "a"), Replica(server, "b", longest=1)
    await first.lease.acquire()
    dies(first)
    # The clock of the first was wrong by an hour: it is not asked.
    server.touch(leaseDurationSeconds=15, renewTime="2020-01-01T00:00:00.000000Z")
    started = now()
    unsettled = await second.lease.acquire()
    assert 15 < now() - started <= 16.1, "by its own clock, from when it first saw it"
    # From the last sign of life, which is sixteen seconds ago, it may have sent for ten.
    assert near(unsettled, 10 + LONGEST.total_seconds() - 16), "how long that is says who sent it"
    assert holder(server) == "b"
    dies(second)
    server.touch(leaseDurationSeconds=15)
    third = Replica(server, "c", longest=1)
    unsettled = await third.lease.acquire()
    assert near(unsettled, 10 + LONGEST.total_seconds() - 16 - 16), "what was waited for goes on"
    await third.lease.release(timedelta())


async def test_an_answer_that_is_lost_loses_nothing_of_what_has_to_be_waited_for(server: Server) -> None:
    first, second = Replica(server, "a"), Replica(server, "b")
    await first.lease.acquire()
    dies(first)
    server.touch(leaseDurationSeconds=5)
    server.loses_answer = True
    unsettled = await second.lease.acquire()
    assert near(unsettled, 10 + LONGEST.total_seconds() - 6) and second.lease.held
    assert second.lease.trouble is None
    await second.lease.release(timedelta())


async def test_one_that_somebody_emptied_was_not_released(server: Server) -> None:
    first, second = Replica(server, "a"), Replica(server, "b")
    await first.lease.acquire()
    dies(first)
    assert server.lease is not None
    server.lease["spec"] = {}
    started = now()
    unsettled = await second.lease.acquire()
    assert 10 < now() - started <= 11.1, "whoever had it may not have seen it yet"
    assert near(unsettled, 10 + LONGEST.total_seconds() - 11)
    await second.lease.release(timedelta())


@pytest.mark.parametrize("account", [("azdiskbackup", "uid-of-the-account"), None], ids=["in a pod", "elsewhere"])
async def test_where_there_is_none_it_is_made_and_goes_with_the_service_account(
    server: Server, account: tuple[str, str] | None
) -> None:
    server.lease, server.account = None, account
    first, second = Replica(server, "a"), Replica(server, "b")
    both = [asyncio.create_task(each.lease.acquire()) for each in (first, second)]
    await asyncio.sleep(0.5)
    made = copy.deepcopy(cast("dict[str, Any] | None", server.lease))
    assert made is not None and "spec" not in made, "nobody has it: somebody may lead, and not know yet that it is gone"
    assert made["metadata"]["labels"]["app.kubernetes.io/part-of"] == "azdiskbackup", "the command finds it by that"
    assert [each["uid"] for each in made["metadata"]["ownerReferences"]] == ([account[1]] if account else [])
    assert first.lease.trouble is None and second.lease.trouble is None
    await asyncio.sleep(11)
    assert sum(each.lease.held for each in (first, second)) == 1
    for task in both:
        task.cancel()
    await next(each.lease for each in (first, second) if each.lease.held).release(timedelta())


async def test_one_that_is_deleted_under_who_leads_is_made_anew_without_two_leaders(server: Server) -> None:
    """As an upgrade does where the chart owned it, while a replica starts that never saw it."""
    old = Replica(server, "old")
    await old.lease.acquire()
    # At worst, right after it was renewed.
    await asyncio.sleep(5.1)
    server.lease = None
    new = Replica(server, "new")
    taking = asyncio.create_task(new.lease.acquire())
    both_held = False
    for _ in range(200):
        await asyncio.sleep(0.1)
        both_held |= old.lease.held and new.lease.held
    assert not both_held and new.lease.held and old.lost
    assert near(await taking, 10 + LONGEST.total_seconds() - 11), "what the old one sent may still arrive"
    await new.lease.release(timedelta())


async def test_who_is_ended_while_it_is_given_to_it_lets_go_of_it(server: Server) -> None:
    first = Replica(server, "a")
    server.hangs = True
    waiting = asyncio.create_task(first.lease.acquire())
    await asyncio.sleep(1)
    waiting.cancel()
    server.hangs = False
    assert holder(server) == "a" and not first.lease.held
    await first.lease.release(timedelta())
    assert holder(server) == ""


def dies(replica: Replica) -> None:
    """End it as SIGKILL would."""
    assert replica.lease._keeper is not None
    replica.lease._keeper.cancel()
    replica.lease._until = 0.0


async def test_a_container_that_was_restarted_finds_its_own_lease(server: Server) -> None:
    first, again = Replica(server, "a"), Replica(server, "a")
    await first.lease.acquire()
    dies(first)
    assert await asyncio.wait_for(again.lease.acquire(), 0.01) == timedelta()
    await again.lease.release(timedelta())


@pytest.mark.parametrize("how", ["taken", "deleted"])
async def test_who_finds_it_lost_is_told_at_once(server: Server, how: str) -> None:
    first = Replica(server, "a")
    await first.lease.acquire()
    if how == "taken":
        server.touch(holderIdentity="b")
    else:
        server.lease = None
    await asyncio.sleep(5.1)
    assert first.lost[0] == ("b holds it" if how == "taken" else "it was deleted")
    await first.lease.release(timedelta())
    assert how == "deleted" or holder(server) == "b", "what is not ours is not released"


async def test_who_cannot_renew_it_gives_up_before_it_expires(server: Server) -> None:
    first = Replica(server, "a")
    await first.lease.acquire()
    server.fails = Unavailable("Away", "the API server is away")
    await asyncio.sleep(9.9)
    assert first.lease.held and not first.lost, "for a while it may come back"
    await asyncio.sleep(0.4)
    assert not first.lease.held and set(first.lost) == {"it could not be renewed in time"}
    await first.lease.release(timedelta())
    first.lease._until = 0.0


async def test_a_loop_that_is_stuck_loses_it_all_the_same(server: Server) -> None:
    seconds, told = 100.0, threading.Event()

    def lost(why: str) -> None:
        told.set()

    stuck = Lease(cast(KubeClient, server), "ns", "azdiskbackup", "a", LONGEST, lost, monotonic=lambda: seconds)
    await stuck.acquire()
    assert not told.is_set()
    seconds += module.GIVE_UP_AFTER
    # The loop stands still until then.
    assert told.wait(60), "a thread of its own tells"
    await stuck.release(timedelta())
    stuck._until = 0.0


async def test_somebody_touched_it(server: Server) -> None:
    first = Replica(server, "a")
    await first.lease.acquire()
    server.touch(leaseTransitions=7)
    await asyncio.sleep(15)
    assert first.lease.held and not first.lost
    server.touch(leaseTransitions=8)
    await first.lease.release(timedelta())
    assert holder(server) == "", "also when the last renewal came in between"


async def test_an_api_server_that_is_away_is_waited_for_and_a_missing_right_is_not(server: Server) -> None:
    first = Replica(server, "a")
    server.fails = Unavailable("Away", "the API server is away")
    waiting = asyncio.create_task(first.lease.acquire())
    await asyncio.sleep(3.5)
    server.fails = None
    await asyncio.wait_for(waiting, 8.01)
    await first.lease.release(timedelta())
    server.fails = AccessDenied("Forbidden", "leases is forbidden")
    with pytest.raises(AccessDenied):
        await Replica(server, "b").lease.acquire()


async def test_it_is_seized_by_who_uninstalls(server: Server) -> None:
    first, remover = Replica(server, "a"), Replica(server, "uninstall")
    await first.lease.acquire()
    started = now()
    await remover.lease.seize()
    assert now() - started == pytest.approx(10), "nobody can lead any more"
    assert first.lost[0] == "uninstall holds it" and not first.lease.held and remover.lease.held
    await remover.lease.release(timedelta())
    started = now()
    await remover.lease.seize()
    assert now() == started, "free, it is had at once"
    await remover.lease.release(timedelta())
    server.lease = None
    await remover.lease.seize()
    assert now() - started == pytest.approx(10) and remover.lease.held, "whoever led may not have seen that it was gone"
    await remover.lease.release(timedelta())


async def test_two_who_want_it_at_the_same_moment(server: Server) -> None:
    replicas = [Replica(server, name) for name in "abcd"]
    tasks = [asyncio.create_task(each.lease.acquire()) for each in replicas]
    await asyncio.sleep(3)
    assert sum(task.done() for task in tasks) == 1
    for task in tasks:
        task.cancel()
    await next(each.lease for each in replicas if each.lease.held).release(timedelta())


async def test_a_lease_that_can_be_read_and_not_written_is_told_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, str]] = []
    tries: list[float] = []
    monkeypatch.setattr(module._log, "warning", lambda event, error: said.append((event, error)))
    problem: list[OperatorError] = [Unavailable("Webhook", "no answer")]

    async def refuse(path: str, body: object, seconds: float) -> None:
        tries.append(now())
        raise problem[0]

    taken = server.replace
    monkeypatch.setattr(server, "replace", refuse)
    replica = Replica(server, "a")
    waiting = asyncio.create_task(replica.lease.acquire())
    await asyncio.sleep(120)
    assert said == [("cannot write the Lease", problem[0].user_message)]
    assert replica.lease.trouble == problem[0].user_message, "to read it is not enough to lead"
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == sorted(pauses) and pauses[0] == 1 and 5 <= pauses[-1] <= 15, "ever less often"
    server.fails = Unavailable("Away", "no answer")
    await asyncio.sleep(60)
    assert said[1:] == [("cannot read the Lease", server.fails.user_message)]
    server.fails = None
    monkeypatch.setattr(server, "replace", taken)
    await waiting
    assert replica.lease.trouble is None
    await replica.lease.release(timedelta())


async def test_who_has_nothing_to_wait_for_leaves_nothing_to_wait_for(server: Server) -> None:
    """A first start, with no object that anybody could have written to Azure for, and a restart right after it."""
    server.lease = None
    first = Replica(server, "a")
    assert await first.lease.acquire() > timedelta()
    first.lease.settle()
    await first.lease.release(timedelta())
    assert await Replica(server, "b").lease.acquire() == timedelta()
